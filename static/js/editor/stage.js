import { COMPARISON_COLOURS } from "./compare.js";
import { Painter } from "./painter.js";
import { intersection, union, whole } from "./rect.js";
import { View } from "./view.js";

/** What lies on the screen: the photograph, the masks over it, the ring of the brush. */
export class Stage extends EventTarget {
  #painters = new Map();
  #dirty = null;
  #scheduled = false;
  #sharpening = false;

  /** @param elements `{stage, photo, canvas, ring}`; photo holds the img of the preview. */
  constructor(editor, elements) {
    super();
    this.editor = editor;
    this.elements = elements;
    this.view = new View(editor.image);
    this.context = elements.canvas.getContext("2d");
    for (const layer of editor.layers) this.#painters.set(layer, new Painter());
    elements.photo.style.width = `${editor.image.width}px`;
    elements.photo.style.height = `${editor.image.height}px`;
    new ResizeObserver(() => this.#resize()).observe(elements.stage);
    editor.addEventListener("pixels", ({ detail }) => this.#pixels(detail));
    editor.addEventListener("look", () => this.#redraw(whole(editor.image)));
    for (const layer of editor.layers) this.#choosePicture(layer);
    this.preview = elements.photo.querySelector("img");
    this.preview.decode().then(
      () => this.#sharpen(),
      () => this.dispatchEvent(new CustomEvent("nophoto")),
    );
    this.#resize();
  }

  // --- View ---

  /** Change the view by `change(view)` and show it. */
  move(change) {
    change(this.view);
    this.#place();
  }

  /** Device pixels of the screen per image pixel; 1 is what "100 %" means. */
  get magnification() {
    return this.view.scale * this.pixelRatio;
  }

  actualSize() {
    this.move((view) => view.zoomTo(1 / this.pixelRatio));
  }

  #resize() {
    const { width, height } = this.elements.stage.getBoundingClientRect();
    this.pixelRatio = window.devicePixelRatio || 1;
    this.elements.canvas.width = Math.round(width * this.pixelRatio);
    this.elements.canvas.height = Math.round(height * this.pixelRatio);
    this.view.resize(width, height);
    this.#place();
  }

  #place() {
    const { x, y, scale } = this.view;
    this.elements.photo.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    this.#sharpen();
    this.#redraw(whole(this.editor.image));
    this.dispatchEvent(new CustomEvent("view"));
  }

  /** Fetch the original once the preview has no more to show, where the browser can display its format. */
  #sharpen() {
    const { original_url: url, width, height } = this.editor.image;
    const { naturalWidth } = this.preview; // 0 until it is loaded
    if (!url || this.#sharpening || !naturalWidth || this.magnification * width <= naturalWidth * 1.05) return;
    this.#sharpening = true;
    const original = new Image();
    original.alt = "";
    original.src = url;
    original.decode().then(
      () => {
        const fits = original.naturalWidth === width && original.naturalHeight === height;
        if (fits) this.elements.photo.append(original); // over the preview, at the same place
      },
      () => {}, // the preview stays
    );
  }

  // --- Masks ---

  #pixels({ layer, rect }) {
    if (rect) this.#painters.get(layer).invalidate(rect);
    else this.#choosePicture(layer);
    this.#redraw(rect ?? whole(this.editor.image));
  }

  #choosePicture(layer) {
    const { active, shown, comparison } = this.editor;
    const mask = layer === active ? shown : layer.bitmap;
    const compared = layer === active && comparison;
    const { added, removed, unchanged } = COMPARISON_COLOURS;
    this.#painters.get(layer).show(
      mask,
      compared
        ? { reference: comparison.bitmap, colours: [added, removed, unchanged] }
        : { colours: [layer.colour, layer.colour, layer.colour] },
    );
  }

  /** Draw `rect` (image pixels) of the masks anew with the next frame. */
  #redraw(rect) {
    this.#dirty = union(this.#dirty, rect);
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw(this.#dirty);
      this.#dirty = null;
    });
  }

  #draw(dirty) {
    const { context, pixelRatio, view } = this;
    const place = {
      x: (value) => Math.round((value * view.scale + view.x) * pixelRatio),
      y: (value) => Math.round((value * view.scale + view.y) * pixelRatio),
    };
    const all = dirty.x0 <= 0 && dirty.y0 <= 0 && dirty.x1 >= view.image.width && dirty.y1 >= view.image.height;
    const edge = all ? 0 : 2; // what smoothing spreads beyond the rectangle
    const screen = intersection(whole(context.canvas), {
      x0: place.x(dirty.x0) - edge,
      y0: place.y(dirty.y0) - edge,
      x1: place.x(dirty.x1) + edge,
      y1: place.y(dirty.y1) + edge,
    });
    if (all) context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    if (!screen) return;
    context.save();
    context.beginPath();
    context.rect(screen.x0, screen.y0, screen.x1 - screen.x0, screen.y1 - screen.y0);
    context.clip();
    if (!all) context.clearRect(screen.x0, screen.y0, screen.x1 - screen.x0, screen.y1 - screen.y0);
    context.imageSmoothingEnabled = this.magnification < 1;
    context.globalAlpha = this.editor.opacity;
    const rect = this.#imageRect(screen);
    for (const layer of this.#drawn()) this.#painters.get(layer).draw(context, rect, place);
    context.restore();
  }

  /** The layers on the screen, the active one on top; a comparison stands alone. */
  #drawn() {
    const { active, comparison, layers, masksVisible } = this.editor;
    if (!masksVisible) return [];
    if (comparison) return [active];
    return [...layers.filter((layer) => layer !== active), active].filter((layer) => layer.visible);
  }

  #imageRect({ x0, y0, x1, y1 }) {
    const from = this.view.toImage({ x: x0 / this.pixelRatio, y: y0 / this.pixelRatio });
    const to = this.view.toImage({ x: x1 / this.pixelRatio, y: y1 / this.pixelRatio });
    return { x0: Math.floor(from.x), y0: Math.floor(from.y), x1: Math.ceil(to.x), y1: Math.ceil(to.y) };
  }

  // --- Ring ---

  /** Show the size of the brush around `point` (stage pixels), or hide the ring. */
  ring(point) {
    const { ring } = this.elements;
    ring.hidden = !point;
    if (!point) return;
    const side = Math.max(3, this.editor.size * this.view.scale);
    ring.style.width = `${side}px`;
    ring.style.height = `${side}px`;
    ring.style.transform = `translate(${point.x - side / 2}px, ${point.y - side / 2}px)`;
  }
}
