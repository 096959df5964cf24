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


def rule_text(rules: RuleGrade) -> str:
    """The grade, and each rule that fired with its number."""
    fired = "; ".join(
        f"{_(RULES[finding.code]).rstrip('.。')}: {finding.count}" if finding.lesion else _(RULES[finding.code])
        for finding in rules.findings
    )
    return _("%(grade)s, at least (%(rules)s)") % {
        "grade": f"{rules.grade} · {IcdrGrade(rules.grade).label}",
        "rules": fired,
    }


def macula_text(macula: Macula) -> str:
    """What hard exudates near the fovea say."""
    distance = "" if macula.nearest is None else f"{macula.nearest:.1f}"
    if macula.state == "referable":
        return _("Hard exudates %(distance)s disc diameters from the fovea: referable") % {"distance": distance}
    if macula.state == "possible":
        return _("Hard exudates %(distance)s disc diameters from the fovea: oedema possible") % {"distance": distance}
    if macula.state == "unknown":
        return _("Hard exudates, but the fovea was not found")
    return _("No hard exudates within two disc diameters of the fovea")
