/** The page of a study: reads it from the API, shows one photograph, and reads it again whenever it changed. */

import { api } from "./api.js";
import { byId, element, options, pageData, say } from "./dom.js";
import { listenForKeys } from "./keys.js";
import { Live, socketAddress } from "./live.js";
import { sessionWorks, watchSession } from "./session.js";
import { showDecision } from "./study/decision.js";
import { EXPLANATION, Explanation } from "./study/explanation.js";
import { Eye } from "./study/eye.js";
import { isBusy, isOpen, shownPrediction } from "./study/facts.js";
import { LesionTable, showGrade, showProgress } from "./study/findings.js";
import { Layers } from "./study/layers.js";
import { Marks } from "./study/marks.js";
import { Picture } from "./study/picture.js";
import { Quality } from "./study/quality.js";
import { ReadingForm } from "./study/reading.js";
import { ReportForm } from "./study/report.js";
import { Rules } from "./study/rules.js";
import { Signing } from "./study/signing.js";
import { Thumbnails } from "./study/thumbnails.js";
import { Timings } from "./study/timings.js";
import { Visits } from "./study/visits.js";

const data = pageData();
const may = new Set(data.may);
const networkLabels = new Map(data.networks.map(({ name, label }) => [name, label]));
const eyes = new Map(data.lateralities);

let study = null;
let chosenImage = null;
let chosenPrediction = null;
let lastText = "";

const currentImage = () => study.images.find((image) => image.image_id === chosenImage) ?? study.images[0];

function report(error) {
  if (!error.loginNeeded) {
    say(byId("problem"), error.message);
  }
}

const layers = new Layers(byId("stage"), [EXPLANATION, ...data.lesions]);
const picture = new Picture(layers);
const marks = new Marks(byId("stage"));
const rules = new Rules(data.grades, marks, report);
const quality = new Quality(readAgain);
const eye = new Eye(data, picture.viewer, readAgain);
const visits = new Visits(data);
const table = new LesionTable(data.lesions, layers, report);
const reading = new ReadingForm(data, proposeGrade);
const reports = new ReportForm(data.studyId, reading, readAgain);
const explanation = new Explanation(layers, explain, report);
const timings = new Timings(report);
const thumbnails = new Thumbnails(data.grades, eyes, new Map(data.fields), choose);
const live = new Live({
  socketUrl: socketAddress(`/ws/studies/${data.studyId}/`),
  read: () => api.get(`/api/studies/${data.studyId}`),
  onData: take,
  onError: report,
});

function proposeGrade() {
  if (study) {
    reports.show(study);
  }
}

function readAgain() {
  live.refresh();
}

/** Take in what the server says; returns whether anything is still in work. */
function take(answer) {
  sessionWorks();
  say(byId("problem"), "");
  study = answer;
  const text = JSON.stringify(answer);
  if (text !== lastText) {
    lastText = text;
    show();
    if (study.patient) {
      showVisits();
    }
  }
  return isBusy(answer);
}

async function showVisits() {
  try {
    visits.show((await api.get(`/api/studies/${data.studyId}/visits`)).visits);
  } catch (error) {
    report(error);
  }
}

function choose(imageId) {
  chosenImage = imageId;
  chosenPrediction = null;
  table.reset();
  show();
}

function show() {
  thumbnails.show(study.images, currentImage()?.image_id);
  byId("no-photographs").hidden = study.images.length > 0;
  byId("study").hidden = study.images.length === 0;
  showDecision(study.decision, eyes);
  reports.show(study);
  if (study.images.length > 0) {
    showImage(currentImage());
  }
}

function nothingText() {
  return study.network_hidden
    ? gettext("What the network found is hidden until both readers have signed.")
    : gettext("Not analysed yet. Choose a network below.");
}

function showImage(image) {
  const prediction = shownPrediction(image, chosenPrediction);
  picture.show(image);
  byId("photograph").setAttribute("aria-labelledby", `tab-${image.image_id}`);
  const inWork = image.predictions.find(isOpen) ?? prediction;
  showProgress(prediction?.state === "succeeded" ? (isOpen(inWork) ? inWork : null) : prediction, {
    mayAnalyse: may.has("analyse"),
    onCancel: () => act(`/api/predictions/${inWork.prediction_id}/cancel`),
    onRetry: () => act(`/api/predictions/${inWork.prediction_id}/retry`),
  });
  showGrade(prediction?.result ?? null, data.grades);
  if (!prediction) {
    byId("grade").append(element("p", { class: "muted" }, nothingText()));
  }
  rules.show(image, prediction, prediction === shownPrediction(image));
  quality.show(image);
  eye.show(image);
  table.show(image, prediction);
  explanation.show(image, prediction, may.has("analyse"));
  timings.show(prediction);
  showPredictions(image, prediction);
  showPhotograph(image, prediction);
}

function predictionLabel(prediction) {
  const when = new Date(prediction.created_at).toLocaleString(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" });
  const how = [
    prediction.detail === "high" && gettext("high detail"),
    prediction.explain && gettext("with explanation"),
  ];
  return [networkLabels.get(prediction.model) ?? prediction.model, ...how, prediction.state_label, when].filter(Boolean).join(" · ");
}

function facts(list, pairs) {
  list.replaceChildren(
    ...pairs
      .filter(([, value]) => value)
      .flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

function networkText(network) {
  return network ? [network.name, interpolate(gettext("version %s"), [network.version]), network.engine].join(" · ") : "";
}

function showPredictions(image, prediction) {
  byId("prediction-field").hidden = image.predictions.length < 2;
  byId("prediction").replaceChildren(
    ...options(image.predictions.map((each) => [String(each.prediction_id), predictionLabel(each)]), String(prediction?.prediction_id)),
  );
  const networks = prediction?.result?.networks ?? {};
  facts(byId("network-facts"), [
    [gettext("Lesions by"), networkText(networks.segmentation)],
    [gettext("Detail"), prediction?.detail === "high" ? gettext("high detail") : ""],
    [gettext("Grade by"), networkText(networks.grader)],
    [gettext("Requested network"), networks.segmentation ? "" : prediction && (networkLabels.get(prediction.model) ?? prediction.model)],
  ]);
}

function showPhotograph(image, prediction) {
  byId("laterality").replaceChildren(...options(data.lateralities, image.laterality));
  byId("field").replaceChildren(...options(data.fields, image.field));
  const camera = [image.camera.make, image.camera.model].filter(Boolean).join(" ");
  facts(byId("photograph-facts"), [
    [gettext("File"), image.filename],
    [gettext("Size"), `${image.width} × ${image.height} px`],
    [gettext("Camera"), camera],
    [gettext("Taken"), image.camera.taken_at && image.camera.taken_at.replace("T", " ")],
  ]);
  byId("correct").hidden = !may.has("correct") || prediction?.state !== "succeeded";
  byId("correct").href = `/images/${image.image_id}/correct/`;
}

async function act(url, body) {
  try {
    await api.post(url, body);
    live.hurry();
  } catch (error) {
    report(error);
  }
}

async function analyse(event) {
  event.preventDefault();
  const note = byId("analyse-note");
  say(note, "");
  try {
    const answer = await api.post("/api/choose_model", {
      selectedModel: byId("analyse-network").value,
      image_id: currentImage().image_id,
      detail: byId("analyse-detail").checked ? "high" : "standard",
      wait: false,
    });
    chosenPrediction = answer.prediction_id;
    say(note, answer.state === "succeeded" ? gettext("This network has analysed this photograph already; its result is shown.") : "");
    lastText = "";
    live.hurry();
  } catch (error) {
    say(note, error.message, "error");
  }
}

/** Ask for the shown result once more, with the map. */
async function explain() {
  const image = currentImage();
  const { model, detail } = shownPrediction(image, chosenPrediction);
  byId("explain").disabled = true;
  try {
    const answer = await api.post("/api/choose_model", {
      selectedModel: model, image_id: image.image_id, detail, explain: true, wait: false,
    });
    chosenPrediction = answer.prediction_id;
    lastText = "";
    live.hurry();
  } catch (error) {
    report(error);
  } finally {
    byId("explain").disabled = false;
  }
}

async function describe() {
  const note = byId("eye-note");
  try {
    await api.patch(`/api/images/${currentImage().image_id}`, { laterality: byId("laterality").value, field: byId("field").value });
    say(note, gettext("Saved."), "good");
    live.refresh();
  } catch (error) {
    say(note, error.message, "error");
    showPhotograph(currentImage(), shownPrediction(currentImage(), chosenPrediction));
  }
}

byId("prediction").addEventListener("change", (event) => {
  chosenPrediction = Number(event.target.value);
  show();
});
byId("analyse")?.addEventListener("submit", analyse);
["laterality", "field"].forEach((id) => byId(id).addEventListener("change", describe));
document.addEventListener("drweb:retry", () => live.refresh());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && live.refresh());
listenForKeys({ n: () => byId("next-case")?.click() });
new Signing({ studyId: data.studyId, loginUrl: data.loginUrl, reading, seen: () => study?.seen ?? "", onChanged: () => live.refresh() });
watchSession();
live.start();
