"""What a report says of the signature and of referral, and that it prints what was signed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cases.services.mask_revision import mask_revision_create
from cases.services.reading import Words, amendment_start
from cases.services.report import report_create
from cases.services.signing import reading_sign
from tests.factories import PredictionFactory, judged_study, mask_png, staffed_clinic
from tests.reports.pdfs import text

pytestmark = pytest.mark.django_db
WORDS = Words(diagnosis="Moderate NPDR of the right eye.\nRefer.", grade_od=2, grade_os=1)


@pytest.fixture
def staff():
    return staffed_clinic()


@pytest.fixture
def study(staff):
    return judged_study(staff.clinic, grades=(4, 4))


def report_of(staff, study, diagnosis=WORDS.diagnosis, grade=2, **more) -> str:
    return text(report_create(user=staff.clinicadmin, study=study, diagnosis=diagnosis, grade=grade, **more))


def test_a_signed_report_names_who_signed_when_what_and_which_version(staff, study):
    reading = reading_sign(user=staff.reader, study=study, words=WORDS)
    words = report_of(staff, study)
    for part in ("Electronic signature", f"Signed by {staff.reader.username}", "Version 1", reading.sha256, "UTC"):
        assert part in words
    assert "Not signed" not in words
    assert "Referral and recall Referral Refer Next examination within 6 months of the visit" in words


def test_an_unsigned_report_says_so_and_only_proposes(staff, study):
    words = report_of(staff, study)
    assert "Not signed" in words
    assert "proposed by the network, not confirmed by a reader Referral Refer urgently" in words
    assert "Electronic signature" not in words


def test_while_a_senior_reader_has_not_decided_the_report_says_so(staff, study):
    study.images.first().predictions.update(rule_grade=0)
    reading_sign(user=staff.reader, study=study, words=WORDS)
    words = report_of(staff, study)
    assert "Referral and recall: signed, but a senior reader has not decided yet Referral Refer Next" in words
    assert "转诊与复查：已签署，但高级阅片者尚未裁定" in report_of(staff, study, language="zh-hans")


@pytest.mark.parametrize("change", [{"diagnosis": "Healthy."}, {"grade": 0}])
def test_other_words_than_those_signed_get_no_signature(staff, study, change):
    reading = reading_sign(user=staff.reader, study=study, words=WORDS)
    words = report_of(staff, study, **change)
    assert "the words of this report are not those of the signed reading" in words
    assert reading.sha256 not in words


def test_it_prints_the_result_and_masks_that_were_signed(staff, study):
    image = study.images.first()
    mask_revision_create(user=staff.reader, image=image, lesion="EX", content=mask_png((90, 90, 120, 110)))
    reading_sign(user=staff.reader, study=study, words=WORDS)
    PredictionFactory(image=image, grade=0, model_name="manet")
    amendment_start(user=staff.reader, study=study, reason="Mask")
    mask_revision_create(user=staff.reader, image=image, lesion="EX", content=mask_png((0, 0, 9, 9)))
    words = report_of(staff, study)
    assert "Grade of the network: 4" in words
    assert "Grade of the network: 0" not in words
    assert "Hard exudates corrected: revision 1" in words
    reading_sign(user=staff.reader, study=study, words=replace(WORDS, diagnosis="Amended."))
    amended = report_of(staff, study, diagnosis="Amended.")
    assert "Version 2" in amended
    assert "Hard exudates corrected: revision 2" in amended


def test_it_is_signed_in_chinese_too(staff, study):
    reading = reading_sign(user=staff.reader, study=study, words=WORDS)
    words = report_of(staff, study, language="zh-hans")
    assert "电子签名" in words
    assert reading.sha256 in words
