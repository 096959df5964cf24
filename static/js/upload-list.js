/** Shows an upload queue: one row per photograph with eye, field, progress, and what is wrong with it. */

import { element, options } from "./dom.js";
import { FileState } from "./upload-queue.js";

const sizeText = (bytes) =>
  bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / (1024 * 1024)).toFixed(1)} MB`;

function stateText(item) {
  switch (item.state) {
    case FileState.SENDING:
      return item.progress < 1 ? `${Math.round(item.progress * 100)} %` : gettext("Being checked …");
    case FileState.DONE:
      return doneText(item.answer);
    case FileState.FAILED:
      return item.error;
    default:
      return gettext("Ready");
  }
}

/** That it is stored, where else the same file is, and what to do about its quality. */
export function doneText({ message = gettext("Uploaded"), same_file_in: twins = [], quality }) {
  const faults = (quality?.reasons ?? []).filter(({ severity }) => severity !== "note");
  const parts = faults.map((reason) => `${reason.message} ${reason.advice}`);
  return [twins.length ? message : gettext("Uploaded"), quality?.verdict === "gradable" ? "" : quality?.verdict_label, ...parts]
    .filter(Boolean)
    .join(" · ");
}

export class UploadList {
  /**
   * @param {HTMLUListElement} list
   * @param {import("./upload-queue.js").UploadQueue} queue
   * @param {{lateralities: string[][], fields: string[][]}} choices
   */
  constructor(list, queue, choices) {
    Object.assign(this, { list, queue, choices, rows: new Map() });
  }

  bind() {
    this.queue.addEventListener("change", () => this.show());
  }

  show() {
    const present = new Set(this.queue.items.map((item) => item.id));
    for (const [id, row] of this.rows) {
      if (!present.has(id)) {
        URL.revokeObjectURL(row.address);
        row.node.remove();
        this.rows.delete(id);
      }
    }
    this.queue.items.forEach((item) => {
      if (!this.rows.has(item.id)) {
        this.rows.set(item.id, this.#row(item));
        this.list.append(this.rows.get(item.id).node);
      }
      this.#refresh(this.rows.get(item.id), item);
    });
  }

  #row(item) {
    const address = URL.createObjectURL(item.file);
    const thumbnail = element("img", { src: address, alt: "", class: "upload__thumbnail" });
    // No browser draws TIFF, and what is no picture is not drawn either.
    thumbnail.addEventListener("error", () => thumbnail.replaceWith(element("span", { class: "upload__thumbnail" })));
    const parts = {
      address,
      state: element("p", { class: "upload__state" }),
      bar: element("progress", { max: 1, value: 0, class: "upload__bar", aria: { label: item.file.name } }),
      eye: this.#select(item, "laterality", gettext("Eye"), this.choices.lateralities),
      field: this.#select(item, "field", gettext("Field"), this.choices.fields),
      retry: this.#button(gettext("Try again"), item, () => this.queue.retry(item.id)),
      remove: this.#button(gettext("Remove"), item, () => this.queue.remove(item.id)),
    };
    parts.node = element(
      "li",
      { class: "upload" },
      thumbnail,
      element(
        "div",
        { class: "upload__body" },
        element("p", { class: "upload__name" }, item.file.name, " ", element("span", { class: "muted small" }, sizeText(item.file.size))),
        parts.bar,
        parts.state,
      ),
      element("div", { class: "upload__choices" }, parts.eye, parts.field),
      element("div", { class: "upload__actions" }, parts.retry, parts.remove),
    );
    return parts;
  }

  #select(item, name, label, choices) {
    const select = element("select", { aria: { label: `${label}: ${item.file.name}` } }, ...options(choices, item[name]));
    select.addEventListener("change", () => this.queue.update(item.id, { [name]: select.value }));
    return select;
  }

  #button(label, item, action) {
    return element(
      "button",
      { type: "button", class: "button button--quiet button--small", aria: { label: `${label}: ${item.file.name}` }, on: { click: action } },
      label,
    );
  }

  #refresh(row, item) {
    row.node.dataset.state = item.state;
    row.node.dataset.quality = item.answer?.quality?.verdict ?? "";
    row.state.textContent = stateText(item);
    row.state.setAttribute("role", item.state === FileState.FAILED ? "alert" : "none");
    row.bar.value = item.progress;
    row.bar.hidden = item.state !== FileState.SENDING;
    const fixed = item.state === FileState.SENDING || item.state === FileState.DONE;
    row.eye.disabled = fixed || item.hopeless;
    row.field.disabled = fixed || item.hopeless;
    row.retry.hidden = item.state !== FileState.FAILED || item.hopeless;
    row.remove.hidden = fixed;
  }
}

/** Let files be dropped on `zone` or chosen with `input`. */
export function bindDropZone(zone, input, queue) {
  input.addEventListener("change", () => {
    queue.add(input.files);
    input.value = ""; // so that the same file can be chosen again after it was removed
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault(); // would send the form; a button opens
      input.click();
    }
  });
  ["dragenter", "dragover"].forEach((type) =>
    zone.addEventListener(type, (event) => {
      event.preventDefault();
      zone.classList.add("drop-zone--over");
    }),
  );
  zone.addEventListener("dragleave", (event) => {
    if (!zone.contains(event.relatedTarget)) {
      zone.classList.remove("drop-zone--over");
    }
  });
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("drop-zone--over");
    queue.add(event.dataTransfer.files);
  });
  // A file dropped beside the zone must not replace the page.
  ["dragover", "drop"].forEach((type) => window.addEventListener(type, (event) => event.preventDefault()));
}
