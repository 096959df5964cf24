import { takesText } from "../keys.js";

const PLAIN = {
  b: ["tool", "brush"],
  e: ["tool", "eraser"],
  h: ["tool", "hand"],
  1: ["lesion", 0],
  2: ["lesion", 1],
  3: ["lesion", 2],
  4: ["lesion", 3],
  "[": ["smaller"],
  "]": ["larger"],
  "+": ["zoomIn"],
  "=": ["zoomIn"], // the same key without Shift
  "-": ["zoomOut"],
  f: ["fit"],
  a: ["actualSize"],
  v: ["toggleMasks"],
  c: ["toggleComparison"],
  "?": ["help"],
};
const ON_STAGE = {
  arrowleft: ["pan", 1, 0],
  arrowright: ["pan", -1, 0],
  arrowup: ["pan", 0, 1],
  arrowdown: ["pan", 0, -1],
};
const WITH_CONTROL = { z: ["undo"], y: ["redo"], s: ["save"] };

/**
 * The action that a key stands for, as [name, ...arguments]; null where the key is not the editor's.
 *
 * @param {KeyboardEvent} event
 * @param {{typing: boolean, onStage: boolean}} where `typing`: in a field that takes text, which keeps its keys;
 *   `onStage`: the photograph has the focus, so that arrow keys are its own.
 */
export function actionFor(event, { typing, onStage }) {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (typing || event.altKey) return null;
    if (key === "z" && event.shiftKey) return ["redo"];
    return WITH_CONTROL[key] ?? null;
  }
  if (typing || event.altKey) return null;
  return (onStage && ON_STAGE[key]) || PLAIN[key] || null;
}

/** Let keys carry out `actions`; `gestures` is told of the space bar. */
export function listen(actions, gestures) {
  const stage = gestures.element;
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if (event.key === " " && pansWithSpace(event.target, stage)) {
      event.preventDefault();
      gestures.holdSpace(true);
      return;
    }
    const action = actionFor(event, { typing: takesText(event.target), onStage: event.target === stage });
    if (!action || !actions[action[0]]) return;
    event.preventDefault();
    actions[action[0]](...action.slice(1));
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== " " || !gestures.spaceHeld) return;
    event.preventDefault(); // a button that still has the focus must not be pressed by it
    gestures.holdSpace(false);
  });
  window.addEventListener("blur", () => gestures.holdSpace(false));
}

/** The space bar belongs to the photograph while the pointer is on it, unless the keyboard is being used elsewhere. */
function pansWithSpace(target, stage) {
  if (target === stage) return true;
  return stage.matches(":hover") && !takesText(target) && !target.matches(":focus-visible");
}
