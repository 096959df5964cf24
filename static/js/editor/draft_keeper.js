const PAUSE = 400; // ms without a new stroke before the draft is written

/** Keeps drafts in step with the layers: written while there is unsaved work, removed once the server has it. */
export class DraftKeeper {
  #timers = new Map();
  #writing = new Map();

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

  keepSoon(layer) {
    clearTimeout(this.#timers.get(layer));
    this.#timers.set(layer, setTimeout(() => this.keep(layer), PAUSE));
  }

  /** Bring the draft of a layer up to date; the writes of one layer happen in their order. */
  keep(layer) {
    clearTimeout(this.#timers.get(layer));
    this.#timers.delete(layer);
    const before = this.#writing.get(layer) ?? Promise.resolve();
    const write = before.then(() => this.#write(layer)).catch(() => this.#trouble());
    this.#writing.set(layer, write);
    return write;
  }

  /** The page may be about to go: write at once what still waits. */
  flush() {
    return Promise.all([...this.#timers.keys()].map((layer) => this.keep(layer)));
  }

  async #write(layer) {
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
