/** Making the PDF, and the list of those made before. */

import { api } from "../api.js";
import { byId, clearFieldErrors, element, say, showFieldErrors } from "../dom.js";
import { sessionWorks } from "../session.js";
import { local, proposedGrade } from "./facts.js";

const LANGUAGES = { en: "English", "zh-hans": "简体中文" };

/** Hand a file to the browser's downloads. */
export function download(blob, filename) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: filename }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

export class ReportForm {
  #gradeTouched = false;

  /**
   * @param {number} studyId
   * @param {import("./reading.js").ReadingForm} reading saved before each report.
   * @param {() => void} onMade
   */
  constructor(studyId, reading, onMade) {
    Object.assign(this, { studyId, reading, onMade, form: byId("report") });
    this.form?.elements.grade.addEventListener("change", () => {
      this.#gradeTouched = true;
    });
    this.form?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#make();
    });
  }

  /** Propose the grade until the person chooses one, and list the reports. */
  show(study) {
    byId("no-reports").hidden = study.reports.length > 0;
    byId("reports").replaceChildren(...study.reports.map(reportItem));
    if (this.form && !this.#gradeTouched) {
      const grade = proposedGrade(study, this.reading.value);
      this.form.elements.grade.value = grade === null ? "" : String(grade);
    }
  }

  async #make() {
    const { name, age, grade, language } = this.form.elements;
    const button = this.form.querySelector("[type=submit]");
    clearFieldErrors(this.form);
    this.#note(gettext("Making the PDF …"));
    button.disabled = true;
    try {
      if (!(await this.reading.flush())) {
        this.#note(gettext("The diagnosis is not saved yet, so no report was made. See the note below it."), "error");
        return;
      }
      const { blob, filename } = await api.file("POST", "/api/generate_report", {
        json: {
          study_id: this.studyId,
          name: name.value,
          age: age.value === "" ? null : Number(age.value),
          grade: grade.value === "" ? null : Number(grade.value),
          diagnosis: this.reading.value.diagnosis,
          language: language.value,
        },
      });
      sessionWorks();
      download(blob, filename || `report-${this.studyId}.pdf`);
      this.#note(gettext("The PDF is in your downloads."), "good");
      this.onMade();
    } catch (error) {
      showFieldErrors(this.form, error.details ?? {});
      this.#note(error.message, "error");
    } finally {
      button.disabled = false;
    }
  }

  #note(text, kind) {
    say(byId("report-note"), text, kind);
  }
}

function reportItem(report) {
  const when = new Date(report.created_at).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  return element(
    "li",
    {},
    element("a", { href: local(report.pdf_url), target: "_blank", rel: "noopener" }, when),
    ` · ${LANGUAGES[report.language] ?? report.language}`,
  );
}
