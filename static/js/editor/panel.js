import { byId, element, options } from "../dom.js";
import { COMPARISON_COLOURS } from "./compare.js";
import { cssColour, formatFraction, formatNumber, formatTime, revisionName } from "./format.js";

/** Beside the photograph: the lesions, the comparison, the revisions of the chosen lesion. */
export class Panel {
  #rows = new Map();
  #listed = null;

  constructor(editor, attend) {
    this.editor = editor;
    this.attend = attend; // of what takes time: tells the user where it fails
    editor.layers.forEach((layer, index) => this.#addLesion(layer, index));
    for (const swatch of document.querySelectorAll("[data-colour]")) {
      swatch.style.backgroundColor = cssColour(COMPARISON_COLOURS[swatch.dataset.colour]);
    }
    byId("editor-compare").addEventListener("change", ({ target }) => {
      attend(editor.compareWith(target.value === "" ? null : Number(target.value)));
    });
    editor.addEventListener("change", () => this.#show());
    this.#show();
  }

  // --- Lesions ---

  #addLesion(layer, index) {
    const choose = { change: () => this.editor.select(layer) };
    const choice = element("input", { type: "radio", name: "lesion", value: layer.code, on: choose });
    const title = interpolate(gettext("Show %s"), [layer.label]);
    const show = { change: ({ target }) => this.editor.showLayer(layer, target.checked) };
    const visible = element("input", { type: "checkbox", title, aria: { label: title }, on: show });
    const swatch = element("span", { class: "editor-swatch" });
    swatch.style.backgroundColor = cssColour(layer.colour);
    const unsaved = element("span", { class: "editor-unsaved", title: gettext("Not saved") }, "●");
    unsaved.append(element("span", { class: "visually-hidden" }, gettext("Not saved")));
    const key = element("kbd", {}, String(index + 1));
    const name = element("span", { class: "editor-lesion__name" }, layer.label);
    const label = element("label", { class: "editor-lesion__label" }, choice, swatch, name, unsaved, key);
    byId("editor-lesions").append(element("li", { class: "editor-lesion" }, label, visible));
    this.#rows.set(layer, { choice, visible, unsaved });
  }

  #show() {
    const { active, layers } = this.editor;
    for (const layer of layers) {
      const row = this.#rows.get(layer);
      row.choice.checked = layer === active;
      row.visible.checked = layer.visible;
      row.unsaved.hidden = !layer.dirty;
    }
    this.#showRevisions();
    this.#showComparison();
  }

  // --- Revisions ---

  /** The list is built anew only where it is another one, so that the keyboard's focus stays where it is. */
  #showRevisions() {
    const { active, viewed, mayCorrect } = this.editor;
    const listed = JSON.stringify([active.code, active.revisions.map(({ number }) => number), viewed?.number]);
    if (listed === this.#listed) return;
    this.#listed = listed;
    const list = byId("editor-revisions");
    const focused = document.activeElement?.dataset?.focus;
    list.replaceChildren(...active.revisions.map((revision) => this.#revision(revision)).reverse());
    if (mayCorrect) list.prepend(this.#ownWork());
    if (focused) list.querySelector(`[data-focus="${focused}"]`)?.focus();
    const compare = byId("editor-compare");
    const choices = active.revisions.map(({ number }) => [String(number), revisionName(number)]);
    compare.replaceChildren(...options([["", gettext("Nothing")], ...choices]));
  }

  #ownWork() {
    const { viewed } = this.editor;
    const back = this.#button(gettext("Show"), "view-own", viewed === null, () => this.editor.look(null));
    return element(
      "li",
      { class: "editor-revision", aria: { current: String(viewed === null) } },
      element("strong", {}, gettext("Your work")),
      element("span", { class: "editor-revision__actions" }, back),
    );
  }

  #revision(revision) {
    const { editor } = this;
    const { number, author, created_at: time, count, area_px: area } = revision;
    const newest = !editor.mayCorrect && revision === editor.active.newest; // without own work, it is on the screen
    const shown = editor.viewed ? editor.viewed.number === number : newest;
    const facts = [author, time && formatTime(time)].filter(Boolean).join(" · ");
    const measures = interpolate(
      ngettext("%(count)s lesion, %(area)s px", "%(count)s lesions, %(area)s px", count),
      { count: formatNumber(count), area: formatNumber(area) },
      true,
    );
    const actions = element("span", { class: "editor-revision__actions" });
    actions.append(this.#button(gettext("Show"), `view-${number}`, shown, () => editor.look(number)));
    if (editor.mayCorrect) {
      actions.append(this.#button(gettext("Start from this"), `start-${number}`, null, () => editor.startFrom(number)));
    }
    return element(
      "li",
      { class: "editor-revision", aria: { current: String(shown) } },
      element("strong", {}, revisionName(number)),
      element("span", { class: "editor-revision__facts" }, facts),
      element("span", { class: "editor-revision__facts" }, measures),
      actions,
    );
  }

  #button(text, focus, pressed, act) {
    return element(
      "button",
      {
        type: "button",
        class: "button button--quiet button--small",
        dataset: { focus },
        aria: pressed === null ? {} : { pressed: String(pressed) },
        on: { click: () => this.attend(act()) },
      },
      text,
    );
  }

  // --- Comparison ---

  #showComparison() {
    const { comparison } = this.editor;
    byId("editor-compare").value = comparison ? comparison.number : "";
    const table = byId("editor-comparison");
    table.hidden = !comparison;
    if (!comparison) return;
    for (const name of ["added", "removed", "unchanged"]) {
      table.querySelector(`[data-compared="${name}"]`).textContent = `${formatNumber(comparison[name])} px`;
    }
    table.querySelector('[data-compared="dice"]').textContent =
      comparison.dice === null ? gettext("both are empty") : formatFraction(comparison.dice);
  }
}
