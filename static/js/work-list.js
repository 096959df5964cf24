/** The work-list: keys walk through it, and it is read again whenever something of it changes. */

import { byId } from "./dom.js";
import { listenForKeys } from "./keys.js";
import { keepFresh } from "./live-part.js";
import { rowToChoose } from "./work-list/rows.js";

let chosen = null;
let place = 0;

const rows = () => [...byId("work-list").querySelectorAll("[data-study]")];
const rowOf = (study) => rows().find((row) => row.dataset.study === study);
const studies = () => rows().map((row) => row.dataset.study);

function choose(study) {
  rowOf(study)?.querySelector(".study-link").focus();
}

function walk(step) {
  choose(rowToChoose(studies(), chosen, step, place));
}

/** Whatever of a row has the focus, the row is the chosen one. */
function remember(event) {
  const row = event.target.closest?.("#work-list [data-study]");
  if (row) {
    chosen = row.dataset.study;
    place = studies().indexOf(chosen);
  }
}

function takeOrGiveBack() {
  rowOf(chosen)?.querySelector(".desk button")?.click();
}

listenForKeys({
  j: () => walk(1),
  k: () => walk(-1),
  n: () => byId("next-case")?.click(),
  t: takeOrGiveBack,
  "/": () => byId("id_q").focus(),
  "?": () => byId("keys").showModal(),
});
byId("show-keys").addEventListener("click", () => byId("keys").showModal());
document.addEventListener("focusin", remember);
keepFresh("work-list", {
  socketPath: "/ws/work-list/",
  isBusy: () => true, // colleagues are at work
  keepFocus: () => document.activeElement?.closest("#work-list [data-study]") && (() => walk(0)),
});
