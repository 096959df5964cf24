const STORE = "drafts";

/**
 * Work that the server does not have yet, kept by the browser: one draft per user, photograph and lesion. A draft is
 * `{lesion, base, png, savedAt}`: the mask as PNG, the revision it was started from, and when it was kept (ms).
 */
export class Drafts {
  /** @returns {Promise<Drafts>} rejects where the browser keeps nothing (private windows, no space). */
  static async open({ user, image }, factory = globalThis.indexedDB) {
    const opening = factory.open("drweb-editor", 1);
    opening.addEventListener("upgradeneeded", () => {
      opening.result.createObjectStore(STORE, { keyPath: ["user", "image", "lesion"] });
    });
    return new Drafts(await settled(opening), { user, image });
  }

  constructor(database, owner) {
    this.database = database;
    this.owner = owner;
  }

  all() {
    const { user, image } = this.owner;
    // In the order of IndexedDB an array sorts after every string: all lesions of this user and photograph.
    const range = [[user, image], [user, image, []]];
    return settled(this.#store("readonly").getAll(this.#between(...range)));
  }

  async put({ lesion, base, png, savedAt }) {
    await settled(this.#store("readwrite").put({ ...this.owner, lesion, base, png, savedAt }));
  }

  async remove(lesion) {
    await settled(this.#store("readwrite").delete([this.owner.user, this.owner.image, lesion]));
  }

  #between(lower, upper) {
    return globalThis.IDBKeyRange.bound(lower, upper);
  }

  #store(mode) {
    return this.database.transaction(STORE, mode).objectStore(STORE);
  }
}

/** The result of an IndexedDB request, once what it wrote is on its way to the disk. */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.addEventListener("error", () => reject(request.error));
    request.addEventListener("success", () => {
      if (request.transaction?.mode !== "readwrite") resolve(request.result);
      else request.transaction.addEventListener("complete", () => resolve(request.result));
    });
    request.transaction?.addEventListener("abort", () => reject(request.transaction.error));
  });
}
