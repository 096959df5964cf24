/** Small helpers for building elements. Text always goes in as text, never as markup. */

/**
 * @param {string} tag
 * @param {object} properties `class`, `dataset`, `aria` ("label" -> aria-label), `on` (event -> listener); everything else
 *   is set as a property of the element.
 * @param {...(Node|string|null|undefined|false)} children
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") {
      made.className = value;
    } else if (name === "dataset") {
      Object.assign(made.dataset, value);
    } else if (name === "aria") {
      Object.entries(value).forEach(([key, text]) => made.setAttribute(`aria-${key}`, text));
    } else if (name === "on") {
      Object.entries(value).forEach(([event, listener]) => made.addEventListener(event, listener));
    } else {
      made[name] = value;
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** What the server put into the page as `<script type="application/json" id="page-data">`. */
export function pageData(id = "page-data") {
  return JSON.parse(byId(id).textContent);
}

/** Options of a select from pairs of value and label. */
export function options(pairs, selected) {
  return pairs.map(([value, label]) => element("option", { value, selected: value === selected }, label));
}

/** Show `text` in a status element; empty text hides it. */
export function say(target, text, kind = "") {
  target.textContent = text;
  target.dataset.kind = kind;
  if (target.hasAttribute("hidden") || target.getAttribute("role") === "alert") {
    target.hidden = text === "";
  }
}

/** Remove the notes that `showFieldErrors` put into `form`. */
export function clearFieldErrors(form) {
  form.querySelectorAll(".field__errors").forEach((note) => note.remove());
  form.querySelectorAll(".field--invalid").forEach((field) => {
    field.classList.remove("field--invalid");
    field.querySelectorAll("[aria-invalid]").forEach((input) => input.removeAttribute("aria-invalid"));
  });
}

/**
 * Put each message beside its field.
 * @param {HTMLFormElement} form
 * @param {Object<string, string[]>} errors by the name of the input.
 * @returns {string[]} messages that no field could be found for.
 */
export function showFieldErrors(form, errors) {
  const homeless = [];
  let first = null;
  for (const [name, messages] of Object.entries(errors)) {
    const input = form.querySelector(`[name="${CSS.escape(name)}"]`);
    const field = input?.type === "hidden" ? null : input?.closest(".field") ?? form.querySelector(`[data-errors-of="${name}"]`);
    if (field) {
      field.classList.add("field--invalid");
      input?.setAttribute("aria-invalid", "true");
      field.append(element("ul", { class: "field__errors" }, ...messages.map((text) => element("li", {}, text))));
      first ??= input;
    } else {
      homeless.push(...messages);
    }
  }
  first?.focus();
  return homeless;
}
