const PEN_ERASER = 32; // bit of PointerEvent.buttons

/** Mouse, pen and fingers on the stage: strokes, panning, zooming. */
export class Gestures {
  #mode = null; // stroke, pan, pinch
  #pointer = null;
  #touches = new Map();
  #last = null;
  #penSeen = false;
  #origin = { x: 0, y: 0 };

  constructor(editor, stage) {
    this.editor = editor;
    this.stage = stage;
    this.element = stage.elements.stage;
    this.spaceHeld = false;
    const on = (type, handler, options) => this.element.addEventListener(type, handler.bind(this), options);
    on("pointerdown", this.#down);
    on("pointermove", this.#move);
    on("pointerup", this.#up);
    on("pointercancel", this.#cancel);
    on("pointerleave", () => this.#mode ?? this.stage.ring(null));
    on("wheel", this.#wheel, { passive: false });
    on("contextmenu", (event) => event.preventDefault());
  }

  #down(event) {
    if (this.#mode === "stroke" && event.pointerType !== "touch") return; // a second button
    this.#locate();
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    event.preventDefault();
    this.#penSeen ||= event.pointerType === "pen";
    if (event.pointerType === "touch") {
      this.#touches.set(event.pointerId, this.#point(event));
      if (this.#touches.size > 1) {
        this.#startPinch();
        return;
      }
    }
    this.#pointer = event.pointerId;
    this.#last = this.#point(event);
    if (this.#draws(event)) {
      this.#mode = "stroke";
      const erase = this.editor.tool === "eraser" || (event.buttons & PEN_ERASER) !== 0;
      this.editor.strokeBegin(this.stage.view.toImage(this.#last), { erase });
    } else {
      this.#mode = "pan";
    }
    this.#cursor();
  }

  /** Whether a pointer that goes down draws; otherwise it pans. */
  #draws(event) {
    const finger = event.pointerType === "touch" && this.#penSeen; // a resting hand beside the pen
    const button = event.button === 0 || (event.buttons & PEN_ERASER) !== 0;
    return button && !finger && !this.spaceHeld && this.editor.tool !== "hand" && this.editor.canDraw;
  }

  #move(event) {
    if (this.#mode === null) this.#locate();
    const point = this.#point(event);
    this.#ring(event, point);
    if (this.#mode === "pinch") this.#pinch(event.pointerId, point);
    else if (event.pointerId !== this.#pointer) return;
    else if (this.#mode === "stroke") this.#strokeTo(event);
    else if (this.#mode === "pan") this.#panTo(point);
  }

  /** A pen or a quick mouse reports more places than there are frames: none of them is left out. */
  #strokeTo(event) {
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length > 0 ? events : [event]) {
      this.editor.strokeTo(this.stage.view.toImage(this.#point(each)));
    }
  }

  #panTo(point) {
    const { x, y } = this.#last;
    this.#last = point;
    this.stage.move((view) => view.pan(point.x - x, point.y - y));
  }

  #ring({ pointerType }, point) {
    const draws = pointerType !== "touch" && this.editor.canDraw && this.editor.tool !== "hand";
    const moves = this.#mode === "pan" || this.spaceHeld;
    this.stage.ring(draws && !moves ? point : null);
  }

  #locate() {
    const box = this.element.getBoundingClientRect();
    this.#origin = { x: box.left, y: box.top };
  }

  #up(event) {
    this.#touches.delete(event.pointerId);
    if (this.#mode === "pinch") {
      if (this.#touches.size === 0) this.#mode = null; // a finger that stays does not begin to draw
    } else if (event.pointerId === this.#pointer) {
      if (this.#mode === "stroke") this.editor.strokeEnd();
      this.#mode = null;
    }
    this.#cursor();
  }

  #cancel(event) {
    if (this.#mode === "stroke" && event.pointerId === this.#pointer) {
      this.editor.strokeCancel();
      this.#mode = null;
    }
    this.#up(event);
  }

  // --- Two fingers ---

  #startPinch() {
    if (this.#mode === "stroke") this.editor.strokeCancel(); // the first finger was not meant to draw
    this.#mode = "pinch";
    this.#cursor();
  }

  #pinch(id, point) {
    if (!this.#touches.has(id)) return;
    const before = [...this.#touches.values()];
    this.#touches.set(id, point);
    if (before.length > 1) this.#spread(span(before), span([...this.#touches.values()]));
  }

  #spread(before, after) {
    this.stage.move((view) => {
      view.pan(after.x - before.x, after.y - before.y);
      if (before.length > 0) view.zoom(after.length / before.length, after);
    });
  }

  // --- Wheel ---

  #wheel(event) {
    event.preventDefault();
    this.#locate();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const speed = event.ctrlKey ? 0.01 : 0.0018; // a pinch on a touch pad arrives as a wheel with Ctrl
    this.stage.move((view) => view.zoom(Math.exp(-event.deltaY * lines * speed), this.#point(event)));
    if (!this.stage.elements.ring.hidden) this.stage.ring(this.#point(event));
  }

  /** The space bar pans while it is held. */
  holdSpace(held) {
    this.spaceHeld = held;
    this.#cursor();
  }

  #cursor() {
    this.element.classList.toggle("is-panning", this.#mode === "pan" || this.#mode === "pinch");
    this.element.classList.toggle("is-pannable", this.spaceHeld);
  }

  #point(event) {
    return { x: event.clientX - this.#origin.x, y: event.clientY - this.#origin.y };
  }
}

/** Middle and length of what lies between the first two touches. */
function span([a, b]) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, length: Math.hypot(a.x - b.x, a.y - b.y) };
}
