import { Bitmap } from "./bitmap.js";

/** Masks to PNG and back, in a worker. */
export class Codec {
  #waiting = new Map();
  #next = 0;
  #broken = null;

  constructor(worker = new Worker(new URL("codec_worker.js", import.meta.url), { type: "module" })) {
    this.worker = worker;
    worker.addEventListener("message", ({ data }) => this.#settle(data));
    worker.addEventListener("error", (event) => this.#fail(event.message ?? "the worker did not start"));
  }

  /** @returns {Promise<Uint8Array>} `bitmap` as it is now, as a 1-bit PNG; it may be drawn on meanwhile. */
  encode({ width, height, data }) {
    const copy = data.slice();
    return this.#ask({ encode: { width, height, data: copy } }, [copy.buffer]);
  }

  /** @returns {Promise<Bitmap>} the mask in a PNG file; rejects where it is no greyscale PNG. */
  async decode(bytes) {
    const { width, height, data } = await this.#ask({ decode: bytes }, []);
    return new Bitmap(width, height, data);
  }

  #ask(message, transfer) {
    if (this.#broken) return Promise.reject(this.#broken);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...message }, transfer);
    });
  }

  #settle({ id, result, error }) {
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  }

  #fail(message) {
    this.#broken = new Error(message);
    for (const { reject } of this.#waiting.values()) reject(this.#broken);
    this.#waiting.clear();
  }
}
