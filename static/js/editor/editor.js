import { Bitmap } from "./bitmap.js";
import { compare } from "./compare.js";
import { DraftKeeper } from "./draft_keeper.js";
import { Layer } from "./layer.js";
import { attempt } from "./saving.js";

export const SIZES = { min: 1, max: 200, start: 24 }; // px of the photograph

/**
 * The mask editor without its page: layers, tools, what is shown, saving. Tells of changes by events:
 * `pixels` (detail {layer, rect}: pixels of a mask are different; without rect: another mask is shown), `look` (masks
 * are to be drawn in another way), `change` (anything of what is beside the photograph), `notice` (detail: something to
 * tell the user, see notices.js).
 */
export class Editor extends EventTarget {
  tool = "brush"; // brush, eraser, hand
  size = SIZES.start;
  opacity = 0.6;
  masksVisible = true;
  /** A revision that is looked at instead of the own work, `{number, bitmap}`; read-only. */
  viewed = null;
  /** What the shown mask is compared with, `{number, bitmap, added, removed, unchanged, dice}`. */
  comparison = null;

  constructor({ state, server, codec, drafts }) {
    super();
    this.user = state.user;
    this.image = state.image;
    this.mayCorrect = state.may_correct;
    this.server = server;
    this.codec = codec;
    this.layers = state.lesions.map((lesion) => new Layer(lesion, state.image));
    this.active = this.layers[0];
    this.keeper = new DraftKeeper({ drafts, codec, onTrouble: () => this.#notify({ kind: "no_drafts" }) });
  }

  /** Load the newest mask of every lesion, then the drafts that were kept of them. */
  async open() {
    await Promise.all(this.layers.map(async (layer) => layer.load(await this.#fetchMask(layer.newest), layer.base)));
    if (this.mayCorrect) await this.#restoreDrafts();
    for (const layer of this.layers) this.#redraw(layer);
    this.#changed();
  }

  // --- What is worked with ---

  select(layer) {
    if (this.active.drawing) return;
    const before = this.active;
    this.active = layer;
    this.viewed = null;
    this.comparison = null;
    this.#redraw(before);
    this.#redraw(layer);
    this.#changed();
  }

  set(properties) {
    Object.assign(this, properties);
    this.size = Math.min(Math.max(Math.round(this.size), SIZES.min), SIZES.max);
    this.#emit("look");
    this.#changed();
  }

  showLayer(layer, visible) {
    layer.visible = visible;
    this.#emit("look");
    this.#changed();
  }

  /** The next size up (`direction` 1) or down (-1), by about a sixth. */
  stepSize(direction) {
    this.set({ size: this.size + direction * Math.max(1, Math.round(this.size / 6)) });
  }

  // --- Drawing ---

  /** Whether a stroke may begin: not by those who may only look, nor on another revision than the own work. */
  get canDraw() {
    return this.mayCorrect && this.viewed === null;
  }

  strokeBegin(point, { erase = this.tool === "eraser" } = {}) {
    if (!this.active.visible || !this.masksVisible) {
      this.active.visible = true; // never draw what cannot be seen
      this.set({ masksVisible: true });
    }
    this.#pixels(this.active, this.active.strokeBegin(point, { size: this.size, value: !erase }));
  }

  strokeTo(point) {
    this.#pixels(this.active, this.active.strokeTo(point));
  }

  strokeEnd() {
    if (this.active.strokeEnd()) this.#edited(this.active);
  }

  strokeCancel() {
    this.#pixels(this.active, this.active.strokeCancel());
  }

  undo() {
    if (this.canDraw) this.#step(this.active.undo());
  }

  redo() {
    if (this.canDraw) this.#step(this.active.redo());
  }

  #step(rect) {
    if (!rect) return;
    this.#pixels(this.active, rect);
    this.#edited(this.active);
  }

  // --- Revisions ---

  /** Look at a revision of the active lesion; `null` goes back to the own work. */
  async look(number) {
    const layer = this.active;
    const bitmap = number === null ? null : await this.#fetchMask(layer.revision(number));
    if (layer !== this.active) return; // the user went on meanwhile
    this.viewed = bitmap && { number, bitmap };
    this.#compareAgain();
    this.#redraw(layer);
    this.#changed();
  }

  /** Compare what is shown of the active lesion with a revision; `null` ends it. */
  async compareWith(number) {
    const layer = this.active;
    const bitmap = number === null ? null : await this.#fetchMask(layer.revision(number));
    if (layer !== this.active) return;
    this.comparison = bitmap && { number, bitmap };
    this.#compareAgain();
    this.#redraw(layer);
    this.#changed();
  }

  /** Go on from a revision; the own work can be had back by undo. */
  async startFrom(number) {
    const layer = this.active;
    const bitmap = await this.#fetchMask(layer.revision(number));
    if (layer === this.active) this.viewed = null;
    this.#pixels(layer, layer.replaceWith(bitmap));
    this.#edited(layer);
  }

  /** The mask of the active lesion that is on the screen. */
  get shown() {
    return this.viewed?.bitmap ?? this.active.bitmap;
  }

  #compareAgain() {
    if (this.comparison) Object.assign(this.comparison, compare(this.shown, this.comparison.bitmap));
  }

  // --- Saving ---

  get unsaved() {
    return this.layers.filter((layer) => layer.state.kind === "saving" || layer.dirty);
  }

  /** Save every mask that has changed, one after the other; stops where the user has to decide something. */
  async save() {
    for (const layer of this.layers.filter((each) => each.state.kind !== "saving" && each.dirty)) {
      const outcome = await this.saveLayer(layer);
      if (["login", "other_user"].includes(outcome.kind)) break;
    }
  }

  async saveLayer(layer) {
    layer.saveBegin();
    this.keeper.keep(layer); // whatever happens to the page until the answer is here
    this.#changed();
    const sent = layer.bitmap.clone();
    const { outcome, state } = await this.#attempt(layer, sent);
    layer.saveEnd(outcome, sent);
    if (state) this.#learn(state);
    if (outcome.kind === "saved") await this.#learnAgain();
    this.keeper.keep(layer);
    this.#changed();
    this.#notify({ layer, ...outcome });
    return outcome;
  }

  async #attempt(layer, sent) {
    let state = null;
    const outcome = await attempt(
      {
        whoAmI: async () => {
          state = await this.server.state();
          return state.user;
        },
        send: async () =>
          this.server.save({ lesion: layer.code, base: layer.base, png: await this.codec.encode(sent) }),
      },
      this.user.id,
    );
    return { outcome, state };
  }

  /** After a conflict: the newest revision is known, the own mask is to be saved on top of it. */
  async saveOnTop(layer) {
    await this.#rebase(layer);
    return this.saveLayer(layer);
  }

  /** Drop the unsaved work on a mask and take the newest revision. */
  async discard(layer) {
    const bitmap = await this.#rebase(layer);
    this.#pixels(layer, layer.replaceWith(bitmap));
    this.#edited(layer);
  }

  /** See for oneself how the newest revision and the own work differ. */
  async compareWithNewest(layer) {
    await this.#learnAgain();
    this.select(layer);
    await this.compareWith(layer.newest.number);
  }

  async #rebase(layer) {
    await this.#learnAgain();
    const bitmap = await this.#fetchMask(layer.newest);
    layer.rebase(bitmap, layer.newest.number);
    return bitmap;
  }

  async #learnAgain() {
    try {
      this.#learn(await this.server.state());
    } catch {
      // The list of revisions is a step behind until the next answer; nothing else depends on it.
    }
  }

  #learn(state) {
    if (state.user.id !== this.user.id) return;
    for (const layer of this.layers) {
      layer.revisions = state.lesions.find((lesion) => lesion.code === layer.code).revisions;
    }
    this.#changed();
  }

  // --- Drafts ---

  async #restoreDrafts() {
    for (const { lesion, base, png, savedAt } of await this.keeper.all()) {
      const layer = this.layers.find((each) => each.code === lesion);
      const bitmap = await this.codec.decode(png);
      if (bitmap.equals(layer.saved)) {
        this.keeper.keep(layer); // the server has it: the draft outlived a save by some moments
      } else {
        layer.restore(bitmap, base);
        this.active = layer;
        this.#notify({ kind: "restored", layer, savedAt, outdated: base !== layer.newest.number });
      }
    }
  }

  // --- Events ---

  #edited(layer) {
    this.keeper.keep(layer);
    this.#compareAgain();
    this.#changed();
  }

  #redraw(layer) {
    this.#emit("pixels", { layer, rect: null });
  }

  #pixels(layer, rect) {
    if (rect) this.#emit("pixels", { layer, rect });
  }

  #changed() {
    this.#emit("change");
  }

  #notify(detail) {
    this.#emit("notice", detail);
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  async #fetchMask(revision) {
    if (!revision.mask_url) return new Bitmap(this.image.width, this.image.height); // not outlined by the network
    return this.codec.decode(await this.server.mask(revision.mask_url));
  }
}
