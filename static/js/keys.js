/** Keys of a page: one letter, one action. */

/** Whether what is typed into `target` is text. */
export function takesText(target) {
  if (target.tagName === "INPUT") return !["range", "checkbox", "radio"].includes(target.type);
  return ["TEXTAREA", "SELECT"].includes(target.tagName);
}

/**
 * The entry of `actions` (by key, in lower case) that a key press stands for; null where it is none of them, or text is
 * being typed.
 * @param {KeyboardEvent} event
 * @param {Object<string, () => void>} actions
 */
export function actionOf(event, actions) {
  if (event.ctrlKey || event.metaKey || event.altKey || takesText(event.target)) return null;
  return Object.hasOwn(actions, event.key.toLowerCase()) ? actions[event.key.toLowerCase()] : null;
}

/** Let keys carry out `actions`, but not while a dialog is open. */
export function listenForKeys(actions) {
  document.addEventListener("keydown", (event) => {
    const action = document.querySelector("dialog[open]") ? null : actionOf(event, actions);
    if (action) {
      event.preventDefault();
      action();
    }
  });
}
