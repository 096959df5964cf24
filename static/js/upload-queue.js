/** Photographs chosen for upload and how far each is. Knows nothing of pages or servers. */

export const FileState = Object.freeze({ WAITING: "waiting", SENDING: "sending", DONE: "done", FAILED: "failed" });

const EYES = [
  ["OD", /(^|[^a-z])(od|right)([^a-z]|$)/i],
  ["OS", /(^|[^a-z])(os|left)([^a-z]|$)/i],
];

/** The eye that a file name states ("1234_OD.jpg", "left-2.png"); "unknown" where it states none, or both. */
export function eyeInName(name) {
  const found = EYES.filter(([, pattern]) => pattern.test(name.replace(/_/g, " ")));
  return found.length === 1 ? found[0][0] : "unknown";
}

/** Why a file cannot be sent, as one sentence; "" where nothing speaks against it. The server looks inside. */
export function objection(file, { maxUploadBytes, maxUploadMb }) {
  if (file.size === 0) {
    return gettext("The file is empty. Choose the photograph again.");
  }
  if (file.size > maxUploadBytes) {
    const megabytes = Math.ceil(file.size / (1024 * 1024));
    return interpolate(
      gettext("The file is %(size)s MB; the limit is %(limit)s MB. Export the photograph as JPEG and try again."),
      { size: megabytes, limit: maxUploadMb },
      true,
    );
  }
  return "";
}

export class UploadQueue extends EventTarget {
  #next = 1;
  #running = false;

  /** @param {{maxUploadBytes: number, maxUploadMb: number}} limits */
  constructor(limits) {
    super();
    this.limits = limits;
    this.items = [];
  }

  /** Add files; one that cannot be sent is listed with the reason, one that is listed already is left out. */
  add(files) {
    for (const file of files) {
      const known = this.items.some(
        (item) =>
          item.file.name === file.name && item.file.size === file.size && item.file.lastModified === file.lastModified,
      );
      if (!known) {
        this.items.push(this.#itemOf(file));
      }
    }
    this.#changed();
  }

  #itemOf(file) {
    const error = objection(file, this.limits);
    const item = {
      id: this.#next,
      file,
      laterality: eyeInName(file.name),
      field: "unknown",
      state: error ? FileState.FAILED : FileState.WAITING,
      progress: 0,
      error,
      hopeless: error !== "",
    };
    this.#next += 1;
    return item;
  }

  remove(id) {
    this.items = this.items.filter((item) => item.id !== id || item.state === FileState.SENDING);
    this.#changed();
  }

  /** Change facts of one item. */
  update(id, facts) {
    const item = this.items.find((candidate) => candidate.id === id);
    if (item) {
      Object.assign(item, facts);
      this.#changed(item);
    }
  }

  /** Put a failed file back in line. */
  retry(id) {
    const item = this.items.find((candidate) => candidate.id === id);
    if (item?.state === FileState.FAILED && !item.hopeless) {
      this.update(id, { state: FileState.WAITING, error: "", progress: 0 });
    }
  }

  retryAll() {
    this.items.forEach((item) => this.retry(item.id));
  }

  count(state) {
    return this.items.filter((item) => item.state === state).length;
  }

  /**
   * Send every waiting file, one after the other, and go on past failures.
   * @param {(item: object, onProgress: (share: number) => void) => Promise<object>} send
   * @returns {Promise<boolean>} whether every listed file is done.
   */
  async run(send) {
    if (this.#running) {
      return false;
    }
    this.#running = true;
    let item;
    while ((item = this.items.find((candidate) => candidate.state === FileState.WAITING))) {
      await this.#sendOne(item, send);
    }
    this.#running = false;
    this.#changed();
    return this.items.length > 0 && this.items.every((each) => each.state === FileState.DONE);
  }

  get running() {
    return this.#running;
  }

  async #sendOne(item, send) {
    this.update(item.id, { state: FileState.SENDING, progress: 0, error: "" });
    try {
      const answer = await send(item, (progress) => this.update(item.id, { progress }));
      this.update(item.id, { state: FileState.DONE, progress: 1, answer });
    } catch (error) {
      const hopeless = error.code === "already_in_study"; // sending it again would change nothing
      this.update(item.id, { state: FileState.FAILED, error: error.message, hopeless });
    }
  }

  #changed(item = null) {
    this.dispatchEvent(new CustomEvent("change", { detail: item }));
  }
}
