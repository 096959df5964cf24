"""Quality, the grade by rule and the macula, in the report's words."""

from __future__ import annotations

from django.utils.translation import gettext as _

from cases.choices import IcdrGrade, QualityVerdict
from cases.models import Image
from inference.quality import explained
from inference.rules import RULES, Macula, RuleGrade


def quality_text(image: Image) -> str:
    """The verdict that holds, with the reader's note or the gate's reasons."""
    if not image.verdict:
        return _("not judged")
    label = str(QualityVerdict(image.verdict).label)
    if image.quality_override:
        reader = image.quality_overridden_by
        name = reader.display_name() if reader else ""
        return _("%(verdict)s, overruled by %(reader)s: %(note)s") % {
            "verdict": label,
            "reader": name,
            "note": image.quality_note,
        }
    reasons = [reason for reason in image.quality.get("reasons", []) if reason["severity"] != "note"]
    return " ".join([f"{label}.", *(_(explained(reason)[0]) for reason in reasons)])


def rule_text(rules: RuleGrade, *, only_sure: bool) -> str:
    """The grade, each rule that fired with its number, and whether areas were left out of it."""
    fired = "; ".join(
        f"{_(RULES[finding.code]).rstrip('.。')}: {finding.count}" if finding.lesion else _(RULES[finding.code])
        for finding in rules.findings
    )
    said = _("%(grade)s, at least (%(rules)s)") % {
        "grade": f"{rules.grade} · {IcdrGrade(rules.grade).label}",
        "rules": fired,
    }
    left_out = _("Of the network's areas only those count of which it is sure; of corrected masks all do.")
    return f"{said}. {left_out}" if only_sure else said


def macula_text(macula: Macula) -> str:
    """What hard exudates near the fovea say."""
    distance = "" if macula.nearest is None else f"{macula.nearest:.1f}"
    if macula.state == "referable":
        return _("Hard exudates %(distance)s disc diameters from the fovea: referable") % {"distance": distance}
    if macula.state == "possible":
        return _("Hard exudates %(distance)s disc diameters from the fovea: oedema possible") % {"distance": distance}
    if macula.state == "unknown":
        return _("Hard exudates, but the fovea was not found")
    return _("No hard exudates that count within two disc diameters of the fovea")
