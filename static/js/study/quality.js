/** Whether the photograph can be graded, why not, and a reader's word on it. */

import { api } from "../api.js";
import { byId, element, say } from "../dom.js";

const BADGES = { gradable: "badge--good", limited: "badge--warn", ungradable: "badge--bad" };

/** A verdict as a badge; null where nobody judged. */
export function qualityBadge({ verdict, verdict_label: label }) {
  return verdict ? element("span", { class: `badge ${BADGES[verdict]}` }, label) : null;
}

/** Whose word holds, and why. */
export function noteText({ override, note, overridden_by: reader }) {
  return override ? interpolate(gettext("Overruled by %(reader)s: %(note)s"), { reader, note }, true) : "";
}

export class Quality {
  #image = null;

  /** @param {() => void} onSaved */
  constructor(onSaved) {
    this.onSaved = onSaved;
    byId("quality")?.addEventListener("submit", (event) => this.#save(event));
  }

  show(image) {
    const { quality } = image;
    byId("quality-verdict").replaceChildren(qualityBadge(quality) ?? gettext("Not judged."));
    byId("quality-reasons").replaceChildren(
      ...quality.reasons.map(({ severity, message, advice }) =>
        element("li", { dataset: { severity } }, element("span", {}, message), " ", element("span", { class: "muted" }, advice)),
      ),
    );
    byId("quality-note").textContent = noteText(quality);
    if (this.#image !== image.image_id && byId("quality")) {
      this.#image = image.image_id;
      byId("quality-choice").value = quality.override;
      byId("quality-why").value = quality.note;
      say(byId("quality-state"), "");
    }
  }

  async #save(event) {
    event.preventDefault();
    const state = byId("quality-state");
    try {
      await api.put(`/api/images/${this.#image}/quality`, { verdict: byId("quality-choice").value, note: byId("quality-why").value });
      say(state, gettext("Saved."), "good");
      this.onSaved();
    } catch (error) {
      say(state, error.message, "error");
    }
  }
}
