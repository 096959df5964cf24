/** What modules find in a browser and Node does not have: the message catalogue and a store. */

globalThis.gettext = (message) => message;
globalThis.ngettext = (one, many, count) => (count === 1 ? one : many);
globalThis.interpolate = (format, values, named = false) => {
  const list = [...(named ? [] : values)];
  return named
    ? format.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]))
    : format.replace(/%s/g, () => String(list.shift()));
};

/** localStorage in memory; `full` makes every write fail. */
export class MemoryStorage {
  constructor({ full = false } = {}) {
    this.full = full;
    this.entries = new Map();
  }

  getItem(key) {
    return this.entries.get(key) ?? null;
  }

  setItem(key, value) {
    if (this.full) {
      throw new Error("QuotaExceededError");
    }
    this.entries.set(key, value);
  }

  removeItem(key) {
    this.entries.delete(key);
  }
}

/** Let promises and due timers of `mock.timers` run. */
export async function settle() {
  for (let i = 0; i < 10; i += 1) {
    await Promise.resolve();
  }
}
