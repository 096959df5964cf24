/** How long each stage took, for administrators; asked for when the list is opened. */

import { api } from "../api.js";
import { byId, element } from "../dom.js";

const seconds = (value) =>
  `${value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: 3, maximumFractionDigits: 3 })} s`;

/** The lines of the list: what the server tells, and their sum. */
export function timingLines({ stages, total }) {
  return [...stages.map(({ label, seconds: value }) => [label, value]), [gettext("From the last uploaded byte to the result"), total]];
}

export class Timings {
  #prediction = null;
  #shown = null;

  /** @param {(error: Error) => void} onError */
  constructor(onError) {
    this.onError = onError;
    byId("timings")?.addEventListener("toggle", () => this.#read());
  }

  show(prediction) {
    this.#prediction = prediction?.state === "succeeded" ? prediction.prediction_id : null;
    const box = byId("timings");
    if (box) {
      box.hidden = this.#prediction === null;
      this.#read();
    }
  }

  async #read() {
    const wanted = this.#prediction;
    if (!byId("timings").open || wanted === null || wanted === this.#shown) {
      return;
    }
    this.#shown = wanted;
    byId("timing-list").replaceChildren();
    try {
      const answer = await api.get(`/api/predictions/${wanted}/timings`);
      if (wanted === this.#prediction) {
        byId("timing-list").replaceChildren(
          ...timingLines(answer).flatMap(([label, value]) => [element("dt", {}, label), element("dd", { class: "numeric" }, seconds(value))]),
        );
      }
    } catch (error) {
      this.#shown = null;
      this.onError(error);
    }
  }
}
