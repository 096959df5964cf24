/** Choosing a patient: a search whose findings are radio buttons, so that keyboard and screen reader know them. */

import { api } from "./api.js";
import { byId, element } from "./dom.js";

const PAUSE = 250;

function option(patient) {
  const facts = [patient.record_number, patient.birth_date, patient.clinic].filter(Boolean).join(" · ");
  return element(
    "label",
    { class: "patient-option" },
    element("input", { type: "radio", name: "patient", value: patient.id }),
    element("span", {}, element("strong", {}, patient.name), " ", element("span", { class: "muted" }, facts)),
  );
}

function countText(shown, total) {
  if (total === 0) {
    return gettext("No patient found. Check the spelling, or register a new patient.");
  }
  if (total > shown) {
    return interpolate(gettext("The first %(shown)s of %(total)s patients; type more to narrow the search."), { shown, total }, true);
  }
  return interpolate(ngettext("%s patient found", "%s patients found", total), [total]);
}

/** @param {HTMLFormElement} form with `data-search-url`. */
export function bindPatientSearch(form) {
  const [input, results, count] = [byId("patient-search"), byId("patient-results"), byId("patient-count")];
  let timer = null;
  let asked = 0;

  async function search() {
    asked += 1;
    const mine = asked;
    let found;
    try {
      found = await api.get(`${form.dataset.searchUrl}?q=${encodeURIComponent(input.value.trim())}`);
    } catch (error) {
      count.textContent = error.message;
      return;
    }
    if (mine !== asked) {
      return; // an older answer that came late
    }
    // Rows that stay are not made anew: the keyboard may be on one of them.
    const wanted = new Set(found.patients.map((patient) => String(patient.id)));
    const shown = new Set();
    results.querySelectorAll("input").forEach((radio) => {
      if (wanted.has(radio.value) || radio.checked) {
        shown.add(radio.value);
      } else {
        radio.closest("label").remove();
      }
    });
    results.append(...found.patients.filter((patient) => !shown.has(String(patient.id))).map(option));
    count.textContent = countText(found.patients.length, found.total);
  }

  function showPart() {
    const isNew = form.elements.whose.value === "new";
    byId("new-patient").hidden = !isNew;
    byId("known-patient").hidden = isNew;
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault(); // search, and do not start the upload
      clearTimeout(timer);
      search();
    }
  });
  form.elements.whose.forEach((radio) => radio.addEventListener("change", showPart));
  showPart();
  if (!results.querySelector("input")) {
    search();
  }
}
