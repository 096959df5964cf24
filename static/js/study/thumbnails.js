/** The photographs of the study as tabs. */

import { byId, element } from "../dom.js";
import { imageGrade, imageState, local } from "./facts.js";
import { gradeBadge } from "./findings.js";

const STATES = () => ({
  busy: ["badge--busy", gettext("Being analysed")],
  failed: ["badge--bad", gettext("Failed")],
  ungradable: ["badge--warn", gettext("Ungradable")],
  cancelled: ["badge--warn", gettext("Cancelled")],
  none: ["badge--warn", gettext("Not analysed")],
});

export class Thumbnails {
  #tabs = new Map();

  /**
   * @param {string[]} grades labels.
   * @param {Map<string, string>} eyes labels by laterality.
   * @param {(id: number) => void} onChoose
   */
  constructor(grades, eyes, onChoose) {
    Object.assign(this, { grades, eyes, onChoose, list: byId("thumbnails") });
    this.list.addEventListener("keydown", (event) => this.#key(event));
  }

  show(images, chosenId) {
    images.forEach((image) => {
      if (!this.#tabs.has(image.image_id)) {
        this.#tabs.set(image.image_id, this.#tab(image));
        this.list.append(this.#tabs.get(image.image_id).node);
      }
      this.#refresh(this.#tabs.get(image.image_id), image, image.image_id === chosenId);
    });
    this.list.hidden = images.length === 0;
  }

  #tab(image) {
    const facts = element("span", { class: "thumbnail__facts" });
    const node = element(
      "button",
      {
        type: "button", class: "thumbnail", id: `tab-${image.image_id}`, role: "tab", title: image.filename,
        aria: { controls: "photograph" }, on: { click: () => this.onChoose(image.image_id) },
      },
      element("img", { src: local(image.preview_url), alt: "", class: "thumbnail__picture", loading: "lazy" }),
      facts,
    );
    return { node, facts };
  }

  #refresh({ node, facts }, image, chosen) {
    const state = imageState(image);
    const grade = imageGrade(image);
    const [kind, label] = STATES()[state] ?? [];
    facts.replaceChildren(
      element("strong", { title: this.eyes.get(image.laterality) }, image.laterality === "unknown" ? "?" : image.laterality),
      label ? element("span", { class: `badge ${kind}` }, label) : "",
      grade !== null && !label ? gradeBadge(grade, this.grades) : "",
    );
    node.setAttribute("aria-selected", String(chosen));
    node.tabIndex = chosen ? 0 : -1;
  }

  #key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const ids = [...this.#tabs.keys()];
      const at = ids.findIndex((id) => this.#tabs.get(id).node === document.activeElement);
      const next = ids[(at + step + ids.length) % ids.length];
      this.onChoose(next);
      this.#tabs.get(next).node.focus();
    }
  }
}
