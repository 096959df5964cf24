import { SIZES } from "./editor.js";

/** Tools and the save button: they carry out `actions` and set the editor, and show how it stands. */
export class Toolbar {
  constructor(editor, stage, actions, root) {
    this.editor = editor;
    this.stage = stage;
    this.root = root;
    for (const button of root.querySelectorAll("[data-action]")) {
      button.addEventListener("click", () => actions[button.dataset.action]());
    }
    for (const button of root.querySelectorAll("[data-tool]")) {
      button.addEventListener("click", () => actions.tool(button.dataset.tool));
    }
    this.#slider("size", (value) => editor.set({ size: value }));
    this.#slider("opacity", (value) => editor.set({ opacity: value / 100 }));
    editor.addEventListener("change", () => this.#show());
    stage.addEventListener("view", () => this.#showZoom());
    this.#show();
    this.#showZoom();
  }

  #find(selector) {
    return this.root.querySelector(selector);
  }

  #slider(name, set) {
    const range = this.#find(`[data-range="${name}"]`);
    if (!range) return;
    if (name === "size") Object.assign(range, { min: SIZES.min, max: SIZES.max });
    range.addEventListener("input", () => set(range.valueAsNumber));
  }

  #show() {
    const { active, canDraw, masksVisible, opacity, size, tool } = this.editor;
    for (const button of this.root.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    }
    this.#find('[data-action="toggleMasks"]').setAttribute("aria-pressed", String(masksVisible));
    this.#showRange("opacity", Math.round(opacity * 100), `${Math.round(opacity * 100)} %`);
    if (!this.editor.mayCorrect) return;
    this.#showRange("size", size, `${size} px`);
    this.#find('[data-action="undo"]').disabled = !canDraw || !active.history.canUndo;
    this.#find('[data-action="redo"]').disabled = !canDraw || !active.history.canRedo;
    this.#showSaving();
  }

  #showRange(name, value, text) {
    this.#find(`[data-range="${name}"]`).value = value;
    this.#find(`[data-range="${name}"]`).setAttribute("aria-valuetext", text);
    this.#find(`[data-value="${name}"]`).textContent = text;
  }

  #showSaving() {
    const { unsaved } = this.editor;
    const saving = unsaved.some((layer) => layer.state.kind === "saving");
    const status = this.#find("#editor-status");
    const text = sentence(unsaved, saving, this.editor.layers);
    if (status.textContent !== text) status.textContent = text; // not read out again and again
    status.classList.toggle("editor-status--unsaved", unsaved.length > 0);
    this.#find('[data-action="save"]').disabled = saving || unsaved.length === 0;
  }

  #showZoom() {
    this.#find('[data-value="zoom"]').textContent = `${Math.round(this.stage.magnification * 100)} %`;
  }
}

function sentence(unsaved, saving, layers) {
  if (saving) return gettext("Saving…");
  if (unsaved.length > 0) {
    return interpolate(gettext("Not saved: %s"), [unsaved.map((layer) => layer.label).join(", ")]);
  }
  return layers.some((layer) => layer.state.kind === "saved") ? gettext("All saved") : "";
}
