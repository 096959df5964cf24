/** The photographs of the study as tabs. */

import { byId, element } from "../dom.js";
import { gradesDisagree, imageGrade, imageState, local } from "./facts.js";
import { gradeBadge } from "./findings.js";
import { qualityBadge } from "./quality.js";

/** OD stands on the left: the examiner faces the patient. */
const EYES = ["OD", "OS", "unknown"];

const STATES = () => ({
  busy: ["badge--busy", gettext("Being analysed")],
  failed: ["badge--bad", gettext("Failed")],
  ungradable: ["badge--warn", gettext("Ungradable")],
  cancelled: ["badge--warn", gettext("Cancelled")],
  none: ["badge--warn", gettext("Not analysed")],
});

/** The eye as stated; a proposal that nobody confirmed carries a question mark. */
export function eyeText({ laterality, eye }) {
  if (laterality !== "unknown") {
    return laterality;
  }
  return eye === "unknown" ? "?" : `${eye}?`;
}

export class Thumbnails {
  #tabs = new Map();
  #groups = new Map();

  /**
   * @param {string[]} grades labels.
   * @param {Map<string, string>} eyes labels by laterality.
   * @param {Map<string, string>} fields labels by field.
   * @param {(id: number) => void} onChoose
   */
  constructor(grades, eyes, fields, onChoose) {
    Object.assign(this, { grades, eyes, fields, onChoose, list: byId("thumbnails") });
    this.list.addEventListener("keydown", (event) => this.#key(event));
  }

  show(images, chosenId) {
    images.forEach((image) => {
      if (!this.#tabs.has(image.image_id)) {
        this.#tabs.set(image.image_id, this.#tab(image));
      }
      this.#group(image.eye).append(this.#tabs.get(image.image_id).node);
      this.#refresh(this.#tabs.get(image.image_id), image, image.image_id === chosenId);
    });
    this.#groups.forEach((group) => {
      group.hidden = group.dataset.eye === "unknown" && !group.querySelector("button");
    });
    this.list.hidden = images.length === 0;
  }

  #group(eye) {
    if (this.#groups.size === 0) {
      EYES.forEach((name) => {
        const heading = element("span", { class: "eye__name" }, this.eyes.get(name));
        this.#groups.set(name, element("div", { class: "eye", role: "presentation", dataset: { eye: name } }, heading));
      });
      this.list.append(...this.#groups.values());
    }
    return this.#groups.get(eye);
  }

  #tab(image) {
    const facts = element("span", { class: "thumbnail__facts" });
    const node = element(
      "button",
      {
        type: "button", class: "thumbnail", id: `tab-${image.image_id}`, role: "tab", dataset: { image: image.image_id }, title: image.filename,
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
      element("strong", { title: this.eyes.get(image.laterality) }, eyeText(image)),
      image.field === "unknown" ? "" : element("span", {}, this.fields.get(image.field)),
      image.quality.verdict && image.quality.verdict !== "gradable" && state !== "ungradable" ? qualityBadge(image.quality) : "",
      label ? element("span", { class: `badge ${kind}` }, label) : "",
      grade !== null && !label ? gradeBadge(grade, this.grades) : "",
      gradesDisagree(image) ? element("span", { class: "badge badge--warn" }, gettext("Grades differ")) : "",
    );
    node.setAttribute("aria-selected", String(chosen));
    node.tabIndex = chosen ? 0 : -1;
  }

  #key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const ids = [...this.list.querySelectorAll("button")].map((node) => Number(node.dataset.image));
      const at = ids.findIndex((id) => this.#tabs.get(id).node === document.activeElement);
      const next = ids[(at + step + ids.length) % ids.length];
      this.onChoose(next);
      this.#tabs.get(next).node.focus();
    }
  }
}
