/** Diagnosis text and grades of the reader: saved by themselves, kept in the browser until the server has them. */

import { api } from "../api.js";
import { Autosave, State } from "../autosave.js";
import { byId } from "../dom.js";
import { Draft } from "../draft.js";
import { sessionWorks } from "../session.js";

const toGrade = (text) => (text === "" ? null : Number(text));
const fromGrade = (grade) => (grade === null ? "" : String(grade));

const time = (value) => new Date(value).toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });

const GRADES = ["grade_od", "grade_os"];
const TEXTS = ["diagnosis", "macula_od", "macula_os", "gradability_od", "gradability_os"];

/** What a reader states, of whatever holds it; a copy from an older page may lack parts. */
export function wordsOf(reading) {
  return Object.fromEntries([
    ...GRADES.map((name) => [name, reading[name] ?? null]),
    ...TEXTS.map((name) => [name, reading[name] ?? ""]),
  ]);
}

/** Two readings that say the same. */
export function sameReading(first, second) {
  const [one, other] = [wordsOf(first), wordsOf(second)];
  return [...GRADES, ...TEXTS].every((name) => one[name] === other[name]);
}

/** What the page says about the state of saving. */
export function stateText(state, { answer, error, kept } = {}) {
  switch (state) {
    case State.UNSAVED:
      return kept === false
        ? gettext("Not saved yet, and this browser cannot keep a copy: do not close the page.")
        : gettext("Not saved yet …");
    case State.SAVING:
      return gettext("Saving …");
    case State.SAVED:
      return interpolate(gettext("Saved at %s"), [time(answer?.updated_at ?? Date.now())]);
    case State.KEPT:
      return interpolate(gettext("Not saved: %s Your text is kept in this browser and will be sent again."), [error.message]);
    case State.REFUSED:
      return interpolate(gettext("Not saved: %s"), [error.message]);
    default:
      return "";
  }
}

export class ReadingForm {
  /**
   * @param {object} data the page's data: studyId, userId, reading.
   * @param {(reading: object) => void} onChange
   */
  constructor({ studyId, userId, reading }, onChange) {
    this.form = byId("reading");
    this.value = wordsOf(reading);
    this.onChange = onChange;
    if (!this.form) {
      return;
    }
    this.draft = new Draft(`reading:${userId}:${studyId}:${reading.version}`);
    this.autosave = new Autosave({
      draft: this.draft,
      save: async (value) => {
        const answer = await api.put(`/api/studies/${studyId}/reading`, value);
        sessionWorks();
        return answer;
      },
      onState: (state, facts) => this.#show(state, stateText(state, facts)),
    });
    this.#fill();
    this.#restore();
    this.#listen();
    if (reading.saved && !this.autosave.dirty) {
      this.#show(State.SAVED, interpolate(gettext("Saved at %s"), [new Date(reading.saved).toLocaleString(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" })]));
    }
  }

  /** Save what is unsaved. Resolves to whether everything is saved. */
  flush() {
    return this.autosave ? this.autosave.flush() : Promise.resolve(true);
  }

  /** The server has it all, and the page is about to go. */
  forget() {
    this.autosave?.settle();
  }

  #fill() {
    for (const name of GRADES) {
      this.form.elements[name].value = fromGrade(this.value[name]);
    }
    for (const name of TEXTS) {
      this.form.elements[name].value = this.value[name];
    }
  }

  #restore() {
    const kept = this.draft.read();
    if (!kept || typeof kept.diagnosis !== "string" || sameReading(kept, this.value)) {
      this.draft.clear();
      return;
    }
    this.value = wordsOf(kept);
    this.#fill();
    this.autosave.change(this.value);
    this.#show(State.UNSAVED, gettext("Text that was not saved last time has been restored from this browser."));
  }

  #listen() {
    this.form.addEventListener("input", () => this.#read());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#read();
      this.flush();
    });
    document.addEventListener("drweb:retry", () => this.flush());
    window.addEventListener("online", () => this.flush());
    window.addEventListener("beforeunload", (event) => {
      if (this.autosave.dirty) {
        this.flush();
        event.preventDefault();
      }
    });
  }

  #read() {
    const stated = (name) => this.form.elements[name].value;
    this.value = Object.fromEntries([
      ...GRADES.map((name) => [name, toGrade(stated(name))]),
      ...TEXTS.map((name) => [name, stated(name)]),
    ]);
    this.autosave.change(this.value);
    this.onChange(this.value);
  }

  #show(state, text) {
    byId("reading-state").dataset.state = state;
    byId("reading-state").textContent = text;
  }
}
