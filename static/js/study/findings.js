/** Grade, probabilities, and the table of lesions with the controls of their layers. */

import { byId, element, options } from "../dom.js";
import { chosenSource, local, maskSources, progressText } from "./facts.js";
import { stageNames } from "./stages.js";

const percent = (share) => `${(share * 100).toFixed(1)} %`;
const number = (value, digits) => value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: digits });

export function gradeBadge(grade, labels) {
  return element(
    "span",
    { class: "grade", dataset: { grade } },
    element("span", { class: "grade__number" }, element("span", {}, String(grade))),
    element("span", {}, labels[grade]),
  );
}

/** The five probabilities as bars; the same numbers stand beside them as text. */
export function showGrade(result, labels) {
  byId("grade").replaceChildren();
  byId("probabilities").replaceChildren();
  if (!result) {
    return;
  }
  byId("grade").append(gradeBadge(result.grade, labels));
  const rows = result.probabilities.map((probability, grade) => {
    const bar = element("span", { class: "probability__bar", dataset: { grade } });
    bar.style.width = `${Math.max(probability * 100, 0.5)}%`;
    return element(
      "li",
      { class: "probability", dataset: { shown: String(grade === result.grade) } },
      element("span", { class: "probability__label" }, `${grade} · ${labels[grade]}`),
      element("span", { class: "probability__track", aria: { hidden: "true" } }, bar),
      element("span", { class: "probability__value numeric" }, percent(probability)),
    );
  });
  byId("probabilities").append(
    element("p", { class: "small muted" }, gettext("Probability of each grade, as the network states it:")),
    element("ol", { class: "probability-list", start: 0 }, ...rows),
  );
}

/** Progress, failure and what can be done about them; null hides it all. */
export function showProgress(prediction, { mayAnalyse, onCancel, onRetry }) {
  const box = byId("progress");
  box.replaceChildren();
  box.hidden = prediction === null || prediction.state === "succeeded";
  if (box.hidden) {
    return;
  }
  const action = (label, listener) =>
    mayAnalyse && element("button", { type: "button", class: "button button--quiet button--small", on: { click: listener } }, label);
  if (prediction.state === "queued" || prediction.state === "running") {
    const bar = element("progress", { class: "progress__bar", aria: { label: gettext("Analysis under way") } });
    box.append(bar, element("p", {}, progressText(prediction, stageNames())));
    if (prediction.state === "queued") {
      box.append(action(gettext("Cancel"), onCancel) || "");
    }
    return;
  }
  const text = prediction.error?.message ?? interpolate(gettext("This analysis ended without a result: %s."), [prediction.state_label]);
  box.append(element("p", { class: "message message--error" }, text), action(gettext("Try again"), onRetry) || "");
}

/** One row per lesion. Rows live as long as the page; `show` fills them for a photograph and prediction. */
export class LesionTable {
  #rows = new Map();
  #wanted = new Map();

  /**
   * @param {{code: string, label: string, colour: number[]}[]} lesions
   * @param {import("./layers.js").Layers} layers
   * @param {(error: Error) => void} onError
   */
  constructor(lesions, layers, onError) {
    Object.assign(this, { lesions, layers, onError });
    byId("lesion-rows").append(...lesions.map((lesion) => this.#row(lesion)));
    byId("mask-source").addEventListener("click", (event) => this.#chooseAll(event.target.closest("button")));
  }

  show(image, prediction) {
    this.image = image;
    this.prediction = prediction;
    const lists = this.lesions.map(({ code }) => maskSources(image, prediction, code));
    byId("lesions-card").hidden = !prediction?.result;
    byId("mask-source").hidden = !lists.some((sources) => sources.some((source) => source.kind === "revision"));
    this.lesions.forEach(({ code }, index) => this.#fill(code, prediction?.result ? lists[index] : []));
  }

  /** Forget which revisions were chosen: another photograph is shown. */
  reset() {
    this.#wanted.clear();
    this.#press("current");
  }

  #row({ code, label, colour }) {
    const swatch = element("span", { class: "swatch", aria: { hidden: "true" } });
    swatch.style.backgroundColor = `rgb(${colour.join(" ")})`;
    const visible = element("input", { type: "checkbox", checked: true, id: `layer-${code}`, dataset: { lesion: code } });
    visible.addEventListener("change", () => this.layers.update(code, { visible: visible.checked }));
    const opacity = element("input", {
      type: "range", min: 0, max: 100, value: 60, class: "opacity", aria: { label: `${gettext("Opacity")}: ${label}` },
    });
    opacity.addEventListener("input", () => this.layers.update(code, { opacity: opacity.value / 100 }));
    this.layers.update(code, { visible: true, opacity: 0.6 });
    const source = element("select", { class: "mask-source-select", hidden: true, aria: { label: `${gettext("Mask")}: ${label}` } });
    source.addEventListener("change", () => {
      this.#wanted.set(code, source.value);
      this.#press(null);
      this.show(this.image, this.prediction);
    });
    const cells = ["count", "area_px", "area_percent_of_fov", "area_disc"].map((name) => [name, element("td", { class: "numeric" })]);
    this.#rows.set(code, { source, cells: new Map(cells) });
    return element(
      "tr",
      { dataset: { lesion: code } },
      element(
        "th",
        { scope: "row" },
        element("label", { class: "choice", htmlFor: `layer-${code}` }, visible, swatch, element("span", {}, `${code} · ${label}`)),
        opacity,
        source,
      ),
      ...cells.map(([, cell]) => cell),
    );
  }

  #fill(code, sources) {
    const { source: select, cells } = this.#rows.get(code);
    const chosen = chosenSource(sources, this.#wanted.get(code) ?? "current");
    select.hidden = sources.length < 2;
    select.replaceChildren(...options(sources.map((source) => [source.key, sourceLabel(source)]), chosen?.key));
    const digits = { count: 0, area_px: 0, area_percent_of_fov: 3, area_disc: 2 };
    cells.forEach((cell, name) => {
      cell.textContent = chosen && chosen[name] !== null ? number(chosen[name], digits[name]) : "–";
    });
    this.layers.show(code, chosen ? local(chosen.url) : null, this.image).catch(this.onError);
  }

  #chooseAll(button) {
    if (button) {
      this.lesions.forEach(({ code }) => this.#wanted.set(code, button.dataset.source));
      this.#press(button.dataset.source);
      this.show(this.image, this.prediction);
    }
  }

  #press(source) {
    byId("mask-source").querySelectorAll("button").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.source === source));
    });
  }
}

function sourceLabel(source) {
  if (source.kind === "network") {
    return gettext("Network's own");
  }
  const when = new Date(source.created_at).toLocaleString(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" });
  return interpolate(gettext("Correction %(number)s · %(author)s · %(when)s"), { number: source.revision, author: source.author, when }, true);
}
