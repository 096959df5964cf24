import assert from "node:assert/strict";
import { test } from "node:test";

import "./browser.js";
import { proposalFor } from "../../static/js/study/eye.js";
import { gradesDisagree } from "../../static/js/study/facts.js";
import { framed } from "../../static/js/study/marks.js";
import { noteText } from "../../static/js/study/quality.js";
import { limitsText, maculaText, numbersText, outdated } from "../../static/js/study/rules.js";
import { eyeText } from "../../static/js/study/thumbnails.js";
import { doneText } from "../../static/js/upload-list.js";
import { FileState, UploadQueue } from "../../static/js/upload-queue.js";
import { signed } from "../../static/js/study/visits.js";

test("a frame is wider than its lesion on every side", () => {
  assert.deepEqual(framed([10, 20, 4, 6], 3), { x: 7, y: 17, width: 10, height: 12 });
});

test("a photograph is flagged by its newest result", () => {
  const result = (disagrees) => ({ state: "succeeded", result: { rules: { disagrees } } });
  assert.equal(gradesDisagree({ predictions: [{ state: "failed", result: null }, result(true), result(false)] }), true);
  assert.equal(gradesDisagree({ predictions: [result(false), result(true)] }), false);
  assert.equal(gradesDisagree({ predictions: [] }), false);
});

test("only what nobody has stated is proposed", () => {
  const landmarks = { laterality: "OD", field: "macula" };
  assert.deepEqual(proposalFor({ laterality: "unknown", field: "unknown", landmarks }), { laterality: "OD", field: "macula" });
  assert.deepEqual(proposalFor({ laterality: "OS", field: "unknown", landmarks }), { field: "macula" });
  assert.deepEqual(proposalFor({ laterality: "unknown", field: "disc", landmarks: { laterality: "unknown", field: "unknown" } }), {});
});

test("an eye that nobody confirmed carries a question mark", () => {
  assert.equal(eyeText({ laterality: "OD", eye: "OD" }), "OD");
  assert.equal(eyeText({ laterality: "unknown", eye: "OS" }), "OS?");
  assert.equal(eyeText({ laterality: "unknown", eye: "unknown" }), "?");
});

test("rules are asked for again where a person changed something", () => {
  const landmarks = { disc: { confidence: 0.9 }, fovea: null };
  assert.equal(outdated({ revisions: [], landmarks }), false);
  assert.equal(outdated({ revisions: [{}], landmarks }), true);
  assert.equal(outdated({ revisions: [], landmarks: { ...landmarks, fovea: { confidence: 1 } } }), true);
});

test("the macula is told with its distance", () => {
  assert.match(maculaText({ state: "referable", nearest: 0.42 }), /\(0\.4\): referable/);
  assert.match(maculaText({ state: "possible", nearest: 1.5 }), /1\.5 disc diameters/);
  assert.match(maculaText({ state: "none", nearest: 2.6 }), /2\.6 away/);
  assert.match(maculaText({ state: "none", nearest: null }), /No hard exudates that count/);
  assert.match(maculaText({ state: "unknown", nearest: null }), /mark it/);
});

test("numbers of a rule name its quadrants", () => {
  const names = { upper_left: "UL", lower_right: "LR" };
  assert.equal(numbersText({ lesion: "HE", count: 3, quadrants: { upper_left: 1, lower_right: 2 } }, names), "3 found · UL 1, LR 2");
  assert.equal(numbersText({ lesion: "", count: 0, quadrants: {} }, names), "");
});

test("areas that are left out are told", () => {
  const rules = { not_assessed: ["new vessels"], only_sure: false, corrected: false };
  assert.match(limitsText(rules), /\(new vessels\)\.$/);
  assert.match(limitsText({ ...rules, only_sure: true }), /only those count of which it is sure; of corrected masks all do\.$/);
  assert.match(limitsText({ ...rules, only_sure: true, corrected: true }), /is sure.* From the corrected masks\.$/);
});

test("a change carries its sign", () => {
  assert.deepEqual([signed(3), signed(-2), signed(0), signed(null), signed(-0.001, 2), signed(0.5, 2)], ["+3", "−2", "±0", "", "±0", "+0.50"]);
});

test("a reader's word is told with who and why", () => {
  assert.match(noteText({ override: "limited", note: "Lashes.", overridden_by: "Dr Li" }), /Dr Li: Lashes\./);
  assert.equal(noteText({ override: "", note: "", overridden_by: null }), "");
});

test("an upload says what is wrong with it and where the same file is", () => {
  const blurred = { code: "out_of_focus", severity: "ungradable", message: "Out of focus.", advice: "Take it again." };
  const quality = { verdict: "ungradable", verdict_label: "Ungradable", reasons: [blurred, { severity: "note", message: "N", advice: "A" }] };
  assert.equal(doneText({ message: "Stored.", same_file_in: [], quality }), "Uploaded · Ungradable · Out of focus. Take it again.");
  assert.match(doneText({ message: "Also in study 7.", same_file_in: [7], quality }), /^Also in study 7\. · Ungradable/);
  assert.equal(doneText({ message: "Stored.", same_file_in: [], quality: { verdict: "gradable", verdict_label: "Gradable", reasons: [] } }), "Uploaded");
});

test("a file that the study has already is not sent again", async () => {
  const queue = new UploadQueue({ maxUploadBytes: 1000, maxUploadMb: 1 });
  queue.add([{ name: "a.jpg", size: 10, lastModified: 1 }]);
  await queue.run(() => Promise.reject(Object.assign(new Error("In the study."), { code: "already_in_study" })));
  assert.deepEqual([queue.items[0].state, queue.items[0].hopeless], [FileState.FAILED, true]);
  queue.retryAll();
  assert.equal(queue.items[0].state, FileState.FAILED);
});
