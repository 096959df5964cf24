/** Which eye and field the photograph shows: proposed, confirmed by a person, and disc and fovea marked by hand. */

import { api } from "../api.js";
import { byId, say } from "../dom.js";

/** What the program proposes where nobody has stated it: `{laterality?, field?}`. */
export function proposalFor({ laterality, field, landmarks }) {
  const open = {};
  if (laterality === "unknown" && landmarks.laterality !== "unknown") {
    open.laterality = landmarks.laterality;
  }
  if (field === "unknown" && landmarks.field !== "unknown") {
    open.field = landmarks.field;
  }
  return open;
}

export class Eye {
  #image = null;
  #kind = null;

  /**
   * @param {{lateralities: string[][], fields: string[][]}} data
   * @param {import("./viewer.js").Viewer} viewer
   * @param {() => void} onSaved
   */
  constructor({ lateralities, fields }, viewer, onSaved) {
    Object.assign(this, { labels: new Map([...lateralities, ...fields]), viewer, onSaved });
    byId("confirm-eye")?.addEventListener("click", () => this.#confirm());
    this.buttons = [...document.querySelectorAll("[data-place]")];
    this.buttons.forEach((button) => button.addEventListener("click", () => this.#begin(button.dataset.place)));
    byId("viewport").addEventListener("click", (event) => this.#place(event));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.#begin(null));
  }

  show(image) {
    if (this.#image?.image_id !== image.image_id) {
      this.#begin(null);
    }
    this.#image = image;
    const proposal = Object.values(proposalFor(image)).map((value) => this.labels.get(value));
    byId("eye-proposal").textContent = proposal.length ? interpolate(gettext("Proposed: %s"), [proposal.join(", ")]) : "";
    if (byId("confirm-eye")) {
      byId("confirm-eye").hidden = proposal.length === 0;
    }
  }

  async #confirm() {
    await this.#send(() => api.patch(`/api/images/${this.#image.image_id}`, proposalFor(this.#image)));
  }

  /** Wait for a click on the photograph that marks `kind`; null, or the same again, stops waiting. */
  #begin(kind) {
    this.#kind = kind === this.#kind ? null : kind;
    this.buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.place === this.#kind)));
    byId("viewport").classList.toggle("viewer__viewport--placing", this.#kind !== null);
    if (this.#kind) {
      say(byId("eye-note"), gettext("Click on its centre in the photograph; Escape leaves it."));
    }
  }

  async #place(event) {
    if (!this.#kind) {
      return;
    }
    const kind = this.#kind;
    const { x, y } = this.viewer.photographPoint(event);
    this.#begin(null);
    await this.#send(() => api.put(`/api/images/${this.#image.image_id}/landmarks`, { kind, x, y }));
  }

  async #send(write) {
    try {
      await write();
      say(byId("eye-note"), gettext("Saved."), "good");
      this.onSaved();
    } catch (error) {
      say(byId("eye-note"), error.message, "error");
    }
  }
}
