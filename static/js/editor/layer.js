import { Bitmap } from "./bitmap.js";
import { History, Recorder, replaceAll } from "./history.js";
import { whole } from "./rect.js";
import { CLEAN, next } from "./saving.js";
import { fillCapsule, snap, strokeBounds } from "./stroke.js";

/** One lesion in the editor: the mask being worked on, what the server holds of it, and the steps in between. */
export class Layer {
  visible = true;
  state = CLEAN;
  /** Whether the mask differs from what the server is known to hold, as of the last finished step. */
  dirty = false;
  history = new History();
  #stroke = null;

  /** @param lesion `{code, label, colour: [r, g, b], revisions}`, revisions oldest first, 0 being the network's. */
  constructor(lesion, { width, height }) {
    Object.assign(this, lesion);
    this.base = this.newest.number;
    this.bitmap = new Bitmap(width, height);
    this.saved = this.bitmap.clone();
  }

  get newest() {
    return this.revisions.at(-1);
  }

  revision(number) {
    return this.revisions.find((revision) => revision.number === number);
  }

  /** What the server holds as revision `base` of this mask; the work starts from there. */
  load(bitmap, base) {
    this.saved = bitmap;
    this.base = base;
    this.bitmap.data.set(bitmap.data);
    this.history = new History();
    this.#edited();
  }

  // --- Strokes: the unit of undo ---

  get drawing() {
    return this.#stroke !== null;
  }

  /** Begin a stroke at `point` (image pixels); returns the rectangle that changed. */
  strokeBegin(point, { size, value }) {
    const start = snap(point, size);
    this.#stroke = { recorder: new Recorder(this.bitmap), at: start, size, value };
    return this.#draw(start, start);
  }

  strokeTo(point) {
    const from = this.#stroke.at;
    this.#stroke.at = snap(point, this.#stroke.size);
    return this.#draw(from, this.#stroke.at);
  }

  /** Whether the stroke changed anything. */
  strokeEnd() {
    return this.#finish(this.#stroke.recorder.finish());
  }

  /** Take the stroke under way back, as if it had never begun. */
  strokeCancel() {
    const rect = this.#stroke.recorder.cancel();
    this.#stroke = null;
    return rect;
  }

  #draw(from, to) {
    const { recorder, size, value } = this.#stroke;
    const rect = strokeBounds(this.bitmap, from, to, size);
    recorder.touch(rect);
    fillCapsule(this.bitmap, from, to, size, value);
    return rect;
  }

  #finish(patch) {
    this.#stroke = null;
    if (patch) {
      this.history.push(patch);
      this.#edited();
    }
    return patch !== null;
  }

  // --- Steps ---

  undo() {
    return this.#step((history) => history.undo(this.bitmap));
  }

  redo() {
    return this.#step((history) => history.redo(this.bitmap));
  }

  #step(move) {
    if (this.#stroke) return null;
    const rect = move(this.history);
    if (rect) this.#edited();
    return rect;
  }

  /** Take over all of another mask (an older revision, the server's): one step, which can be undone. */
  replaceWith(bitmap) {
    this.#finish(replaceAll(this.bitmap, bitmap));
    return whole(this.bitmap);
  }

  /** Work that was kept as a draft, started from revision `base`. */
  restore(bitmap, base) {
    this.base = base;
    return this.replaceWith(bitmap);
  }

  // --- Saving ---

  saveBegin() {
    this.state = next(this.state, { type: "save" });
  }

  /** The answer to an attempt that sent `sent`. */
  saveEnd(outcome, sent) {
    if (outcome.kind === "saved") {
      this.saved = sent;
      this.base = outcome.revision;
    }
    this.#measure();
    this.state = next(this.state, { type: "answer", outcome, dirty: this.dirty });
  }

  /** After a conflict: the author has seen the newer revision `number`, whose mask is `bitmap`, and goes on. */
  rebase(bitmap, number) {
    this.saved = bitmap;
    this.base = number;
    this.state = CLEAN;
    this.#edited();
  }

  #edited() {
    this.#measure();
    this.state = next(this.state, { type: "edited", dirty: this.dirty });
  }

  #measure() {
    this.dirty = !this.bitmap.equals(this.saved);
  }
}
