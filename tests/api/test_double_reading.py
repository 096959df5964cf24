"""Two readers, blind to each other and on request to the network, until both have signed; then a senior decides."""

from __future__ import annotations

import json

import pytest

from cases.choices import Gradability, MacularOedema, PredictionState, ReadingMode, Standing, StudyQueue
from cases.differences import Matter, differences
from cases.errors import ApplicationError, Conflict
from cases.models import MaskRevision, Reading
from cases.selectors.decision import decision_of
from cases.selectors.mask import current_masks
from cases.selectors.reading import other_readings, readings_to_compare
from cases.selectors.signature import signature_problems
from cases.selectors.study import study_get, study_version
from cases.services.mask_revision import mask_revision_create
from cases.services.reading import Words, adjudication_start, amendment_start, reading_save
from cases.services.report import report_create
from cases.services.signing import reading_sign
from cases.services.study_queue import study_queue_refresh
from tests.api.conftest import error_of, session_of
from tests.factories import MembershipFactory, judged_study, mask_png

pytestmark = pytest.mark.django_db
HERS = Words(diagnosis="Words of the first reader", grade_od=3, grade_os=1)
SAME = Words(diagnosis="Words of the second", grade_od=3, grade_os=1)
APART = Words(diagnosis="Words of the second", grade_od=1, grade_os=1)
BOX, OTHER_BOX = (90, 90, 120, 110), (10, 10, 20, 20)


@pytest.fixture
def second(staff):
    return MembershipFactory(clinic=staff.clinic).user


@pytest.fixture(params=[ReadingMode.DOUBLE, ReadingMode.DOUBLE_MASKED])
def study(request, staff):
    study = judged_study(staff.clinic, grades=(4, 4), reading_mode=request.param, blind=True)
    return study_queue_refresh(study=study)


@pytest.fixture
def double(staff):
    return judged_study(staff.clinic, reading_mode=ReadingMode.DOUBLE, blind=True)


def sign(user, study, words) -> Reading:
    return reading_sign(user=user, study=study, words=words)


def draw(user, study, box=BOX) -> MaskRevision:
    return mask_revision_create(user=user, image=study.images.first(), lesion="EX", content=mask_png(box))


def mask_of(user, study):
    image = study_get(user, study.pk).images.all()[0]
    return current_masks(image, image.predictions.all()[0])[0]


# --- Blind to each other ----------------------------------------------------------------------------------------------


def test_nothing_of_a_reader_reaches_anybody_else_before_both_have_signed(staff, second, study):
    others = [second, staff.senior, staff.technician, staff.clinicadmin]
    image = study.images.first()
    before = {user: study_version(user, study.pk) for user in others}
    revision = draw(staff.reader, study)
    reading_save(user=staff.reader, study=study, words=HERS)
    assert {user: study_version(user, study.pk) for user in others} == before
    reading = sign(staff.reader, study, HERS)
    study.refresh_from_db()
    assert (study.queue, study.blind, study.conclusion) == (StudyQueue.TO_READ, True, None)
    for user in others:
        client = session_of(user)
        assert list(other_readings(user, study)) == []
        for address in (f"/api/readings/{reading.pk}/signature", f"/api/revisions/{revision.pk}/mask"):
            assert client.get(address).status_code == 404
        for address in (
            f"/api/studies/{study.pk}",
            f"/api/studies/{study.pk}/readings",
            f"/api/studies/{study.pk}/decision",
            f"/api/images/{image.pk}",
            f"/api/images/{image.pk}/revisions",
            f"/api/images/{image.pk}/rules",
            f"/api/studies/{study.pk}/visits",
            f"/studies/{study.pk}/",
            f"/images/{image.pk}/correct/",
            f"/images/{image.pk}/correct/state/",
            f"/patients/{study.patient_id}/",
            "/",
        ):
            answer = client.get(address)
            assert answer.status_code in (200, 409), address  # 409: rules of what nobody may see
            for marker in ("Words of the first reader", reading.sha256, f"/revisions/{revision.pk}/", '"revision":1'):
                assert marker not in answer.content.decode(), (address, marker)


def test_a_report_waits_for_both(staff, second, study):
    sign(staff.reader, study, HERS)
    for user in (staff.reader, second, staff.clinicadmin):
        with pytest.raises(Conflict) as error:
            report_create(user=user, study=study, patient_name="A")
        assert error.value.code == "blind"
    words = {"name": "A", "age": 50, "diagnosis": "B", "grade": 1, "study_id": study.pk}
    assert session_of(second).post("/api/generate_report", words).status_code == 409


def test_each_reader_draws_on_a_line_of_their_own(staff, second, double):
    hers, his = draw(staff.reader, double), draw(second, double, OTHER_BOX)
    assert (hers.number, his.number) == (1, 1)
    assert mask_of(staff.reader, double).source == hers
    assert mask_of(second, double).source == his
    assert not mask_of(staff.senior, double).corrected
    sign(staff.reader, double, HERS)
    with pytest.raises(Conflict):
        draw(staff.reader, double)
    assert draw(second, double).number == 2


# --- Blind to the network ---------------------------------------------------------------------------------------------


def test_what_the_network_found_stays_hidden(staff, networks):
    study = judged_study(staff.clinic, grades=(4, 4), reading_mode=ReadingMode.DOUBLE_MASKED, blind=True)
    study = study_queue_refresh(study=study)
    image = study.images.first()
    prediction = image.predictions.get()
    prediction.probabilities = [0.1234567] * 5
    prediction.save()
    assert (study.worst_grade, study.urgency, decision_of(study)) == (None, 0, None)
    for user in staff.by_role().values():
        client = session_of(user)
        for address in ("", "/overlay", "/masks/EX", "/explanation", "/timings"):
            assert client.get(f"/api/predictions/{prediction.pk}{address}").status_code == 404
        for address in (
            f"/api/studies/{study.pk}",
            f"/api/studies/{study.pk}/decision",
            f"/api/images/{image.pk}",
            f"/api/images/{image.pk}/rules",
            f"/api/studies/{study.pk}/visits",
            f"/studies/{study.pk}/",
            f"/studies/{study.pk}/versions/",
            f"/images/{image.pk}/correct/",
            f"/images/{image.pk}/correct/state/",
            f"/patients/{study.patient_id}/",
            "/",
        ):
            answer = client.get(address).content.decode()
            for marker in ("0.1234567", f"predictions/{prediction.pk}", '"grade": 4', 'data-grade="4"'):
                assert marker not in answer, (address, marker)
        told = client.get(f"/api/studies/{study.pk}").json()
        assert told["network_hidden"] is True
        assert [photograph["predictions"] for photograph in told["images"]] == [[], []]
    client = session_of(staff.reader)
    choice = {"selectedModel": "Unet", "image_id": image.pk, "wait": False}
    assert client.post("/api/choose_model", choice).status_code == 202
    image.predictions.update(state=PredictionState.SUCCEEDED)
    analysed = client.post("/api/choose_model", choice)
    assert (analysed.status_code, error_of(analysed)["code"]) == (409, "blind")


def test_how_far_an_analysis_is_may_be_seen(staff):
    study = judged_study(staff.clinic, reading_mode=ReadingMode.DOUBLE_MASKED, blind=True)
    study.images.first().predictions.update(state=PredictionState.RUNNING, stage="grade")
    told = session_of(staff.reader).get(f"/api/studies/{study.pk}").json()
    assert told["images"][0]["predictions"][0]["stage"] == "grade"


def test_after_both_have_signed_everything_is_seen(staff, second, study):
    sign(staff.reader, study, HERS)
    assert json.loads(Reading.objects.get().snapshot)["images"][0]["prediction"] is None or (
        study.reading_mode == ReadingMode.DOUBLE
    )
    sign(second, study, SAME)
    told = session_of(second).get(f"/api/studies/{study.pk}").json()
    assert told["images"][0]["predictions"][0]["result"]["grade"] == 4
    listed = session_of(staff.technician).get(f"/api/studies/{study.pk}/readings").json()["readings"]
    assert [row["diagnosis"] for row in listed] == [HERS.diagnosis, SAME.diagnosis]


# --- Agreement and adjudication ---------------------------------------------------------------------------------------


def test_two_that_agree_conclude_the_study_with_the_masks_of_the_one_that_holds(staff, second, double):
    mine = draw(staff.reader, double)
    first = sign(staff.reader, double, HERS)
    draw(second, double, OTHER_BOX)
    sign(second, double, SAME)
    double.refresh_from_db()
    assert (double.blind, double.conclusion, double.queue) == (False, first, StudyQueue.SIGNED)
    mask = mask_of(staff.technician, double)
    assert (mask.revision, mask.source.sha256, mask.source.author) == (1, mine.sha256, staff.reader)
    assert all(signature_problems(reading) == [] for reading in Reading.objects.all())


def test_of_two_within_the_limit_the_more_cautious_holds(staff, second, double):
    staff.clinic.adjudicate_from = 2
    staff.clinic.save()
    sign(staff.reader, double, HERS)
    worse = sign(second, double, Words(grade_od=4, grade_os=1))
    double.refresh_from_db()
    assert double.conclusion == worse


def test_two_that_differ_go_to_a_senior_reader(staff, second, double):
    first = sign(staff.reader, double, HERS)
    mine = draw(second, double, OTHER_BOX)
    other = sign(second, double, APART)
    double.refresh_from_db()
    assert (double.blind, double.conclusion, double.queue) == (False, None, StudyQueue.TO_ADJUDICATE)
    assert readings_to_compare(double) == [first, other]
    assert not mask_of(staff.senior, double).corrected
    decision = decision_of(double)
    assert (decision.standing, decision.worse.findings) == (Standing.UNSETTLED, ("grade_3",))  # the more cautious one

    adjudication = adjudication_start(user=staff.senior, study=double, based_on=other)
    assert (adjudication.kind, adjudication.grade_od) == ("adjudication", 1)
    assert mask_of(staff.senior, double).source.sha256 == mine.sha256
    decided = sign(staff.senior, double, Words(diagnosis="Decided", grade_od=2, grade_os=1))
    double.refresh_from_db()
    assert (double.conclusion, double.queue) == (decided, StudyQueue.SIGNED)
    assert decision_of(double).worse.findings == ("grade_2",)
    assert json.loads(decided.snapshot)["reading"]["kind"] == "adjudication"
    assert signature_problems(decided) == []
    amendment = amendment_start(user=staff.senior, study=double, reason="Again")
    assert (amendment.version, amendment.kind) == (2, "adjudication")


def test_starting_over_from_another_reading_takes_its_masks(staff, second, double):
    hers = draw(staff.reader, double)
    first = sign(staff.reader, double, HERS)
    other = sign(second, double, APART)
    adjudication_start(user=staff.senior, study=double, based_on=first)
    assert mask_of(staff.senior, double).source.sha256 == hers.sha256
    adjudication_start(user=staff.senior, study=double, based_on=other)
    assert (
        mask_of(staff.senior, double).source.sha256 == json.loads(other.snapshot)["images"][0]["masks"]["EX"]["sha256"]
    )
    assert MaskRevision.objects.filter(line=None).count() == 2


def test_who_may_adjudicate(staff, second, double):
    with pytest.raises(Conflict) as error:
        adjudication_start(user=staff.senior, study=double)
    assert error.value.code == "nothing_to_adjudicate"
    sign(staff.senior, double, HERS)
    sign(second, double, APART)
    for user, code in ((staff.senior, "own_reading"), (staff.reader, "not_allowed")):
        with pytest.raises(ApplicationError) as error:
            adjudication_start(user=user, study=double)
        assert error.value.code == code
    with pytest.raises(Conflict):
        sign(staff.reader, double, HERS)
    third = MembershipFactory(clinic=staff.clinic, role="senior_reader").user
    with pytest.raises(Conflict):
        draw(third, double)
    adjudication_start(user=third, study=double)
    draw(third, double)
    sign(third, double, HERS)
    double.refresh_from_db()
    assert double.conclusion.reader == third


def test_of_two_adjudications_the_first_signed_counts(staff, second, double):
    another = MembershipFactory(clinic=staff.clinic, role="senior_reader").user
    sign(staff.reader, double, HERS)
    sign(second, double, APART)
    for user in (staff.senior, another):
        adjudication_start(user=user, study=double)
    sign(another, double, HERS)
    with pytest.raises(Conflict) as error:
        sign(staff.senior, double, APART)
    assert error.value.code == "study_signed"


@pytest.mark.parametrize(
    ("first", "second", "apart", "matters"),
    [
        (Words(grade_od=1, grade_os=0), Words(grade_od=1, grade_os=0), 1, []),
        (Words(grade_od=1, grade_os=0), Words(grade_od=2, grade_os=0), 1, [Matter.GRADE]),
        (Words(grade_od=1, grade_os=0), Words(grade_od=2, grade_os=0), 2, []),
        (Words(grade_od=1, grade_os=0), Words(grade_od=3, grade_os=4), 2, [Matter.GRADE, Matter.GRADE]),
        (Words(grade_od=1), Words(gradability_od=Gradability.UNGRADABLE), 4, [Matter.GRADABILITY]),
        (Words(grade_od=1), Words(grade_od=1, gradability_od=Gradability.LIMITED), 1, []),
        (Words(grade_od=1), Words(), 4, [Matter.GRADE]),
        (Words(grade_od=1, macula_od=MacularOedema.NONE), Words(grade_od=1), 1, [Matter.MACULA]),
        (
            Words(grade_od=1, macula_od=MacularOedema.NONE),
            Words(grade_od=1, macula_od=MacularOedema.REFERABLE),
            1,
            [Matter.MACULA],
        ),
    ],
)
def test_what_counts_as_a_difference(first, second, apart, matters):
    readings = [Reading(**vars(words)) for words in (first, second)]
    assert [found.matter for found in differences(*readings, grades_apart=apart)] == matters
    assert [found.matter for found in differences(*reversed(readings), grades_apart=apart)] == matters
