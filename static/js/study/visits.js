/** The patient's earlier visits, with the change of each lesion until now. */

import { byId, element } from "../dom.js";
import { local } from "./facts.js";
import { gradeBadge } from "./findings.js";

/** A change with its sign; empty where there is nothing to compare with. */
export function signed(change, digits = 0) {
  if (change === null) {
    return "";
  }
  const text = Math.abs(change).toFixed(digits);
  if (Number(text) === 0) {
    return "±0";
  }
  return `${change > 0 ? "+" : "−"}${text}`;
}

export class Visits {
  /**
   * @param {{grades: string[], lateralities: string[][], fields: string[][], lesions: {code: string, label: string}[]}} data
   */
  constructor({ grades, lateralities, fields, lesions }) {
    Object.assign(this, { grades, labels: new Map([...lateralities, ...fields]), lesions: new Map(lesions.map((row) => [row.code, row.label])) });
  }

  show(visits) {
    byId("visits-card").hidden = visits.length === 0;
    byId("visits").replaceChildren(...visits.map((visit) => this.#visit(visit)));
  }

  #visit(visit) {
    const day = new Date(`${visit.visit_date}T00:00`).toLocaleDateString(document.documentElement.lang, { dateStyle: "long" });
    return element(
      "article",
      { class: "visit" },
      element("h3", {}, element("a", { href: `/studies/${visit.study_id}/` }, day)),
      ...(visit.photographs.length ? visit.photographs.map((row) => this.#photograph(row)) : [element("p", { class: "muted" }, gettext("No result."))]),
    );
  }

  #photograph(row) {
    const cell = (value, change) =>
      element("td", { class: "numeric" }, value, change ? element("span", { class: "change", dataset: { sign: change[0] } }, ` ${change}`) : "");
    return element(
      "div",
      { class: "visit__photograph" },
      element("img", { src: local(row.preview_url), alt: "", loading: "lazy" }),
      element(
        "div",
        { class: "table-scroll" },
        element("p", {}, `${this.labels.get(row.eye)} · ${this.labels.get(row.field)} `, row.grade === null ? "" : gradeBadge(row.grade, this.grades)),
        element(
          "table",
          { class: "table lesion-table" },
          element("thead", {}, element("tr", {}, ...[gettext("Lesion"), gettext("Count"), gettext("Discs")].map((text, at) =>
            element("th", { scope: "col", class: at ? "numeric" : "" }, text)))),
          element("tbody", {}, ...row.lesions.map((lesion) =>
            element(
              "tr",
              {},
              element("th", { scope: "row" }, `${lesion.lesion} · ${this.lesions.get(lesion.lesion)}`),
              cell(String(lesion.count), signed(lesion.count_change)),
              cell(lesion.area_disc.toFixed(2), signed(lesion.area_change, 2)),
            ))),
        ),
        row.paired ? "" : element("p", { class: "small muted" }, gettext("This visit has no photograph of the same eye and field to compare with.")),
      ),
    );
  }
}
