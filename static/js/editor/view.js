const KEEP_VISIBLE = 80; // px of the photograph that panning leaves on the screen
const MAX_SCALE = 40;

/**
 * Where the photograph lies on the stage. `scale` is CSS pixels per image pixel, (`x`, `y`) the place of the
 * photograph's top left corner on the stage in CSS pixels.
 */
export class View {
  scale = 1;
  x = 0;
  y = 0;
  stage = { width: 0, height: 0 };
  #fitted = true;

  constructor({ width, height }) {
    this.image = { width, height };
  }

  /** The scale at which all of the photograph is on the stage. */
  get fitScale() {
    const { width, height } = this.stage;
    return Math.min(width / this.image.width, height / this.image.height) || 1;
  }

  toImage(point) {
    return { x: (point.x - this.x) / this.scale, y: (point.y - this.y) / this.scale };
  }

  toStage(point) {
    return { x: point.x * this.scale + this.x, y: point.y * this.scale + this.y };
  }

  /** Show all of the photograph, centred; a view that was fitted stays so when the stage changes. */
  fit() {
    this.scale = this.fitScale;
    this.x = (this.stage.width - this.image.width * this.scale) / 2;
    this.y = (this.stage.height - this.image.height * this.scale) / 2;
    this.#fitted = true;
  }

  /** The stage has a new size; what was in its middle stays there. */
  resize(width, height) {
    const middle = this.toImage(this.middle);
    this.stage = { width, height };
    if (this.#fitted) {
      this.fit();
      return;
    }
    this.x = width / 2 - middle.x * this.scale;
    this.y = height / 2 - middle.y * this.scale;
    this.#keepOnStage();
  }

  get middle() {
    return { x: this.stage.width / 2, y: this.stage.height / 2 };
  }

  /** Multiply the scale; the image point under `point` of the stage stays under it. */
  zoom(factor, point = this.middle) {
    this.zoomTo(this.scale * factor, point);
  }

  zoomTo(scale, point = this.middle) {
    const fixed = this.toImage(point);
    this.scale = Math.min(Math.max(scale, this.fitScale / 2), Math.max(MAX_SCALE, this.fitScale));
    this.x = point.x - fixed.x * this.scale;
    this.y = point.y - fixed.y * this.scale;
    this.#fitted = false;
    this.#keepOnStage();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#fitted = false;
    this.#keepOnStage();
  }

  #keepOnStage() {
    const clamp = (offset, image, stage) => {
      const keep = Math.min(KEEP_VISIBLE, image, stage);
      return Math.min(Math.max(offset, keep - image), stage - keep);
    };
    this.x = clamp(this.x, this.image.width * this.scale, this.stage.width);
    this.y = clamp(this.y, this.image.height * this.scale, this.stage.height);
  }
}
