/** Keeps drafts in step with the layers: written after every stroke, removed once the server has the work. */
export class DraftKeeper {
  #writing = new Map();
  #again = new Set();

  /** @param drafts a promise of `Drafts`; `onTrouble` is told once where the browser does not keep any. */
  constructor({ drafts, codec, onTrouble }) {
    this.drafts = drafts;
    this.codec = codec;
    this.onTrouble = onTrouble;
  }

  async all() {
    try {
      return await (await this.drafts).all();
    } catch {
      this.#trouble();
      return [];
    }
  }

  /**
   * Bring the draft of a layer up to date; resolves when it is. Strokes that come while one is being written share
   * the next write, so that quick drawing does not queue up work.
   */
  keep(layer) {
    if (this.#writing.has(layer)) this.#again.add(layer);
    else this.#writing.set(layer, this.#write(layer));
    return this.#writing.get(layer);
  }

  async #write(layer) {
    try {
      do {
        this.#again.delete(layer);
        await this.#bringUpToDate(layer);
      } while (this.#again.has(layer));
    } catch {
      this.#trouble();
    } finally {
      this.#writing.delete(layer);
    }
  }

  async #bringUpToDate(layer) {
    const drafts = await this.drafts;
    if (layer.dirty) {
      const png = await this.codec.encode(layer.bitmap);
      await drafts.put({ lesion: layer.code, base: layer.base, png, savedAt: Date.now() });
    } else {
      await drafts.remove(layer.code);
    }
  }

  #trouble() {
    this.onTrouble();
    this.onTrouble = () => {};
  }
}
