import assert from "node:assert/strict";
import { test } from "node:test";

import "./browser.js";
import {
  chosenSource, imageGrade, imageState, isBusy, local, maskSources, progressText, proposedGrade, shownPrediction,
} from "../../static/js/study/facts.js";
import { recallText } from "../../static/js/study/decision.js";
import { explanationState } from "../../static/js/study/explanation.js";
import { layerSize, tint } from "../../static/js/study/layers.js";
import { sameReading, wordsOf } from "../../static/js/study/reading.js";
import { timingLines } from "../../static/js/study/timings.js";
import { MAX_SCALE, View } from "../../static/js/study/viewer.js";

const result = (grade) => ({
  grade,
  lesions: [{ lesion: "EX", mask_url: "/api/predictions/5/masks/EX", count: 3 }, { lesion: "MA", mask_url: null, count: null }],
});
const prediction = (id, state, grade = 2) => ({
  prediction_id: id, state, result: state === "succeeded" ? result(grade) : null,
});
const image = (...predictions) => ({ image_id: 1, predictions, revisions: [] });

test("the newest result is shown unless another one is chosen", () => {
  const shown = image(prediction(9, "failed"), prediction(7, "succeeded"), prediction(5, "succeeded"));
  assert.equal(shownPrediction(shown).prediction_id, 7);
  assert.equal(shownPrediction(shown, 5).prediction_id, 5);
  assert.equal(shownPrediction(shown, 404).prediction_id, 7);
  assert.equal(shownPrediction(image(prediction(9, "failed"))).prediction_id, 9);
  assert.equal(shownPrediction(image()), null);
});

test("state and grade of a photograph", () => {
  assert.equal(imageState(image(prediction(2, "queued"), prediction(1, "succeeded"))), "busy");
  assert.equal(imageState(image(prediction(2, "failed"), prediction(1, "succeeded"))), "succeeded");
  assert.equal(imageState(image(prediction(2, "cancelled"))), "cancelled");
  assert.equal(imageState(image()), "none");
  assert.equal(imageGrade(image(prediction(2, "running"), prediction(1, "succeeded", 4))), 4);
  assert.equal(imageGrade(image()), null);
  assert.equal(isBusy({ images: [image(prediction(1, "succeeded")), image(prediction(2, "running"))] }), true);
  assert.equal(isBusy({ images: [image(prediction(1, "failed"))] }), false);
});

test("the reader's grade goes before the networks' in a report", () => {
  const study = { images: [image(prediction(1, "succeeded", 1)), image(prediction(2, "succeeded", 3))] };
  assert.equal(proposedGrade(study, { grade_od: null, grade_os: null }), 3);
  assert.equal(proposedGrade(study, { grade_od: 0, grade_os: 2 }), 2);
  assert.equal(proposedGrade(study, { grade_od: 0, grade_os: null }), 0);
  assert.equal(proposedGrade({ images: [] }, { grade_od: null, grade_os: null }), null);
});

test("masks: the network's own, and corrections from the newest", () => {
  const corrected = {
    ...image(prediction(5, "succeeded")),
    revisions: [
      { lesion: "EX", revision: 1, image_url: "/api/revisions/1/mask", count: 4 },
      { lesion: "EX", revision: 2, image_url: "/api/revisions/2/mask", count: 2 },
      { lesion: "MA", revision: 1, image_url: "/api/revisions/3/mask", count: 1 },
    ],
  };
  const sources = maskSources(corrected, corrected.predictions[0], "EX");
  assert.deepEqual(sources.map((source) => source.key), ["network", "r2", "r1"]);
  assert.equal(chosenSource(sources, "current").key, "r2");
  assert.equal(chosenSource(sources, "network").key, "network");
  assert.equal(chosenSource(sources, "r1").url, "/api/revisions/1/mask");
  assert.equal(chosenSource(sources, "r9").key, "r2");
  assert.deepEqual(maskSources(corrected, corrected.predictions[0], "MA").map((source) => source.key), ["r1"]);
  assert.equal(chosenSource(maskSources(corrected, corrected.predictions[0], "SE"), "current"), null);
});

test("progress in words", () => {
  const stages = { segment: "outlining lesions" };
  assert.equal(progressText({ state: "queued", queue_position: 0 }, stages), "Waiting; next in line.");
  assert.equal(progressText({ state: "queued", queue_position: 1 }, stages), "Waiting; 1 analysis ahead.");
  assert.equal(progressText({ state: "queued", queue_position: 3 }, stages), "Waiting; 3 analyses ahead.");
  const waiting = (seconds) => progressText({ state: "queued", queue_position: 3, expected_wait_seconds: seconds }, stages);
  assert.equal(waiting(null), "Waiting; 3 analyses ahead.");
  assert.equal(waiting(20), "Waiting; 3 analyses ahead. Result in less than a minute.");
  assert.equal(waiting(61), "Waiting; 3 analyses ahead. Result in about 2 minutes.");
  const unattended = progressText({ state: "queued", queue_position: 0, unattended: true }, stages);
  const kept = "No worker is running at present; the photograph is kept, and analysed once one runs.";
  assert.equal(unattended, `Waiting; next in line. ${kept}`);
  assert.equal(progressText({ state: "running", stage: "segment" }, stages), "Being analysed: outlining lesions …");
  assert.equal(progressText({ state: "running", stage: "unheard of" }, stages), "Being analysed …");
  const stalled = progressText({ state: "running", stage: "segment", attempts: 1, stalled: true }, stages);
  assert.equal(stalled, "The worker that was at it has fallen silent; the next free one takes over by itself.");
  const again = "An earlier attempt was interrupted; it is tried again by itself.";
  const attempt = (state, attempts) => progressText({ state, attempts, queue_position: 0, stage: "segment" }, stages);
  assert.equal(attempt("queued", 0), "Waiting; next in line.");
  assert.equal(attempt("queued", 1), `Waiting; next in line. ${again}`);
  assert.equal(attempt("running", 1), "Being analysed: outlining lesions …");
  assert.equal(attempt("running", 2), `Being analysed: outlining lesions … ${again}`);
});

test("links of the API are followed on this server", () => {
  assert.equal(local("http://inner:8000/api/images/1/preview?x=1"), "/api/images/1/preview?x=1");
});

test("a mask becomes a tint whose opacity is its lightness", () => {
  const pixels = new Uint8ClampedArray([255, 255, 255, 255, 0, 0, 0, 255, 128, 128, 128, 255]);
  tint(pixels, [10, 20, 30]);
  assert.deepEqual([...pixels], [10, 20, 30, 255, 10, 20, 30, 0, 10, 20, 30, 128]);
});

test("layers are no larger than memory allows and keep their shape", () => {
  assert.deepEqual(layerSize(4288, 2848, 2048), [2048, 1360]);
  assert.deepEqual(layerSize(400, 300, 2048), [400, 300]);
});

function view() {
  const made = new View();
  made.picture = { width: 4000, height: 2000 };
  made.viewport = { width: 1000, height: 800 };
  made.fit();
  return made;
}

test("a fitted photograph lies in the middle", () => {
  const { scale, x, y } = view();
  assert.deepEqual([scale, x, y], [0.25, 0, 150]);
});

test("zooming keeps the point under the mouse", () => {
  const zoomed = view();
  const at = () => [(300 - zoomed.x) / zoomed.scale, (400 - zoomed.y) / zoomed.scale];
  const before = at();
  zoomed.zoom(3, 300, 400);
  assert.ok(at().every((value, index) => Math.abs(value - before[index]) < 1e-6));
  assert.equal(zoomed.fitted, false);
});

test("zoom has limits, and the photograph never leaves the window", () => {
  const moved = view();
  moved.zoom(1e9);
  assert.equal(moved.scale, MAX_SCALE);
  moved.zoom(1e-9);
  assert.equal(moved.scale, 0.25);
  moved.pan(1e6, -1e6);
  assert.ok(moved.x < 1000);
  assert.ok(moved.y + 2000 * moved.scale > 0);
});

test("a photograph smaller than the window is not shrunk", () => {
  const small = new View();
  small.picture = { width: 200, height: 200 };
  small.viewport = { width: 1000, height: 800 };
  small.fit();
  assert.equal(small.scale, 4);
  small.zoom(1e-9);
  assert.equal(small.scale, 1);
});

test("the explanation can be asked for where it is missing, and shown where it is there", () => {
  const plain = { state: "succeeded", result: { images: { explanation: null } } };
  const explained = { state: "succeeded", result: { images: { explanation: "http://proxy.example/api/predictions/5/explanation" } } };
  assert.deepEqual(explanationState(plain, true), { url: null, canAsk: true });
  assert.deepEqual(explanationState(plain, false), { url: null, canAsk: false });
  assert.deepEqual(explanationState(explained, true), { url: "/api/predictions/5/explanation", canAsk: false });
  assert.deepEqual(explanationState({ state: "running", result: null }, true), { url: null, canAsk: false });
  assert.deepEqual(explanationState(null, true), { url: null, canAsk: false });
});

test("stage times end in their sum", () => {
  const answer = { stages: [{ stage: "upload_decode", label: "Upload", seconds: 0.1 }, { stage: "grade", label: "Grading", seconds: 0.3 }], total: 0.4 };
  assert.deepEqual(timingLines(answer), [["Upload", 0.1], ["Grading", 0.3], ["From the last uploaded byte to the result", 0.4]]);
});

test("a copy of a reading from an older page lacks parts and says the same", () => {
  const words = wordsOf({ diagnosis: "x", grade_od: 2 });
  assert.deepEqual(words.grade_os, null);
  assert.equal(words.macula_od, "");
  assert.ok(sameReading(words, { diagnosis: "x", grade_od: 2 }));
  assert.ok(!sameReading(words, { ...words, gradability_os: "ungradable" }));
});

test("recall is told with its months and the retake", () => {
  assert.equal(recallText({ months: 6, retake: false }), "Next examination within 6 months of the visit.");
  assert.match(recallText({ months: null, retake: true }), /^Photograph the eye again/);
});
