from __future__ import annotations

import datetime as dt
import hashlib
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pypdf
import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import Http404
from PIL import Image as PillowImage

from cases.choices import DiabetesType, Field, Laterality, Lesion, PredictionState, Role, Sex
from cases.errors import ApplicationError, NotAllowed, Unavailable
from cases.models import Report
from cases.services.report import LONGEST_DIAGNOSIS, report_create, report_filename, report_reference
from tests.factories import (
    ImageFactory,
    LesionResultFactory,
    MaskRevisionFactory,
    PatientFactory,
    PredictionFactory,
    ReadingFactory,
    StudyFactory,
    fundus_jpeg,
    mask_png,
    staffed_clinic,
)
from tests.reports.pdfs import content, pages, pictures, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    staff = staffed_clinic()
    staff.reader.first_name, staff.reader.last_name = "Mei", "Li"
    staff.reader.save()
    return staff


def stored_reports() -> list[str]:
    try:
        return default_storage.listdir("reports")[1]
    except FileNotFoundError:
        return []


def test_it_says_who_what_when_and_by_which_networks(staff):
    staff.clinic.address = "12 Harbour Road\nBuilding 3"
    staff.clinic.save()
    patient = PatientFactory(
        clinic=staff.clinic,
        name="Anna Schmidt",
        record_number="A-417",
        sex=Sex.FEMALE,
        birth_date=dt.date(1961, 4, 9),
        diabetes_type=DiabetesType.TYPE_2,
        diabetes_since=2009,
    )
    study = StudyFactory(clinic=staff.clinic, patient=patient, visit_date=dt.date(2026, 3, 5))
    image = ImageFactory(study=study, laterality=Laterality.OD, field=Field.MACULA, filename="right.jpg")
    prediction = PredictionFactory(image=image, grade=2, probabilities=[0.01, 0.12, 0.7, 0.14, 0.03], lesions=False)
    for lesion in Lesion.values:
        LesionResultFactory(
            prediction=prediction, lesion=lesion, count=31, area_px=12345, area_percent_of_fov=1.5, area_disc=0.0004
        )
    ReadingFactory(study=study, reader=staff.reader, grade_od=1)
    report = report_create(user=staff.reader, study=study, diagnosis="Moderate NPDR.\nReview in 6 months.", grade=3)
    words = text(report)
    expected = [
        staff.clinic.name, "12 Harbour Road", "Building 3",
        "Anna Schmidt", "A-417", "64", "Female", "April 9, 1961", "Type 2, since 2009", "March 5, 2026",
        "3 · Severe non-proliferative DR", "Moderate NPDR. Review in 6 months.",
        "Mei Li (Draft)", report_reference(report), "UTC",
        "Right eye (OD) · Macula-centred", "right.jpg", "320 × 240 px",
        "Grade of the network: 2 · Moderate non-proliferative DR", "70.0 %", "3.0 %",
        "Grade of the reader: 1 · Mild non-proliferative DR",
        "Hard exudates 31 12,345 1.500 < 0.001",
        "The masks of the network have not been corrected.",
        "unet", "grader", "0" * 16, "1" * 16, "test",
        "no regulatory clearance", "Page 1 / ",
    ]  # fmt: skip
    assert [part for part in expected if part not in words] == []
    assert "None" not in words


def test_the_stored_file_is_private_and_matches_its_sha256_and_its_printed_number(staff):
    report = report_create(user=staff.reader, study=staff.study, diagnosis="Clear.")
    pdf = content(report)
    assert pdf.startswith(b"%PDF-")
    assert report.sha256 == hashlib.sha256(pdf).hexdigest()
    assert report.created_by == staff.reader
    assert Path(report.pdf.path).stat().st_mode & 0o077 == 0
    assert re.fullmatch(r"[0-9A-F]{10}", report_reference(report))
    assert Report.objects.get(pdf__contains=report_reference(report).lower()) == report


def test_its_download_name_tells_record_and_day_but_no_name(staff):
    staff.study.patient.record_number = "A/4 17"
    staff.study.patient.save()
    report = report_create(user=staff.reader, study=staff.study, patient_name="Anna Schmidt")
    name = report_filename(Report.objects.get(pk=report.pk))
    assert re.fullmatch(r"report-A4_17-\d{4}-\d\d-\d\d-[0-9a-f]{10}\.pdf", name)


@pytest.mark.parametrize("role", Role.values)
def test_readers_and_clinic_administrators_report_and_only_in_their_clinic(role):
    ours, theirs = staffed_clinic(), staffed_clinic()
    with pytest.raises(Http404):
        report_create(user=theirs.by_role()[role], study=ours.study, diagnosis="Clear.")
    if role == Role.TECHNICIAN:
        with pytest.raises(NotAllowed):
            report_create(user=ours.by_role()[role], study=ours.study, diagnosis="Clear.")
        assert stored_reports() == []
    else:
        assert report_create(user=ours.by_role()[role], study=ours.study, diagnosis="Clear.").pk
        assert len(stored_reports()) == 1


def test_masks_are_painted_as_found_and_as_corrected(staff):
    found = pictures(content(report_create(user=staff.reader, study=staff.study)))
    assert len(found) == 2
    photograph, network = (picture.astype(int) for picture in found)
    box = (slice(101, 107), slice(101, 109))
    assert abs(photograph[box] - network[box]).max() > 60
    assert abs(photograph[120:130, 200:210] - network[120:130, 200:210]).max() < 30

    revision = MaskRevisionFactory(prediction=staff.prediction, author=staff.senior, count=7, area_px=4321)
    report = report_create(user=staff.reader, study=staff.study)
    photograph, network, corrected = (picture.astype(int) for picture in pictures(content(report)))
    ring = (slice(92, 98), slice(112, 118))  # in the corrected mask, not in the network's
    assert abs(photograph[ring] - network[ring]).max() < 30
    assert abs(photograph[ring] - corrected[ring]).max() > 60
    words = text(report)
    assert "After correction" in words
    assert "Hard exudates 1 80 0.210 0.050 7 4,321 1.580 0.400" in words
    assert f"Hard exudates corrected: revision 1 by {revision.author.display_name()}" in words
    assert "have not been corrected" not in words


def test_the_newest_revision_counts(staff):
    MaskRevisionFactory(prediction=staff.prediction, number=1, count=5)
    MaskRevisionFactory(prediction=staff.prediction, number=2, count=9)
    words = text(report_create(user=staff.reader, study=staff.study))
    assert "Hard exudates corrected: revision 2" in words
    assert "revision 1" not in words


@pytest.mark.parametrize(
    ("state", "message", "sentence"),
    [
        (None, "", "This photograph has not been analysed."),
        (PredictionState.QUEUED, "", "had not finished when the report was made"),
        (PredictionState.RUNNING, "", "had not finished when the report was made"),
        (PredictionState.FAILED, "The weights are missing.", "failed. The weights are missing."),
        (PredictionState.UNGRADABLE, "The picture is too dark.", "is ungradable. The picture is too dark."),
        (PredictionState.CANCELLED, "", "was cancelled"),
    ],
)
def test_a_photograph_without_result_is_shown_and_the_reason_stated(staff, state, message, sentence):
    study = StudyFactory(clinic=staff.clinic)
    image = ImageFactory(study=study)
    if state is not None:
        PredictionFactory(image=image, state=state, error_message=message)
    report = report_create(user=staff.reader, study=study)
    assert sentence in text(report)
    assert ("Ungradable" in text(report)) == (state == PredictionState.UNGRADABLE)
    assert len(pictures(content(report))) == 1


def test_twelve_photographs_each_get_their_section_without_more_queries(staff, django_assert_max_num_queries):
    study = StudyFactory(clinic=staff.clinic)
    for number in range(1, 13):
        image = ImageFactory(study=study, filename=f"field-{number}.jpg")
        MaskRevisionFactory(prediction=PredictionFactory(image=image), author=staff.senior)
    with django_assert_max_num_queries(25):
        report = report_create(user=staff.reader, study=study)
    words = text(report)
    assert all(f"field-{number}.jpg" in words for number in range(1, 13))
    assert len(pictures(content(report))) == 36


def test_a_long_diagnosis_runs_over_pages_that_are_numbered(staff):
    diagnosis = "\n".join(f"Finding {number}: stable, no new vessels." for number in range(400))
    printed = pages(content(report_create(user=staff.reader, study=staff.study, diagnosis=diagnosis)))
    words = " ".join(printed)
    assert all(f"Finding {number}: stable" in words for number in range(400))
    assert len(printed) > 6
    assert all(f"Page {number} / {len(printed)}" in page for number, page in enumerate(printed, 1))


def test_every_page_and_the_file_itself_say_whose_report_it_is(staff):
    report = report_create(user=staff.reader, study=staff.study, patient_name="Anna Schmidt", diagnosis="Clear.\n" * 99)
    reference = report_reference(report)
    printed = pages(content(report))
    assert len(printed) > 2
    for part in ("Anna Schmidt", f"Report {reference}", "A qualified reader must confirm every finding."):
        assert [number for number, page in enumerate(printed) if part not in page] == []
    told = pypdf.PdfReader(BytesIO(content(report))).metadata
    assert (told.title, told.author) == (f"Diabetic retinopathy report {reference}", staff.clinic.name)


def test_without_a_patient_the_caller_names_one(staff):
    study = StudyFactory(clinic=staff.clinic, patient=None)
    ImageFactory(study=study)
    report = report_create(user=staff.reader, study=study, patient_name=" Wang Fang ", patient_age=58)
    assert (report.patient_name, report.patient_age) == ("Wang Fang", 58)
    words = text(report)
    assert "Wang Fang" in words
    assert "Age 58" in words
    assert "Record number not stated" in words
    assert "Date of birth not stated" in words
    with pytest.raises(ApplicationError) as refused:
        report_create(user=staff.reader, study=study)
    assert refused.value.code == "no_name"


def test_a_name_that_differs_from_the_record_is_pointed_out(staff):
    words = text(report_create(user=staff.reader, study=staff.study, patient_name="Somebody Else"))
    assert f"gives another name: {staff.study.patient.name}." in words
    same = text(report_create(user=staff.reader, study=staff.study, patient_name=staff.study.patient.name.upper()))
    assert "another name" not in same


def test_the_authors_own_reading_comes_before_a_colleagues(staff):
    staff.image.laterality = Laterality.OS
    staff.image.save()
    ReadingFactory(study=staff.study, reader=staff.senior, grade_os=4)
    by_admin = text(report_create(user=staff.clinicadmin, study=staff.study))
    assert "Grade of the reader: 4" in by_admin
    assert f"{staff.senior.display_name()} (Draft)" in by_admin
    ReadingFactory(study=staff.study, reader=staff.reader, grade_os=0)
    ReadingFactory(study=staff.study, reader=staff.clinicadmin, grade_os=1)
    by_reader = text(report_create(user=staff.reader, study=staff.study))
    assert "Grade of the reader: 0" in by_reader


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"patient_age": -1}, ApplicationError),
        ({"patient_age": 131}, ApplicationError),
        ({"diagnosis": "x" * (LONGEST_DIAGNOSIS + 1)}, ApplicationError),
        ({"grade": 5}, ValidationError),
        ({"language": "fr"}, ValidationError),
        ({"patient_name": "x" * 201}, ValidationError),
    ],
)
def test_nonsense_is_refused_and_nothing_stored(staff, words, error):
    with pytest.raises(error):
        report_create(user=staff.reader, study=staff.study, **words)
    assert not Report.objects.exists()
    assert stored_reports() == []


def test_a_study_without_photographs_has_no_report(staff):
    with pytest.raises(ApplicationError) as refused:
        report_create(user=staff.reader, study=StudyFactory(clinic=staff.clinic))
    assert refused.value.code == "no_image"


@pytest.mark.parametrize("harm", ["missing", "broken"])
def test_an_unreadable_picture_makes_no_report(staff, harm):
    path = Path(staff.image.preview.path)
    path.unlink() if harm == "missing" else path.write_bytes(b"not a picture")
    with pytest.raises(Unavailable) as refused:
        report_create(user=staff.reader, study=staff.study)
    assert refused.value.code == "file_unreadable"
    assert not Report.objects.exists()
    assert stored_reports() == []


def test_longest_diagnosis_and_extreme_names_stay_on_the_page(staff):
    report = report_create(
        user=staff.reader, study=staff.study, patient_name="W" * 200, diagnosis=("糖尿病" * 7000)[:LONGEST_DIAGNOSIS]
    )
    words = text(report).replace(" ", "")
    assert "W" * 200 in words
    assert words.count("糖") >= LONGEST_DIAGNOSIS // 3


def test_a_tall_photograph_with_corrections_still_fits_its_page(staff):
    study = StudyFactory(clinic=staff.clinic)
    size = (240, 960)
    tall = ContentFile(b"", name=".jpg")
    PillowImage.new("RGB", size, (190, 90, 40)).save(tall, "JPEG")
    image = ImageFactory(study=study, preview=tall, width=240, height=960)
    prediction = PredictionFactory(image=image, lesions=False)
    LesionResultFactory(prediction=prediction, mask=ContentFile(mask_png(size=size), name=".png"))
    MaskRevisionFactory(prediction=prediction, mask=ContentFile(mask_png(size=size), name=".png"))
    printed = pages(content(report_create(user=staff.reader, study=study)))
    assert len(printed) == 2
    assert "Photograph" in printed[1]
    assert "corrected: revision 1" in printed[1]


@pytest.mark.needs_data
def test_two_real_photographs_stay_below_three_megabytes(staff, shared_data):
    study = StudyFactory(clinic=staff.clinic)
    for number in (1, 3):
        photograph = PillowImage.open(shared_data / "idrid" / "images" / f"IDRiD_{number:02d}.jpg")
        photograph.thumbnail((2048, 2048))
        content_file = ContentFile(b"", name=".jpg")
        photograph.save(content_file, "JPEG", quality=88)
        content_file.seek(0)
        image = ImageFactory(study=study, preview=content_file)
        MaskRevisionFactory(prediction=PredictionFactory(image=image))
    report = report_create(user=staff.reader, study=study)
    assert len(pictures(content(report))) == 6
    assert report.pdf.size < 3_000_000


def test_the_web_process_stays_without_networks():
    script = (
        "import django, sys; django.setup(); import cases.services.report;"
        "sys.exit(bool({'torch', 'openvino', 'timm'} & sys.modules.keys()))"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": ""}
    assert subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode == 0


def test_the_preview_alone_is_read_never_the_original(staff):
    Path(staff.image.original.path).unlink()
    assert fundus_jpeg()  # the preview of the factory
    assert report_create(user=staff.reader, study=staff.study).pk


def test_quality_the_grade_by_rule_and_the_macula_are_printed(staff):
    image = staff.image
    image.landmarks = {"disc": None, "fovea": {"x": 105.0, "y": 104.0, "confidence": 1.0}}
    image.quality_verdict, image.quality_override, image.quality_note = "ungradable", "limited", "Lashes below."
    image.quality_overridden_by = staff.reader
    image.save()
    words = " ".join(text(report_create(user=staff.reader, study=staff.study, patient_name="Anna")).split())
    assert "Gradable with limits, overruled by Mei Li: Lashes below." in words
    assert "2 · Moderate non-proliferative DR, at least (Haemorrhages: 1; Hard exudates: 1" in words
    assert "disc diameters from the fovea: referable" in words


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Of the network's areas only those count of which it is sure"),
        ("zh-hans", "网络勾画的区域仅计入其有把握者"),
    ],
)
def test_it_says_that_areas_were_left_out_of_the_rule(staff, language, sentence):
    def printed() -> str:
        made = report_create(user=staff.reader, study=staff.study, patient_name="Anna", language=language)
        return "".join(text(made).replace("’", "'").split())

    assert "".join(sentence.split()) not in printed()
    staff.prediction.networks["segmentation"] = {"name": "unet", "rule_certainty": {"HE": 0.7}}
    staff.prediction.save()
    staff.prediction.lesions.filter(lesion=Lesion.HE).update(unsure=[0])
    words = printed()
    assert "".join(sentence.split()) in words
    assert "Haemorrhages:1" not in words
