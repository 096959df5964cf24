"""Referral and recall of a patient, by the worse eye. Pure functions: findings and a table in, a decision out.

Sources of the table's defaults:

- ICO: International Council of Ophthalmology, Guidelines for Diabetic Eye Care, updated 2017, re-examination and
  referral for high-resource settings; also Wong et al., Ophthalmology 2018; 125:1608-1622.
- NHS: NHS Diabetic Eye Screening Programme (England), grading definitions for referable disease and care pathway:
  R0 none, R1 background, R2 pre-proliferative, R3A active proliferative, M0/M1 maculopathy, U unassessable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cases.choices import Finding, Gradability, Laterality, MacularOedema, Referral, Standing

EYES = (Laterality.OD, Laterality.OS)


@dataclass(frozen=True)
class Rule:
    """What follows from a finding: referral, and the next examination within `months` of the visit."""

    referral: Referral
    months: int
    source: str = ""


DEFAULTS: dict[Finding, Rule] = {
    Finding.GRADE_0: Rule(Referral.NONE, 12, "ICO 2017: 1-2 years, no referral; NHS R0"),
    Finding.GRADE_1: Rule(Referral.NONE, 12, "ICO 2017: 6-12 months, no referral; NHS R1: 12 months"),
    Finding.GRADE_2: Rule(Referral.ROUTINE, 6, "ICO 2017: 3-6 months, referral; NHS R1-R2"),
    Finding.GRADE_3: Rule(Referral.SOON, 3, "ICO 2017: < 3 months, referral; NHS R2"),
    Finding.GRADE_4: Rule(Referral.URGENT, 1, "ICO 2017: < 1 month, referral; NHS R3A: urgent"),
    Finding.MACULA_POSSIBLE: Rule(Referral.ROUTINE, 3, "ICO 2017: oedema off the centre, 3 months, referral; NHS M0"),
    Finding.MACULA_REFERABLE: Rule(Referral.SOON, 1, "ICO 2017: oedema of the centre, 1 month, referral; NHS M1"),
    Finding.UNGRADABLE: Rule(Referral.ROUTINE, 3, "ICO 2017: referral where the retina cannot be seen; NHS U"),
    Finding.MISSING: Rule(Referral.NONE, 1, "NHS: both eyes are photographed"),
}


@dataclass(frozen=True)
class EyeFindings:
    """What is known of one eye. `photographed` False: nobody has shown it, which is a finding too."""

    eye: str
    grade: int | None = None
    macula: str = ""
    gradability: str = ""
    photographed: bool = True

    def findings(self) -> list[Finding]:
        """The rows of the table that apply; none for an eye that is not judged yet, or is none."""
        if self.gradability == Gradability.ABSENT:
            return []
        if self.grade is None:
            if self.gradability == Gradability.UNGRADABLE:
                return [Finding.UNGRADABLE]
            return [] if self.photographed else [Finding.MISSING]
        found = [Finding(f"grade_{self.grade}")]
        if self.macula == MacularOedema.POSSIBLE:
            found.append(Finding.MACULA_POSSIBLE)
        elif self.macula == MacularOedema.REFERABLE:
            found.append(Finding.MACULA_REFERABLE)
        return found

    @property
    def pending(self) -> bool:
        """Whether the eye was photographed but is neither graded nor ungradable."""
        return self.photographed and self.grade is None and self.gradability not in _SETTLED


_SETTLED = (Gradability.UNGRADABLE, Gradability.ABSENT)


@dataclass(frozen=True)
class EyeDecision:
    """What follows for one eye. `findings` led to it; empty where the eye is no reason for anything."""

    eye: str
    findings: tuple[Finding, ...]
    referral: Referral
    months: int | None

    @property
    def order(self) -> tuple[int, int]:
        """Worse is greater: first the referral, then the shorter interval."""
        return (self.referral, -(self.months or 1000))

    @property
    def finding_labels(self) -> list[str]:
        """The findings in words of the active language."""
        return [str(finding.label) for finding in self.findings]


@dataclass(frozen=True)
class Decision:
    """What follows for the patient: the decision of the worse eye.

    `standing` says on whose word: nobody may act on what the networks propose before a reader has signed. `pending`
    names eyes that were photographed but are not judged yet: they can only make it worse.
    """

    eyes: tuple[EyeDecision, ...]
    standing: Standing
    pending: tuple[str, ...] = ()

    @property
    def proposed(self) -> bool:
        """Whether only the networks have judged."""
        return self.standing == Standing.PROPOSED

    def unsettled(self) -> Decision:
        """The same while a senior reader has not decided yet."""
        return replace(self, standing=Standing.UNSETTLED)

    @property
    def worse(self) -> EyeDecision:
        """The eye that decides."""
        return max(self.eyes, key=lambda eye: eye.order)

    @property
    def referral(self) -> Referral:
        """Whether, and how soon, to refer."""
        return self.worse.referral

    @property
    def months(self) -> int | None:
        """The next examination within so many months of the visit: the shortest interval of both eyes."""
        return min((eye.months for eye in self.eyes if eye.months is not None), default=None)

    @property
    def retake(self) -> bool:
        """Whether an eye should be photographed (again) before it is examined otherwise."""
        return any(finding in (Finding.UNGRADABLE, Finding.MISSING) for eye in self.eyes for finding in eye.findings)

    def as_json(self) -> dict[str, Any]:
        """For documents that are signed, and for `from_json`."""
        return {
            "proposed": self.proposed,
            "pending": [str(eye) for eye in self.pending],
            "eyes": [
                {
                    "eye": str(eye.eye),
                    "findings": [finding.value for finding in eye.findings],
                    "referral": int(eye.referral),
                    "months": eye.months,
                }
                for eye in self.eyes
            ],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Decision:
        """The decision that `as_json` told."""
        eyes = tuple(
            EyeDecision(
                eye=row["eye"],
                findings=tuple(Finding(finding) for finding in row["findings"]),
                referral=Referral(row["referral"]),
                months=row["months"],
            )
            for row in stored["eyes"]
        )
        standing = Standing.PROPOSED if stored["proposed"] else Standing.SIGNED
        return cls(eyes=eyes, standing=standing, pending=tuple(stored["pending"]))


def decide(eyes: Iterable[EyeFindings], table: Mapping[Finding, Rule], *, standing: Standing) -> Decision | None:
    """The decision for a patient; None while no eye is judged."""
    all_eyes = list(eyes)
    if all(eye.findings() in ([], [Finding.MISSING]) for eye in all_eyes):
        return None
    return Decision(
        eyes=tuple(_decide_eye(eye, table) for eye in all_eyes if not eye.pending),
        standing=standing,
        pending=tuple(eye.eye for eye in all_eyes if eye.pending),
    )


def _decide_eye(eye: EyeFindings, table: Mapping[Finding, Rule]) -> EyeDecision:
    findings = eye.findings()
    rules = [table[finding] for finding in findings]
    return EyeDecision(
        eye=eye.eye,
        findings=tuple(findings),
        referral=max((rule.referral for rule in rules), default=Referral.NONE),
        months=min((rule.months for rule in rules), default=None),
    )
