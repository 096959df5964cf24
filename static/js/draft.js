/** What was typed but not yet saved, kept in this browser so that a crash or an ended session costs nothing. */

const PREFIX = "drweb:draft:";

export class Draft {
  /**
   * @param {string} key names person and record; a draft is never shown to another login.
   * @param {Storage} storage
   */
  constructor(key, storage = globalThis.localStorage) {
    this.key = `${PREFIX}${key}`;
    this.storage = storage;
  }

  /** The kept value, or null. */
  read() {
    try {
      return JSON.parse(this.storage.getItem(this.key));
    } catch {
      return null;
    }
  }

  /** @returns {boolean} false where the browser keeps nothing (full, or forbidden). */
  write(value) {
    try {
      this.storage.setItem(this.key, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  }

  clear() {
    try {
      this.storage.removeItem(this.key);
    } catch {
      // Nothing was kept either.
    }
  }
}
