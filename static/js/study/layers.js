/** Lesion masks as tinted canvases over the photograph. */

import { element } from "../dom.js";

/** Longest side of a layer in pixels: large enough for single microaneurysms, small enough for a tablet's memory. */
const LONGEST = (globalThis.navigator?.deviceMemory ?? 4) >= 4 ? 4096 : 2048;

/** Turn the lightness of a grey picture into the opacity of one colour, in place. `pixels` is RGBA. */
export function tint(pixels, [red, green, blue]) {
  for (let i = 0; i < pixels.length; i += 4) {
    pixels[i + 3] = pixels[i];
    pixels[i] = red;
    pixels[i + 1] = green;
    pixels[i + 2] = blue;
  }
}

/** Size of a layer for a photograph of `width` x `height`. */
export function layerSize(width, height, longest = LONGEST) {
  const scale = Math.min(1, longest / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

export class Layers {
  #layers = new Map();
  #hidden = false;

  /**
   * @param {HTMLElement} stage the photograph lies in it.
   * @param {{code: string, colour: number[]}[]} lesions
   */
  constructor(stage, lesions) {
    lesions.forEach(({ code, colour }) => {
      const canvas = element("canvas", { class: "viewer__layer", dataset: { lesion: code }, aria: { hidden: "true" } });
      stage.append(canvas);
      this.#layers.set(code, { canvas, colour, url: null, visible: true, opacity: 0.6 });
    });
  }

  /** Whether all layers are hidden for a look at the bare photograph. */
  get hidden() {
    return this.#hidden;
  }

  set hidden(hidden) {
    this.#hidden = hidden;
    this.#layers.forEach((layer) => this.#style(layer));
  }

  state(code) {
    const { visible, opacity } = this.#layers.get(code);
    return { visible, opacity };
  }

  update(code, facts) {
    Object.assign(this.#layers.get(code), facts);
    this.#style(this.#layers.get(code));
  }

  /** Show the mask at `url` (null: none) as the layer of a lesion. Rejects where it cannot be fetched or read. */
  async show(code, url, { width, height }) {
    const layer = this.#layers.get(code);
    if (layer.url === url) {
      return;
    }
    layer.url = url;
    layer.canvas.width = 0; // never another photograph's mask, not even for a moment
    if (url === null) {
      return;
    }
    const response = await fetch(url, { credentials: "same-origin" });
    if (!response.ok) {
      layer.url = null;
      throw new Error(gettext("A mask could not be loaded. Reload the page."));
    }
    const blob = await response.blob();
    const [across, down] = layerSize(width, height);
    const bitmap = await createImageBitmap(blob, { resizeWidth: across, resizeHeight: down, resizeQuality: "medium" });
    if (layer.url === url) {
      this.#draw(layer, bitmap);
    }
    bitmap.close();
  }

  #draw(layer, bitmap) {
    const { canvas, colour } = layer;
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const picture = context.getImageData(0, 0, canvas.width, canvas.height);
    tint(picture.data, colour);
    context.putImageData(picture, 0, 0);
  }

  #style({ canvas, visible, opacity }) {
    canvas.style.opacity = String(opacity);
    canvas.hidden = this.#hidden || !visible;
  }
}
