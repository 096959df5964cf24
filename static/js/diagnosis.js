/** The page "Online diagnosis": patient and visit, photographs, network; then to the study. */

import { api } from "./api.js";
import { byId, clearFieldErrors, pageData, say, showFieldErrors } from "./dom.js";
import { bindPatientSearch } from "./patient-search.js";
import { sessionWorks, watchSession } from "./session.js";
import { upload } from "./upload.js";
import { bindDropZone, UploadList } from "./upload-list.js";
import { FileState, UploadQueue } from "./upload-queue.js";

const data = pageData();
const form = byId("examination");
const queue = new UploadQueue(data);
let study = data.studyId ? { study_id: data.studyId, study_url: `/studies/${data.studyId}/` } : null;

function problem(text) {
  say(byId("problem"), text);
  if (text) {
    byId("problem").focus();
  }
}

function summarise() {
  const failed = queue.count(FileState.FAILED);
  const ready = queue.items.length - failed;
  const parts = [];
  if (queue.running) {
    parts.push(
      interpolate(gettext("Uploading %(done)s of %(all)s …"), { done: queue.count(FileState.DONE), all: queue.items.length }, true),
    );
  } else if (ready) {
    parts.push(interpolate(ngettext("%s photograph ready", "%s photographs ready", ready), [ready]));
  }
  if (failed) {
    parts.push(interpolate(ngettext("%s cannot be used as it is", "%s cannot be used as they are", failed), [failed]));
  }
  byId("summary").textContent = parts.join(" · ");
  byId("start").disabled = queue.running || !form.elements.network;
}

/** Open the study once; what is typed stays in the form whatever the server says. */
async function openStudy() {
  if (study) {
    return true;
  }
  clearFieldErrors(form);
  try {
    study = await api.send(form.action, new FormData(form));
  } catch (error) {
    const homeless = error.code === "invalid" ? showFieldErrors(form, error.details) : [];
    problem([error.message, ...homeless].join(" "));
    return false;
  }
  byId("visit").hidden = true;
  byId("visit-fixed").hidden = false;
  byId("visit-fixed-text").textContent = `${study.patient} · ${form.elements.visit_date.value}`;
  return true;
}

/** Send one photograph and ask for its analysis. */
async function send(item, onProgress) {
  const body = new FormData();
  body.append("image", item.file, item.file.name);
  body.append("study_id", study.study_id);
  body.append("laterality", item.laterality);
  body.append("field", item.field);
  const answer = item.answer ?? (await upload("/api/upload_image", body, { onProgress }));
  // Kept at once: if the next call fails, a retry must not store the photograph twice.
  queue.update(item.id, { answer, progress: 1 });
  await api.post("/api/choose_model", {
    selectedModel: form.elements.network.value,
    image_id: answer.image_id,
    detail: form.elements.high_detail.checked ? "high" : "standard",
    wait: false,
  });
  sessionWorks();
  return answer;
}

async function start(event) {
  event.preventDefault();
  problem("");
  if (queue.items.length === 0) {
    problem(gettext("Choose at least one photograph."));
    return;
  }
  byId("start").disabled = true;
  if (await openStudy()) {
    queue.retryAll();
    const complete = await queue.run(send);
    const ungradable = queue.items.filter((item) => item.answer?.quality?.verdict === "ungradable").length;
    if (complete && ungradable === 0) {
      leave();
      return;
    }
    offerToGoOn(complete ? retakeText(ungradable) : failureText());
  }
  summarise();
}

function leave() {
  window.removeEventListener("beforeunload", warn);
  window.location.assign(study.study_url);
}

/** The patient may still be there: what can be taken again is said before the page goes on. */
function retakeText(number) {
  const text = ngettext(
    "%s photograph cannot be graded; what to do is beside it. Take it again and add it here, or go on to the study.",
    "%s photographs cannot be graded; what to do is beside them. Take them again and add them here, or go on to the study.",
    number,
  );
  return interpolate(text, [number]);
}

function failureText() {
  const failed = queue.count(FileState.FAILED);
  const text = ngettext(
    "%s photograph was not uploaded; the reason is beside it. Try again, or remove it.",
    "%s photographs were not uploaded; the reasons are beside them. Try again, or remove them.",
    failed,
  );
  return interpolate(text, [failed]);
}

function offerToGoOn(text) {
  const link = byId("to-study");
  link.href = study.study_url;
  link.hidden = queue.count(FileState.DONE) === 0;
  problem(text);
}

/** Leaving in the middle of an upload would lose the rest of it. */
function warn(event) {
  if (queue.running || queue.count(FileState.WAITING) > 0) {
    event.preventDefault();
  }
}

watchSession();
if (!study) {
  bindPatientSearch(form);
}
new UploadList(byId("upload-list"), queue, data).bind();
bindDropZone(byId("drop-zone"), byId("files"), queue);
queue.addEventListener("change", summarise);
form.addEventListener("submit", start);
document.addEventListener("drweb:retry", sessionWorks);
window.addEventListener("beforeunload", warn);
summarise();
