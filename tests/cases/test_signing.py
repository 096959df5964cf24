"""Signed means locked, hashed and reproducible; a change is another version with its reason."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from cases.choices import Finding, Gradability, MacularOedema, ReadingState, Referral, Standing, StudyQueue, Urgency
from cases.errors import ApplicationError, Conflict, NotAllowed
from cases.models import LesionResult, Prediction, Reading, ReferralRule
from cases.selectors.decision import decision_of
from cases.selectors.mask import current_masks
from cases.selectors.reading import reading_of, reading_state_of
from cases.selectors.signature import sha256_of, signature_problems, study_seen
from cases.selectors.study import study_get
from cases.services.image import image_update, image_upload
from cases.services.image_judgement import image_override_quality, image_place_landmark
from cases.services.mask_revision import mask_revision_create
from cases.services.reading import Words, adjudication_start, amendment_drop, amendment_start, reading_save
from cases.services.signing import reading_sign
from tests.factories import (
    ImageFactory,
    MembershipFactory,
    PredictionFactory,
    fundus_jpeg,
    judged_study,
    mask_png,
    staffed_clinic,
)

pytestmark = pytest.mark.django_db
WORDS = Words(diagnosis="中度 NPDR, right eye.", grade_od=2, grade_os=1, macula_od=MacularOedema.NONE)


@pytest.fixture
def staff():
    return staffed_clinic()


@pytest.fixture
def study(staff):
    return judged_study(staff.clinic)


def signed(user, study, words=WORDS, **more) -> Reading:
    return reading_sign(user=user, study=study, words=words, **more)


def corrected(user, study, box=(90, 90, 120, 110)):
    return mask_revision_create(user=user, image=study.images.first(), lesion="EX", content=mask_png(box))


# --- What a signature is ----------------------------------------------------------------------------------------------


def test_a_signature_holds_what_was_seen_and_said(staff, study):
    revision = corrected(staff.reader, study)
    reading = signed(staff.reader, study)
    document = json.loads(reading.snapshot)
    assert reading.sha256 == sha256_of(reading.snapshot)
    assert document["format"] == 1
    assert document["eyes"]["OD"] == {"grade": 2, "macula": "none", "gradability": ""}
    assert document["diagnosis"] == "中度 NPDR, right eye."
    assert document["reader"]["id"] == staff.reader.pk
    first, second = document["images"]
    assert first["quality"] == {"verdict": "", "by_reader": "", "note": "", "reader": None}
    assert (first["prediction"]["grade"], first["prediction"]["rule_grade"]) == (2, None)
    assert first["prediction"]["weights"]["grader"]["sha256"] == "1" * 64
    assert first["masks"]["EX"] == {"source": "revision", "id": revision.pk, "revision": 1, "sha256": revision.sha256}
    assert second["masks"]["EX"]["source"] == "network"
    assert document["decision"]["eyes"][0]["findings"] == ["grade_2"]
    assert signature_problems(reading) == []
    study.refresh_from_db()
    assert (study.conclusion, study.queue) == (reading, StudyQueue.SIGNED)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (replace(WORDS, grade_os=None), "eye_not_graded"),
        (replace(WORDS, gradability_od=Gradability.UNGRADABLE), "graded_though_ungradable"),
    ],
)
def test_every_photographed_eye_is_judged(staff, study, words, code):
    with pytest.raises(ApplicationError) as error:
        signed(staff.reader, study, words)
    assert error.value.code == code
    assert not Reading.objects.exists()


def test_eyes_are_stated_before_anybody_signs(staff, study):
    image = ImageFactory(study=study)
    with pytest.raises(ApplicationError) as error:
        signed(staff.reader, study)
    assert error.value.code == "eye_not_stated"
    image_update(user=staff.reader, image=image, laterality="OS", field="macula")
    signed(staff.reader, study)


def test_an_ungradable_eye_can_be_signed(staff, study):
    signed(staff.reader, study, Words(grade_od=0, gradability_os=Gradability.UNGRADABLE))
    study.refresh_from_db()
    decision = decision_of(study)
    assert decision.worse.findings == (Finding.UNGRADABLE,)
    assert (decision.referral, decision.proposed) == (Referral.ROUTINE, False)


def test_nobody_signs_what_they_have_not_seen(staff, study):
    seen = study_seen(study_get(staff.reader, study.pk))
    PredictionFactory(image=study.images.first(), model_name="manet", grade=4)
    with pytest.raises(Conflict) as error:
        signed(staff.reader, study, seen=seen)
    assert error.value.code == "changed_since_seen"
    signed(staff.reader, study, seen=study_seen(study_get(staff.reader, study.pk)))


@pytest.mark.parametrize("role", ["technician", "clinicadmin"])
def test_only_readers_sign(staff, study, role):
    with pytest.raises(NotAllowed):
        signed(getattr(staff, role), study)


# --- Locked -----------------------------------------------------------------------------------------------------------


def test_nothing_of_a_signed_study_changes(staff, study):
    signed(staff.reader, study)
    image = study.images.first()
    photograph = SimpleUploadedFile("eye.jpg", fundus_jpeg(), "image/jpeg")
    for attempt in (
        lambda: reading_save(user=staff.reader, study=study, words=Words()),
        lambda: reading_save(user=staff.senior, study=study, words=Words()),
        lambda: signed(staff.reader, study),
        lambda: signed(staff.senior, study),
        lambda: corrected(staff.reader, study),
        lambda: corrected(staff.senior, study),
        lambda: image_update(user=staff.technician, image=image, laterality="OS", field="disc"),
        lambda: image_upload(user=staff.technician, upload=photograph, study=study),
        lambda: image_override_quality(user=staff.reader, image=image, verdict="ungradable", note="blurred"),
        lambda: image_place_landmark(user=staff.reader, image=image, kind="fovea", x=10, y=10),
    ):
        with pytest.raises(Conflict) as error:
            attempt()
        assert error.value.code in ("already_signed", "study_signed")
    assert study.images.count() == 2
    assert Reading.objects.get().diagnosis == WORDS.diagnosis


def test_the_database_itself_refuses_to_change_a_signed_reading(staff, study):
    reading = signed(staff.reader, study)
    for change in ({"diagnosis": "another"}, {"state": ReadingState.DRAFT}, {"sha256": "0" * 64}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Reading.objects.filter(pk=reading.pk).update(**change)
    reading.refresh_from_db()
    assert signature_problems(reading) == []


def test_who_was_slower_keeps_what_they_wrote(staff, study):
    draft = reading_save(user=staff.senior, study=study, words=Words(diagnosis="mine"))
    signed(staff.reader, study)
    with pytest.raises(Conflict) as error:
        signed(staff.senior, study)
    assert error.value.code == "study_signed"
    draft.refresh_from_db()
    assert (draft.state, draft.diagnosis) == (ReadingState.DRAFT, "mine")


@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite in memory has one connection; see the run on PostgreSQL"
)
@pytest.mark.django_db(transaction=True)
def test_of_two_signatures_at_once_one_is_told_of_the_conflict(staff, study):
    users = [staff.reader, MembershipFactory(clinic=staff.clinic).user]
    start, outcomes = threading.Barrier(2), []

    def sign(user) -> None:
        start.wait()
        try:
            signed(user, study)
            outcomes.append("signed")
        except Conflict as conflict:
            outcomes.append(conflict.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=sign, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["signed", "study_signed"]
    assert Reading.objects.filter(state=ReadingState.SIGNED).count() == 1


def test_what_was_decided_stays_when_the_table_changes(staff, study):
    signed(staff.reader, study)
    ReferralRule.objects.create(clinic=staff.clinic, finding=Finding.GRADE_2, referral=Referral.URGENT, months=1)
    study.refresh_from_db()
    assert decision_of(study).referral == Referral.ROUTINE


# --- Verification -----------------------------------------------------------------------------------------------------


def test_verification_says_what_differs(staff, study):
    corrected(staff.reader, study)
    reading = signed(staff.reader, study)
    image = study.images.first()
    prediction = Prediction.objects.get(image=image)
    Prediction.objects.filter(pk=prediction.pk).update(grade=4)
    assert signature_problems(reading) == [f"Result {prediction.pk} is missing or altered."]
    Prediction.objects.filter(pk=prediction.pk).update(grade=2)
    mask = LesionResult.objects.get(prediction=prediction, lesion="HE").mask
    with default_storage.open(mask.name, "wb") as file:
        file.write(mask_png((0, 0, 5, 5)))
    assert signature_problems(reading) == [f"The mask HE of photograph {image.pk} is missing or altered."]
    default_storage.delete(image.original.name)
    assert len(signature_problems(reading)) == 2


def test_an_altered_document_or_record_does_not_verify(staff, study):
    reading = signed(staff.reader, study)
    reading.diagnosis = "Altered past every service and trigger."
    assert signature_problems(reading) == ["The record differs from what was signed: diagnosis."]
    reading.snapshot = reading.snapshot.replace("NPDR", "PDR")
    assert signature_problems(reading) == ["The signed document has been altered: its sha256 is another one."]


def test_a_format_of_the_future_is_not_called_valid(staff, study):
    reading = signed(staff.reader, study)
    reading.snapshot = reading.snapshot.replace('"format":1', '"format":99')
    reading.sha256 = sha256_of(reading.snapshot)
    assert signature_problems(reading) == ["The signed document has a format that this version does not know."]


def test_the_command_checks_all_signatures(staff, study):
    signed(staff.reader, study)
    out = io.StringIO()
    call_command("verify_signatures", stdout=out)
    assert out.getvalue() == "1 signatures checked, 1 valid, 0 invalid\n"
    Prediction.objects.filter(image__study=study).update(grade=0)
    with pytest.raises(CommandError):
        call_command("verify_signatures", stdout=out)
    assert "2 signatures" not in out.getvalue()
    assert f"study {study.pk}, reading" in out.getvalue()


# --- Amendments -------------------------------------------------------------------------------------------------------


def test_an_amendment_is_another_version_and_the_old_one_stays(staff, study):
    first = signed(staff.reader, study)
    amendment = amendment_start(user=staff.reader, study=study, reason="Haemorrhage overlooked")
    assert (amendment.version, amendment.diagnosis, amendment.grade_od) == (2, WORDS.diagnosis, 2)
    study.refresh_from_db()
    assert study.conclusion == first
    second = signed(staff.reader, study, replace(WORDS, grade_od=3))
    study.refresh_from_db()
    first.refresh_from_db()
    assert study.conclusion == second
    assert (first.grade_od, second.grade_od, second.amends) == (2, 3, first)
    assert json.loads(second.snapshot)["reading"] == {
        "kind": "reading",
        "version": 2,
        "amends": first.sha256,
        "reason": "Haemorrhage overlooked",
    }
    assert signature_problems(first) == signature_problems(second) == []
    assert reading_of(staff.reader, study) == second


def test_an_amendment_needs_a_signature_a_reason_and_the_right(staff, study):
    for user, reason, code in (
        (staff.reader, "why", "not_signed"),
        (staff.reader, "  ", "reason_needed"),
        (MembershipFactory(clinic=staff.clinic).user, "why", "not_allowed"),
    ):
        with pytest.raises(ApplicationError) as error:
            amendment_start(user=user, study=study, reason=reason)
        assert error.value.code == code
        if code == "not_signed":
            signed(staff.reader, study)


def test_a_senior_reader_amends_what_others_signed_and_one_at_a_time(staff, study):
    signed(staff.reader, study)
    amendment_start(user=staff.senior, study=study, reason="Second look")
    with pytest.raises(Conflict) as error:
        amendment_start(user=staff.reader, study=study, reason="Mine")
    assert error.value.code == "being_amended"
    with pytest.raises(Conflict):
        signed(staff.reader, study)
    signed(staff.senior, study, replace(WORDS, grade_od=4))
    study.refresh_from_db()
    assert (study.conclusion.reader, study.conclusion.version) == (staff.senior, 2)


def test_masks_change_with_an_amendment_alone_and_go_back_with_it(staff, study):
    before = corrected(staff.reader, study)
    signed(staff.reader, study)
    amendment_start(user=staff.reader, study=study, reason="Mask")
    with pytest.raises(Conflict):
        corrected(staff.senior, study)
    corrected(staff.reader, study, (0, 0, 9, 9))
    amendment_drop(user=staff.reader, study=study)
    image = study_get(staff.reader, study.pk).images.all()[0]
    mask = current_masks(image, image.predictions.all()[0])[0]
    assert (mask.revision, mask.source.sha256, mask.source.author) == (3, before.sha256, staff.reader)
    assert signature_problems(Reading.objects.get()) == []


def test_dropping_an_amendment_gives_the_networks_masks_back_too(staff, study):
    reading = signed(staff.reader, study)
    amendment_start(user=staff.reader, study=study, reason="Mask")
    corrected(staff.reader, study)
    amendment_drop(user=staff.reader, study=study)
    image = study_get(staff.reader, study.pk).images.all()[0]
    mask = current_masks(image, image.predictions.all()[0])[0]
    assert mask.source.sha256 == json.loads(reading.snapshot)["images"][0]["masks"]["EX"]["sha256"]
    assert mask.source.area_px == 80
    with pytest.raises(Conflict):
        amendment_drop(user=staff.reader, study=study)


def test_photographs_are_open_while_an_amendment_is(staff, study):
    signed(staff.reader, study)
    amendment_start(user=staff.reader, study=study, reason="Left eye taken again")
    upload = SimpleUploadedFile("eye.jpg", fundus_jpeg(), "image/jpeg")
    image_upload(user=staff.technician, upload=upload, study=study, laterality="OS")
    assert len(json.loads(signed(staff.reader, study).snapshot)["images"]) == 3
    assert reading_state_of(study_get(staff.reader, study.pk)) == StudyQueue.SIGNED


# --- Network and rule -------------------------------------------------------------------------------------------------


def test_where_network_and_rule_disagree_a_senior_reader_decides(staff, study):
    study.images.first().predictions.update(rule_grade=0)
    signed(staff.reader, study)
    study.refresh_from_db()
    assert (study.conclusion, study.queue) == (None, StudyQueue.TO_ADJUDICATE)
    adjudication_start(user=staff.senior, study=study)
    conclusion = signed(staff.senior, study)
    study.refresh_from_db()
    assert (study.conclusion, study.queue) == (conclusion, StudyQueue.SIGNED)


@pytest.mark.parametrize(("network", "reader", "referral"), [(0, 4, Referral.URGENT), (4, 0, Referral.NONE)])
def test_until_then_the_readers_word_is_told_and_the_more_cautious_hurries(staff, study, network, reader, referral):
    for image in study.images.all():
        image.predictions.update(grade=network, rule_grade=2)
    signed(staff.reader, study, Words(grade_od=reader, grade_os=reader))
    study.refresh_from_db()
    decision = decision_of(study)
    assert (decision.standing, decision.proposed, decision.referral) == (Standing.UNSETTLED, False, referral)
    assert (study.urgency, study.worst_grade) == (Urgency.URGENT, 4)
    adjudication_start(user=staff.senior, study=study)
    signed(staff.senior, study, Words(grade_od=1, grade_os=1))
    study.refresh_from_db()
    assert (decision_of(study).standing, study.urgency, study.worst_grade) == (Standing.SIGNED, Urgency.ROUTINE, 1)


def test_a_senior_reader_decides_with_the_first_signature(staff, study):
    study.images.first().predictions.update(rule_grade=0)
    signed(staff.senior, study)
    study.refresh_from_db()
    assert study.queue == StudyQueue.SIGNED


def test_a_clinic_can_let_its_readers_decide(staff, study):
    staff.clinic.senior_reads_disagreements = False
    staff.clinic.save()
    study.images.first().predictions.update(rule_grade=0)
    signed(staff.reader, study)
    study.refresh_from_db()
    assert study.queue == StudyQueue.SIGNED
