/** Diagnosis text and grades of the reader: saved by themselves, kept in the browser until the server has them. */

import { api } from "../api.js";
import { Autosave, State } from "../autosave.js";
import { byId } from "../dom.js";
import { Draft } from "../draft.js";
import { sessionWorks } from "../session.js";

const toGrade = (text) => (text === "" ? null : Number(text));
const fromGrade = (grade) => (grade === null ? "" : String(grade));

const time = (value) => new Date(value).toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });

/** Two readings that say the same. */
export function sameReading(first, second) {
  return ["diagnosis", "grade_od", "grade_os"].every((name) => first[name] === second[name]);
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
    this.value = { diagnosis: reading.diagnosis, grade_od: reading.grade_od, grade_os: reading.grade_os };
    this.onChange = onChange;
    if (!this.form) {
      return;
    }
    this.draft = new Draft(`reading:${userId}:${studyId}`);
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

  #fill() {
    const { diagnosis, grade_od: od, grade_os: os } = this.form.elements;
    diagnosis.value = this.value.diagnosis;
    od.value = fromGrade(this.value.grade_od);
    os.value = fromGrade(this.value.grade_os);
  }

  #restore() {
    const kept = this.draft.read();
    if (!kept || typeof kept.diagnosis !== "string" || sameReading(kept, this.value)) {
      this.draft.clear();
      return;
    }
    this.value = kept;
    this.#fill();
    this.autosave.change(kept);
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
    const { diagnosis, grade_od: od, grade_os: os } = this.form.elements;
    this.value = { diagnosis: diagnosis.value, grade_od: toGrade(od.value), grade_os: toGrade(os.value) };
    this.autosave.change(this.value);
    this.onChange(this.value);
  }

  #show(state, text) {
    byId("reading-state").dataset.state = state;
    byId("reading-state").textContent = text;
  }
}
