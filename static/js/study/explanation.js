/** The map that explains the grade: a layer of its own under the lesions, made when it is asked for. */

import { byId } from "../dom.js";
import { local } from "./facts.js";

/** The layer's code and colour; no lesion has that colour. */
export const EXPLANATION = { code: "explanation", colour: [255, 0, 255] };

/** What the page can offer for a prediction: the map's address, whether it can be asked for, or nothing. */
export function explanationState(prediction, mayAnalyse) {
  if (prediction?.state !== "succeeded") {
    return { url: null, canAsk: false };
  }
  const url = prediction.result.images.explanation;
  return { url: url ? local(url) : null, canAsk: !url && mayAnalyse };
}

export class Explanation {
  /**
   * @param {import("./layers.js").Layers} layers
   * @param {() => void} onAsk
   * @param {(error: Error) => void} onError
   */
  constructor(layers, onAsk, onError) {
    Object.assign(this, { layers, onError });
    const { visible, opacity } = layers.state(EXPLANATION.code);
    byId("explanation-visible").checked = visible;
    byId("explanation-opacity").value = opacity * 100;
    byId("explanation-visible").addEventListener("change", (event) =>
      layers.update(EXPLANATION.code, { visible: event.target.checked }),
    );
    byId("explanation-opacity").addEventListener("input", (event) =>
      layers.update(EXPLANATION.code, { opacity: event.target.value / 100 }),
    );
    byId("explain").addEventListener("click", onAsk);
  }

  show(image, prediction, mayAnalyse) {
    const { url, canAsk } = explanationState(prediction, mayAnalyse);
    byId("explanation").hidden = url === null;
    byId("explain").hidden = !canAsk;
    this.layers.show(EXPLANATION.code, url, image).catch(this.onError);
  }
}
