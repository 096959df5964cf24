/** The grade by rule beside the network's: each rule that fired, its numbers, and where on the photograph to look. */

import { api } from "../api.js";
import { byId, element, say } from "../dom.js";
import { gradeBadge } from "./findings.js";

const QUADRANTS = () => ({
  upper_left: gettext("upper left"),
  upper_right: gettext("upper right"),
  lower_left: gettext("lower left"),
  lower_right: gettext("lower right"),
});

/** Whether the stored rules are out of date: a mask was corrected, or a landmark placed by a person. */
export function outdated(image) {
  const { disc, fovea } = image.landmarks;
  return image.revisions.length > 0 || [disc, fovea].some((place) => place?.confidence === 1);
}

/** The sentence on the macula. */
export function maculaText({ state, nearest }) {
  const distance = nearest === null ? "" : nearest.toFixed(1);
  return (
    {
      none: nearest === null
        ? gettext("No hard exudates that count: no sign of macular oedema that a photograph could show.")
        : interpolate(gettext("No hard exudate within two disc diameters of the fovea; the nearest is %s away."), [distance]),
      possible: interpolate(gettext("Hard exudates in the macula, %s disc diameters from the fovea: macular oedema possible."), [distance]),
      referable: interpolate(gettext("Hard exudates within one disc diameter of the fovea (%s): referable as macular oedema."), [distance]),
      unknown: gettext("There are hard exudates, but the fovea was not found: mark it on the photograph."),
    }[state] ?? gettext("Not worked out for this result: analyse the photograph again.")
  );
}

/** Numbers of a finding: the count, and by quadrant where the rule counts so. */
export function numbersText({ lesion, count, quadrants }, names = QUADRANTS()) {
  const parts = Object.entries(quadrants).map(([name, number]) => `${names[name]} ${number}`);
  return [lesion && interpolate(gettext("%s found"), [count]), parts.join(", ")].filter(Boolean).join(" · ");
}

/** What the rules do not look for, and what they leave out. */
export function limitsText({ not_assessed, only_sure, corrected }) {
  return [
    interpolate(
      gettext("A lower bound: signs of grades 3 and 4 that are not among the four lesions are not looked for (%s)."), [not_assessed.join(", ")],
    ),
    only_sure && gettext("Of the network's areas only those count of which it is sure; of corrected masks all do."),
    corrected && gettext("From the corrected masks."),
  ].filter(Boolean).join(" ");
}

export class Rules {
  #key = "";
  #told = null;

  /**
   * @param {string[]} grades labels.
   * @param {import("./marks.js").Marks} marks
   * @param {(error: Error) => void} onError
   */
  constructor(grades, marks, onError) {
    Object.assign(this, { grades, marks, onError });
    const macula = byId("macula");
    [["pointerenter", true], ["focus", true], ["pointerleave", false], ["blur", false]].forEach(([type, on]) =>
      macula.addEventListener(type, () => marks.stress(on)),
    );
  }

  /** Show the rules of a prediction, or of the masks that hold now where these differ. */
  async show(image, prediction, isNewest) {
    const stored = prediction?.result?.rules ?? null;
    const key = JSON.stringify([image.image_id, prediction?.prediction_id, stored !== null, image.landmarks, image.revisions.map((row) => row.revision_id)]);
    if (key === this.#key) {
      this.#fill(image, this.#told);
      return;
    }
    this.#key = key;
    this.#told = stored;
    this.#fill(image, stored);
    if (!stored || !isNewest || !outdated(image)) {
      return;
    }
    try {
      const told = await api.get(`/api/images/${image.image_id}/rules`);
      if (this.#key === key) {
        this.#told = told;
        this.#fill(image, told);
      }
    } catch (error) {
      this.onError(error);
    }
  }

  #fill(image, rules) {
    this.marks.show(image, rules?.macula);
    const known = rules !== null && rules.grade !== null;
    byId("rules").hidden = !known;
    byId("network-grade-heading").hidden = !known;
    if (!known) {
      return;
    }
    byId("rule-grade").replaceChildren(gradeBadge(rules.grade, this.grades));
    say(byId("disagreement"), rules.disagrees ? gettext("Network and lesion rule disagree: a senior reader decides.") : "");
    byId("disagreement").hidden = !rules.disagrees;
    byId("rule-findings").replaceChildren(...rules.findings.map((finding) => this.#finding(finding)));
    byId("rule-limits").textContent = limitsText(rules);
    byId("macula").textContent = maculaText(rules.macula);
    byId("macula").dataset.state = rules.macula.state;
  }

  #finding(finding) {
    const mark = () => this.marks.highlight(finding.regions);
    const clear = () => this.marks.highlight([]);
    return element(
      "li",
      { class: "rule", tabIndex: 0, dataset: { rule: finding.code }, on: { pointerenter: mark, focus: mark, pointerleave: clear, blur: clear } },
      element("span", { class: "rule__text" }, `${finding.grade} · ${finding.message}`),
      element("span", { class: "small muted" }, numbersText(finding)),
    );
  }
}
