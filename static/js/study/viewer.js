/** Zoom and pan of a photograph with its layers. The geometry is in `View`, which knows no page. */

export const MAX_SCALE = 16;
const STEP = 1.25;
const MOVE = 60; // px of the screen per arrow key
const EDGE = 80; // px of the photograph that always stay in sight

/** Where the photograph lies in the viewport: screen = photograph * scale + (x, y). */
export class View {
  scale = 1;
  x = 0;
  y = 0;

  constructor() {
    this.picture = { width: 1, height: 1 };
    this.viewport = { width: 1, height: 1 };
  }

  get fitScale() {
    return Math.min(this.viewport.width / this.picture.width, this.viewport.height / this.picture.height);
  }

  fit() {
    this.scale = this.fitScale;
    this.x = (this.viewport.width - this.picture.width * this.scale) / 2;
    this.y = (this.viewport.height - this.picture.height * this.scale) / 2;
  }

  get fitted() {
    return Math.abs(this.scale - this.fitScale) < 1e-6;
  }

  /** Zoom by `factor`, keeping what lies under the point (x, y) of the viewport where it is. */
  zoom(factor, x = this.viewport.width / 2, y = this.viewport.height / 2) {
    const smallest = Math.min(this.fitScale, 1);
    const scale = Math.min(Math.max(this.scale * factor, smallest), Math.max(MAX_SCALE, smallest));
    const applied = scale / this.scale;
    this.x = x - (x - this.x) * applied;
    this.y = y - (y - this.y) * applied;
    this.scale = scale;
    this.#hold();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#hold();
  }

  #hold() {
    const edge = { x: Math.min(EDGE, this.viewport.width / 2), y: Math.min(EDGE, this.viewport.height / 2) };
    this.x = Math.min(Math.max(this.x, edge.x - this.picture.width * this.scale), this.viewport.width - edge.x);
    this.y = Math.min(Math.max(this.y, edge.y - this.picture.height * this.scale), this.viewport.height - edge.y);
  }
}

export class Viewer {
  #pointers = new Map();
  #distance = 0;

  /**
   * @param {object} parts elements: viewport, stage, picture, level (shows the zoom).
   * @param {(scale: number) => void} onZoom
   */
  constructor({ viewport, stage, picture, level }, onZoom) {
    Object.assign(this, { viewport, stage, picture, level, onZoom, view: new View() });
    this.#listen();
    new ResizeObserver(() => this.#resized()).observe(viewport);
  }

  /** Show a photograph of `width` x `height` pixels; its place is kept where it is the same one as before. */
  show({ width, height }) {
    this.view.picture = { width, height };
    this.stage.style.width = `${width}px`;
    this.stage.style.height = `${height}px`;
    this.#measure();
    this.fit();
  }

  fit() {
    this.view.fit();
    this.#apply();
  }

  zoom(factor, x, y) {
    this.view.zoom(factor, x, y);
    this.#apply();
  }

  zoomIn() {
    this.zoom(STEP);
  }

  zoomOut() {
    this.zoom(1 / STEP);
  }

  #measure() {
    this.view.viewport = { width: this.viewport.clientWidth || 1, height: this.viewport.clientHeight || 1 };
  }

  #resized() {
    const wasFitted = this.view.fitted;
    this.#measure();
    if (wasFitted) {
      this.view.fit();
    }
    this.#apply();
  }

  #apply() {
    const { scale, x, y } = this.view;
    this.stage.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    this.stage.style.setProperty("--zoom", scale);
    this.level.textContent = `${Math.round(scale * 100)} %`;
    this.onZoom(scale);
  }

  #listen() {
    const { viewport } = this;
    viewport.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    viewport.addEventListener("dblclick", (event) => this.zoom(2, ...this.#place(event)));
    viewport.addEventListener("keydown", (event) => this.#key(event));
    viewport.addEventListener("pointerdown", (event) => {
      viewport.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, event);
      this.#distance = this.#spread();
    });
    viewport.addEventListener("pointermove", (event) => this.#pointerMove(event));
    ["pointerup", "pointercancel"].forEach((type) =>
      viewport.addEventListener(type, (event) => {
        this.#pointers.delete(event.pointerId);
        this.#distance = this.#spread();
      }),
    );
  }

  /** Where on the photograph, in its pixels, an event of the mouse or finger took place. */
  photographPoint(event) {
    const [x, y] = this.#place(event);
    return { x: (x - this.view.x) / this.view.scale, y: (y - this.view.y) / this.view.scale };
  }

  #place(event) {
    const box = this.viewport.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #wheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
    this.zoom(Math.exp(-pixels / 400), ...this.#place(event));
  }

  #pointerMove(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) {
      return;
    }
    const share = 1 / this.#pointers.size; // two fingers move it together
    this.view.pan((event.clientX - before.clientX) * share, (event.clientY - before.clientY) * share);
    this.#pointers.set(event.pointerId, event);
    if (this.#pointers.size === 2) {
      const distance = this.#spread();
      this.view.zoom(distance / this.#distance, ...this.#middle());
      this.#distance = distance;
    }
    this.#apply();
  }

  #spread() {
    const [first, second] = this.#pointers.values();
    return second ? Math.hypot(first.clientX - second.clientX, first.clientY - second.clientY) || 1 : 0;
  }

  #middle() {
    const [first, second] = this.#pointers.values();
    const [x1, y1] = this.#place(first);
    const [x2, y2] = this.#place(second);
    return [(x1 + x2) / 2, (y1 + y2) / 2];
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return; // the browser's own zoom
    }
    const actions = {
      ArrowLeft: () => this.view.pan(MOVE, 0),
      ArrowRight: () => this.view.pan(-MOVE, 0),
      ArrowUp: () => this.view.pan(0, MOVE),
      ArrowDown: () => this.view.pan(0, -MOVE),
      "+": () => this.view.zoom(STEP),
      "=": () => this.view.zoom(STEP),
      "-": () => this.view.zoom(1 / STEP),
      0: () => this.view.fit(),
    };
    const action = actions[event.key];
    if (action) {
      event.preventDefault();
      action();
      this.#apply();
    }
  }
}
