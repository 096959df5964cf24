/** Saves a value some time after it stopped changing. "Saved" is said only on the server's word. */

export const DELAY = 1200;
export const RETRY = [5000, 15000, 30000, 60000];

export const State = Object.freeze({
  CLEAN: "clean",
  UNSAVED: "unsaved",
  SAVING: "saving",
  SAVED: "saved",
  KEPT: "kept", // not saved, will be tried again; the draft holds it
  REFUSED: "refused", // not saved, and the same would be refused again
});

export class Autosave {
  #timer = null;
  #value = null;
  #version = 0;
  #savedVersion = 0;
  #running = null;
  #failures = 0;

  /**
   * @param {object} parts
   * @param {(value: object) => Promise<object>} parts.save sends the value; rejects with an `ApiError`.
   * @param {import("./draft.js").Draft} parts.draft
   * @param {(state: string, facts: {answer?: object, error?: Error, kept?: boolean}) => void} parts.onState
   */
  constructor({ save, draft, onState }) {
    Object.assign(this, { save, draft, onState });
  }

  get dirty() {
    return this.#version !== this.#savedVersion;
  }

  /** Note a new value. */
  change(value) {
    this.#value = value;
    this.#version += 1;
    const kept = this.draft.write(value);
    this.onState(State.UNSAVED, { kept });
    this.#schedule(DELAY);
  }

  /** The value was kept in another way: there is nothing to save any more. */
  settle() {
    clearTimeout(this.#timer);
    this.#savedVersion = this.#version;
    this.draft.clear();
  }

  /** Save now if anything is unsaved. Resolves to whether everything is saved. */
  async flush() {
    clearTimeout(this.#timer);
    if (this.#running) {
      await this.#running;
    }
    if (this.dirty) {
      this.#running = this.#send();
      await this.#running;
      this.#running = null;
    }
    return !this.dirty;
  }

  async #send() {
    const version = this.#version;
    this.onState(State.SAVING, {});
    try {
      const answer = await this.save(this.#value);
      this.#savedVersion = version;
      this.#failures = 0;
      if (this.dirty) {
        this.#schedule(DELAY);
        return;
      }
      this.draft.clear();
      this.onState(State.SAVED, { answer });
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error) {
    if (error.loginNeeded || error.temporary) {
      this.onState(State.KEPT, { error });
      this.#schedule(RETRY[Math.min(this.#failures, RETRY.length - 1)]);
      this.#failures += 1;
    } else {
      this.onState(State.REFUSED, { error });
    }
  }

  #schedule(pause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), pause);
  }
}
