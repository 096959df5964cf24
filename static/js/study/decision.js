/** Referral and recall: what follows from what is signed, or what the networks propose. */

import { byId, element } from "../dom.js";

/** When the patient is due again, in words; "" where nothing is said. */
export function recallText({ months, retake }) {
  const due =
    months === null
      ? ""
      : interpolate(
          ngettext("Next examination within %s month of the visit.", "Next examination within %s months of the visit.", months),
          [months],
        );
  return retake ? [due, gettext("Photograph the eye again where possible.")].filter(Boolean).join(" ") : due;
}

/**
 * @param {object|null} decision as the API tells it.
 * @param {Map<string, string>} eyes labels.
 */
export function showDecision(decision, eyes) {
  const card = byId("decision");
  card.hidden = decision === null;
  if (decision === null) {
    return;
  }
  card.dataset.referral = decision.referral;
  byId("decision-standing").hidden = decision.standing === "signed";
  byId("decision-standing").textContent = decision.standing_label;
  byId("decision-referral").textContent = decision.referral_label;
  byId("decision-months").textContent = recallText(decision);
  const pending = decision.pending.map((eye) => ({ eye, finding_labels: [gettext("not judged yet")] }));
  byId("decision-eyes").replaceChildren(
    ...[...decision.eyes, ...pending].flatMap(({ eye, finding_labels: labels }) => [
      element("dt", {}, eyes.get(eye) ?? eye),
      element("dd", {}, labels.join(", ") || "–"),
    ]),
  );
}
