"""What follows from a study: for the patient (`decision_of`), and why (`findings_of_networks`)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from django.db.models import prefetch_related_objects

from cases.choices import (
    Finding,
    Gradability,
    Laterality,
    MacularOedema,
    QualityVerdict,
    Referral,
    Standing,
    StudyQueue,
)
from cases.decision import DEFAULTS, EYES, Decision, EyeFindings, Rule, decide
from cases.models import Clinic, Image, Prediction, Reading, ReferralRule, Study
from cases.selectors.prediction import latest_prediction
from cases.selectors.reading import readings_to_compare

_WORST_FIRST = (MacularOedema.REFERABLE, MacularOedema.POSSIBLE, MacularOedema.NONE)


def referral_table(clinic: Clinic) -> dict[Finding, Rule]:
    """The clinic's table: its own rows over the defaults."""
    own = {
        Finding(row.finding): Rule(Referral(row.referral), row.months, row.source)
        for row in ReferralRule.objects.filter(clinic=clinic)
    }
    return {**DEFAULTS, **own}


def decision_of(study: Study) -> Decision | None:
    """What follows for the patient, by the reading that holds; before one does, what the networks propose.

    What was signed stays, also where the clinic changed its table since. While signed readings wait for a senior
    reader, the most cautious of theirs counts. None where nothing can be said yet, and while the networks are hidden
    from the readers.
    """
    if study.conclusion is not None:
        return _signed(study.conclusion)
    if study.queue == StudyQueue.TO_ADJUDICATE:
        signed = [decision for reading in readings_to_compare(study) if (decision := _signed(reading)) is not None]
        return max(signed, key=lambda decision: decision.worse.order).unsettled() if signed else None
    return proposal_of(study)


def proposal_of(study: Study) -> Decision | None:
    """What the networks propose, whatever was signed; None without results, and while they are hidden."""
    if study.network_hidden:
        return None
    images = list(study.images.all())
    prefetch_related_objects(images, "predictions")  # unless they are read already
    return decide(findings_of_networks(images), referral_table(study.clinic), standing=Standing.PROPOSED)


def _signed(reading: Reading) -> Decision | None:
    stored = json.loads(reading.snapshot)["decision"]
    return None if stored is None else Decision.from_json(stored)


def decision_by(reading: Reading, images: Iterable[Image]) -> Decision | None:
    """What follows from what a reader states, by the clinic's table as it is now."""
    eyes = [_stated(reading, eye, list(images)) for eye in EYES]
    return decide(eyes, referral_table(reading.study.clinic), standing=Standing.SIGNED)


def findings_of_networks(images: Iterable[Image]) -> list[EyeFindings]:
    """What the newest results say of each eye: the worst of its photographs that can be graded.

    Photographs whose eye nobody stated stand for an eye of their own; nothing is called missing while there are any.
    """
    by_eye: dict[str, list[Image]] = {}
    for image in images:
        by_eye.setdefault(image.laterality, []).append(image)
    if not by_eye:
        return []
    eyes = [Laterality.UNKNOWN] if Laterality.UNKNOWN in by_eye else []
    eyes += [eye for eye in EYES if eye in by_eye or not eyes]
    return [_found(eye, by_eye.get(eye, [])) for eye in eyes]


def _found(eye: str, images: list[Image]) -> EyeFindings:
    usable = [image for image in images if image.verdict != QualityVerdict.UNGRADABLE]
    results = [prediction for image in usable if (prediction := latest_prediction(image)) is not None]
    grades = [prediction.grade for prediction in results if prediction.grade is not None]
    return EyeFindings(
        eye=eye,
        grade=max(grades, default=None),
        macula=_macula(results),
        gradability=Gradability.UNGRADABLE if images and not usable else "",
        photographed=bool(images),
    )


def _macula(results: Iterable[Prediction]) -> str:
    """The worst of what the lesion masks show near the fovea."""
    states = {str(prediction.macula.get("state", "")) for prediction in results}
    return next((state for state in _WORST_FIRST if state in states), "")


def _stated(reading: Reading, eye: str, images: list[Image]) -> EyeFindings:
    gradability = reading.gradability(eye)
    return EyeFindings(
        eye=eye,
        grade=None if gradability == Gradability.UNGRADABLE else reading.grade(eye),
        macula=reading.macula(eye),
        gradability=gradability,
        photographed=any(image.laterality == eye for image in images),
    )
