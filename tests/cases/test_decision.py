"""The table of referral and recall, and what follows for a patient from the worse eye."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.choices import Finding, Gradability, Laterality, MacularOedema, ReadingMode, Referral, Standing
from cases.decision import DEFAULTS, Decision, EyeFindings, decide
from cases.models import ReferralRule
from cases.selectors.decision import decision_of, referral_table
from tests.factories import ImageFactory, PredictionFactory, StudyFactory

OD, OS = Laterality.OD, Laterality.OS


def eye(side: str = OD, grade: int | None = None, macula: str = "", gradability: str = "", *, seen: bool = True):
    return EyeFindings(eye=side, grade=grade, macula=macula, gradability=gradability, photographed=seen)


def decided(*eyes: EyeFindings) -> Decision:
    decision = decide(eyes, DEFAULTS, standing=Standing.SIGNED)
    assert decision is not None
    return decision


@pytest.mark.parametrize(
    ("right", "left", "referral", "months"),
    [
        (eye(OD, 0), eye(OS, 0), Referral.NONE, 12),
        (eye(OD, 1), eye(OS, 0), Referral.NONE, 12),
        (eye(OD, 2), eye(OS, 0), Referral.ROUTINE, 6),
        (eye(OD, 0), eye(OS, 3), Referral.SOON, 3),
        (eye(OD, 4), eye(OS, 0), Referral.URGENT, 1),
        (eye(OD, 3), eye(OS, 4), Referral.URGENT, 1),
        (eye(OD, 1, MacularOedema.NONE), eye(OS, 0), Referral.NONE, 12),
        (eye(OD, 1, MacularOedema.POSSIBLE), eye(OS, 0), Referral.ROUTINE, 3),
        (eye(OD, 1, MacularOedema.REFERABLE), eye(OS, 0), Referral.SOON, 1),
        (eye(OD, 4, MacularOedema.REFERABLE), eye(OS, 0), Referral.URGENT, 1),
        (eye(OD, gradability=Gradability.UNGRADABLE), eye(OS, 0), Referral.ROUTINE, 3),
        (eye(OD, gradability=Gradability.UNGRADABLE), eye(OS, 4), Referral.URGENT, 1),
        (eye(OD, 0, gradability=Gradability.LIMITED), eye(OS, 0), Referral.NONE, 12),
        (eye(OD, 0), eye(OS, seen=False), Referral.NONE, 1),
        (eye(OD, 3), eye(OS, seen=False), Referral.SOON, 1),
        (eye(OD, 0), eye(OS, gradability=Gradability.ABSENT, seen=False), Referral.NONE, 12),
    ],
)
def test_the_worse_eye_decides(right, left, referral, months):
    decision = decided(right, left)
    assert (decision.referral, decision.months) == (referral, months)
    mirrored = decided(left, right)
    assert (mirrored.referral, mirrored.months) == (referral, months)


def test_a_photographed_eye_that_nobody_judged_stays_open():
    decision = decided(eye(OD, 4), eye(OS))
    assert decision.pending == (OS,)
    assert decision.referral == Referral.URGENT
    assert decide([eye(OD), eye(OS)], DEFAULTS, standing=Standing.PROPOSED) is None
    assert decide([eye(OD), eye(OS, seen=False)], DEFAULTS, standing=Standing.PROPOSED) is None
    assert decide([], DEFAULTS, standing=Standing.PROPOSED) is None


def test_ungradable_and_missing_eyes_ask_for_new_photographs():
    assert decided(eye(OD, gradability=Gradability.UNGRADABLE), eye(OS, 0)).retake
    assert decided(eye(OD, 0), eye(OS, seen=False)).retake
    assert not decided(eye(OD, 0), eye(OS, 0)).retake


def test_every_finding_has_a_default_with_its_source():
    assert set(DEFAULTS) == set(Finding)
    assert all(rule.source and 1 <= rule.months <= 60 for rule in DEFAULTS.values())


some_eye = st.builds(
    EyeFindings,
    eye=st.sampled_from([OD, OS]),
    grade=st.none() | st.integers(0, 4),
    macula=st.sampled_from(["", *MacularOedema.values]),
    gradability=st.sampled_from(["", *Gradability.values]),
    photographed=st.booleans(),
)


@given(st.lists(some_eye, max_size=3))
def test_no_eye_makes_a_patient_better(eyes):
    decision = decide(eyes, DEFAULTS, standing=Standing.PROPOSED)
    if decision is None:
        return
    for one in eyes:
        alone = decide([one], DEFAULTS, standing=Standing.PROPOSED)
        if alone is not None:
            assert decision.referral >= alone.referral
            assert alone.months is None or decision.months <= alone.months


@given(st.lists(some_eye, min_size=1, max_size=2))
def test_a_decision_survives_being_written_down(eyes):
    decision = decide(eyes, DEFAULTS, standing=Standing.SIGNED)
    if decision is not None:
        assert Decision.from_json(json.loads(json.dumps(decision.as_json()))) == decision


@pytest.mark.django_db
def test_a_clinics_own_rows_go_before_the_defaults():
    study = StudyFactory()
    ReferralRule.objects.create(clinic=study.clinic, finding=Finding.GRADE_1, referral=Referral.ROUTINE, months=9)
    table = referral_table(study.clinic)
    assert (table[Finding.GRADE_1].referral, table[Finding.GRADE_1].months) == (Referral.ROUTINE, 9)
    assert table[Finding.GRADE_2] == DEFAULTS[Finding.GRADE_2]
    assert referral_table(StudyFactory().clinic) == DEFAULTS


@pytest.mark.django_db
def test_networks_propose_by_the_worst_photograph_of_each_eye():
    study = StudyFactory()
    for side, grade in ((OD, 0), (OD, 3), (OS, 1)):
        PredictionFactory(image=ImageFactory(study=study, laterality=side), grade=grade)
    decision = decision_of(study)
    assert decision.proposed
    assert [(one.eye, one.referral) for one in decision.eyes] == [(OD, Referral.SOON), (OS, Referral.NONE)]
    assert decision.worse.eye == OD


@pytest.mark.django_db
def test_nothing_is_missing_while_an_eye_is_not_stated():
    study = StudyFactory()
    PredictionFactory(image=ImageFactory(study=study), grade=0)
    assert [one.eye for one in decision_of(study).eyes] == [Laterality.UNKNOWN]
    study.images.update(laterality=OD)
    assert [one.findings for one in decision_of(study).eyes] == [(Finding.GRADE_0,), (Finding.MISSING,)]


@pytest.mark.django_db
def test_nothing_is_proposed_without_results_or_while_the_networks_are_hidden():
    study = StudyFactory()
    assert decision_of(study) is None
    image = ImageFactory(study=study, laterality=OD)
    assert decision_of(study) is None
    PredictionFactory(image=image)
    assert decision_of(study) is not None
    study.blind, study.reading_mode = True, ReadingMode.DOUBLE_MASKED
    assert decision_of(study) is None
