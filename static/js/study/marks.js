/** What is drawn over the photograph for a moment or for orientation: regions of a finding, fovea, disc, macula. */

const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, String(value)));
  return made;
}

/** A box around (x, y, width, height), wider by `margin` on every side so that a small lesion stays visible in it. */
export function framed([x, y, width, height], margin) {
  return { x: x - margin, y: y - margin, width: width + 2 * margin, height: height + 2 * margin };
}

export class Marks {
  #regions;
  #landmarks;

  /** @param {HTMLElement} stage the photograph lies in it, in its own pixels. */
  constructor(stage) {
    this.node = shape("svg", { class: "viewer__layer marks", "aria-hidden": "true" });
    this.#landmarks = shape("g", { class: "marks__landmarks" });
    this.#regions = shape("g", { class: "marks__regions" });
    this.node.append(this.#landmarks, this.#regions);
    stage.append(this.node);
  }

  /** Draw where disc and fovea are, and the circle of one disc diameter around the fovea. */
  show({ width, height, landmarks }, macula) {
    this.node.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.margin = Math.max(width, height) / 150;
    this.#regions.replaceChildren();
    const arm = Math.max(width, height) / 80;
    const crosses = Object.entries(landmarks)
      .filter(([, place]) => place?.confidence >= 0.5)
      .map(([kind, { x, y }]) => shape("path", { class: `marks__${kind}`, d: `M${x - arm} ${y}h${2 * arm}M${x} ${y - arm}v${2 * arm}` }));
    const circle = macula?.fovea && shape("circle", { class: "marks__macula", cx: macula.fovea[0], cy: macula.fovea[1], r: macula.radius });
    this.#landmarks.replaceChildren(...crosses, ...(circle ? [circle] : []));
  }

  /** Frame the regions of a finding; an empty list takes the frames away. */
  highlight(regions) {
    this.#regions.replaceChildren(...regions.map((region) => shape("rect", framed(region, this.margin))));
  }

  /** Make the circle around the fovea stand out. */
  stress(on) {
    this.node.classList.toggle("marks--macula", on);
  }
}
