/** The photograph on the page: which file is loaded, and the controls of the viewer. */

import { byId, say } from "../dom.js";
import { local } from "./facts.js";
import { Viewer } from "./viewer.js";

/** Formats that every browser draws as the server does. */
const DRAWN_BY_BROWSERS = /\.(jpe?g|png|webp|bmp)$/i;

export class Picture {
  #shown = null;
  #sharp = false;

  /** @param {import("./layers.js").Layers} layers */
  constructor(layers) {
    this.layers = layers;
    this.node = byId("picture");
    this.viewer = new Viewer(
      { viewport: byId("viewport"), stage: byId("stage"), picture: this.node, level: byId("zoom-level") },
      (scale) => this.#sharpen(scale),
    );
    byId("zoom-in").addEventListener("click", () => this.viewer.zoomIn());
    byId("zoom-out").addEventListener("click", () => this.viewer.zoomOut());
    byId("zoom-fit").addEventListener("click", () => this.viewer.fit());
    byId("toggle-layers").addEventListener("click", () => this.#toggleLayers());
    byId("viewport").addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() === "h" && !event.ctrlKey && !event.metaKey) {
        this.#toggleLayers();
      }
    });
    this.node.addEventListener("error", () => say(byId("viewer-note"), gettext("The photograph could not be loaded. Reload the page.")));
    this.node.addEventListener("load", () => say(byId("viewer-note"), ""));
  }

  show(image) {
    if (this.#shown?.image_id === image.image_id) {
      return;
    }
    this.#shown = image;
    this.#sharp = false;
    this.node.src = local(image.preview_url);
    this.node.alt = interpolate(gettext("Fundus photograph %s"), [image.filename]);
    this.viewer.show(image);
  }

  #toggleLayers() {
    this.layers.hidden = !this.layers.hidden;
    byId("toggle-layers").setAttribute("aria-pressed", String(!this.layers.hidden));
  }

  /** From a certain zoom on the preview would be blurred: fetch the original, once. */
  #sharpen(scale) {
    const image = this.#shown;
    const preview = this.node.naturalWidth;
    const enough = !preview || scale * image.width * window.devicePixelRatio <= preview * 1.2;
    if (this.#sharp || enough || preview >= image.width || !DRAWN_BY_BROWSERS.test(image.filename)) {
      return;
    }
    this.#sharp = true;
    const original = new Image();
    original.addEventListener("load", () => {
      if (this.#shown === image) {
        this.node.src = original.src;
      }
    });
    original.src = local(image.image_url);
  }
}
