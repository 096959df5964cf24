"""Rows for tests. Files are small but real: a small fundus photograph and 1-bit masks of the same size."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import cv2
import factory
import numpy as np
import skimage.data
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image as PillowImage

from cases.choices import Lesion, PredictionState, ReadingState, ReportLanguage, Role
from cases.models import (
    Clinic,
    Image,
    LesionResult,
    MaskRevision,
    Membership,
    Patient,
    Prediction,
    Reading,
    Report,
    SecondOpinion,
    Study,
    StudyShare,
    User,
)
from cases.services.study_queue import study_queue_refresh

PASSWORD = "correct horse battery"
WIDTH, HEIGHT = 320, 240


@cache
def fundus_rgb() -> np.ndarray:
    """scikit-image's retina, small, in the middle of a black landscape frame; uint8 HxWx3."""
    retina = cv2.resize(skimage.data.retina(), (HEIGHT, HEIGHT), interpolation=cv2.INTER_AREA)
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    left = (WIDTH - HEIGHT) // 2
    frame[:, left : left + HEIGHT] = retina
    return frame


@cache
def fundus_jpeg(quality: int = 92) -> bytes:
    """The small retina as a camera would write it; another `quality` makes another file."""
    buffer = io.BytesIO()
    PillowImage.fromarray(fundus_rgb()).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def mask_png(box: tuple[int, int, int, int] = (100, 100, 110, 108), size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """1-bit PNG of `size` (width, height) that is white inside `box` (left, top, right, bottom)."""
    mask = PillowImage.new("1", size)
    mask.paste(1, box)
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    return buffer.getvalue()


class ClinicFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Clinic

    name = factory.Sequence(lambda n: f"Clinic {n}")


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    password = factory.django.Password(PASSWORD)


class MembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    clinic = factory.SubFactory(ClinicFactory)
    role = Role.READER


class PatientFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Patient

    clinic = factory.SubFactory(ClinicFactory)
    record_number = factory.Sequence(lambda n: f"R{n:05d}")
    name = factory.Sequence(lambda n: f"Patient {n}")


class StudyFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Study

    clinic = factory.SubFactory(ClinicFactory)
    patient = factory.SubFactory(PatientFactory, clinic=factory.SelfAttribute("..clinic"))
    created_by = factory.SubFactory(UserFactory)


class ImageFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Image

    class Params:
        # Each its own (what follows the picture is not read): a study takes the same file once.
        content = factory.Sequence(lambda n: fundus_jpeg() + f"{n}".encode())

    study = factory.SubFactory(StudyFactory)
    filename = "fundus.jpg"
    original = factory.LazyAttribute(lambda row: ContentFile(row.content, name=".jpg"))
    preview = factory.LazyFunction(lambda: ContentFile(fundus_jpeg(), name=".jpg"))
    sha256 = factory.LazyAttribute(lambda row: hashlib.sha256(row.content).hexdigest())
    byte_size = factory.LazyAttribute(lambda row: len(row.content))
    file_format = "JPEG"
    width = WIDTH
    height = HEIGHT
    field_of_view = factory.LazyFunction(lambda: {"box": [40, 0, 280, 240], "centre": [160.0, 120.0], "radius": 120.0})
    uploaded_by = factory.SelfAttribute("study.created_by")


class LesionResultFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = LesionResult

    prediction = factory.SubFactory("tests.factories.PredictionFactory", lesions=False)
    lesion = Lesion.EX
    mask = factory.LazyFunction(lambda: ContentFile(mask_png(), name=".png"))
    count = 1
    area_px = 80
    area_percent_of_fov = 0.21
    area_disc = 0.05


class PredictionFactory(factory.django.DjangoModelFactory):
    """A finished prediction with all four masks; `state=...` for an open or failed one (then without masks)."""

    class Meta:
        model = Prediction
        skip_postgeneration_save = True

    image = factory.SubFactory(ImageFactory)
    model_name = "unet"
    requested_by = factory.SelfAttribute("image.uploaded_by")
    state = PredictionState.SUCCEEDED
    finished_at = factory.LazyAttribute(
        lambda row: None if row.state in PredictionState.open_states() else timezone.now()
    )
    grade = factory.LazyAttribute(lambda row: 2 if row.state == PredictionState.SUCCEEDED else None)
    probabilities = factory.LazyAttribute(lambda row: [0.1, 0.2, 0.4, 0.2, 0.1] if row.grade is not None else [])
    networks = factory.LazyFunction(
        lambda: {
            "weights": {"unet": "0" * 64, "grader": "1" * 64},
            "segmentation": {"name": "unet", "version": "1", "sha256": "0" * 64, "engine": "test", "thresholds": {}},
            "grader": {"name": "grader", "version": "1", "sha256": "1" * 64, "engine": "test"},
        }
    )

    @factory.post_generation
    def lesions(self, create: bool, extracted: bool | None, **kwargs: object) -> None:
        if create and extracted is not False and self.state == PredictionState.SUCCEEDED:
            for lesion in Lesion.values:
                LesionResultFactory(prediction=self, lesion=lesion)


class MaskRevisionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = MaskRevision

    prediction = factory.SubFactory(PredictionFactory)
    image = factory.SelfAttribute("prediction.image")
    lesion = Lesion.EX
    number = 1
    author = factory.SelfAttribute("prediction.requested_by")
    mask = factory.LazyFunction(lambda: ContentFile(mask_png((90, 90, 120, 110)), name=".png"))
    sha256 = factory.LazyFunction(lambda: hashlib.sha256(mask_png((90, 90, 120, 110))).hexdigest())
    count = 1
    area_px = 600
    area_percent_of_fov = 1.58
    area_disc = 0.4


class ReadingFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Reading

    class Params:
        signed = factory.Trait(
            state=ReadingState.SIGNED,
            signed_at=factory.LazyFunction(timezone.now),
            snapshot='{"decision": null}',
            sha256="2" * 64,
        )

    study = factory.SubFactory(StudyFactory)
    reader = factory.SubFactory(UserFactory)


def judged_study(clinic: Clinic, *, grades: tuple[int, int] = (2, 1), **fields: object) -> Study:
    """A study with an analysed photograph of each eye, which the network graded with `grades` (right, left)."""
    study = StudyFactory(clinic=clinic, **fields)
    for eye, grade in zip(("OD", "OS"), grades, strict=True):
        PredictionFactory(image=ImageFactory(study=study, laterality=eye), grade=grade)
    return study


class ReportFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Report

    study = factory.SubFactory(StudyFactory)
    language = ReportLanguage.ENGLISH
    patient_name = "Patient"
    pdf = factory.LazyFunction(lambda: ContentFile(b"%PDF-1.4 test", name=".pdf"))
    sha256 = "0" * 64
    created_by = factory.SelfAttribute("study.created_by")


class StudyShareFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = StudyShare

    study = factory.SubFactory(StudyFactory)
    clinic = factory.SubFactory(ClinicFactory)
    purpose = "Treatable?"
    until = factory.LazyFunction(lambda: timezone.localdate() + timedelta(days=7))
    created_by = factory.SelfAttribute("study.created_by")


class SecondOpinionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = SecondOpinion

    share = factory.SubFactory(StudyShareFactory)
    study = factory.SelfAttribute("share.study")
    author = factory.SubFactory(UserFactory)
    text = "Wait and see."


@dataclass(frozen=True)
class Staff:
    """A clinic with one login per role, and a study with an analysed photograph."""

    clinic: Clinic
    technician: User
    reader: User
    senior: User
    clinicadmin: User
    study: Study
    image: Image
    prediction: Prediction

    def by_role(self) -> dict[str, User]:
        return {
            Role.TECHNICIAN: self.technician,
            Role.READER: self.reader,
            Role.SENIOR_READER: self.senior,
            Role.CLINIC_ADMIN: self.clinicadmin,
        }


def staffed_clinic() -> Staff:
    """A clinic as `Staff`; call it twice for tests in two clinics."""
    clinic = ClinicFactory()
    members = {role: MembershipFactory(clinic=clinic, role=role).user for role in Role.values}
    study = StudyFactory(clinic=clinic, created_by=members[Role.TECHNICIAN])
    image = ImageFactory(study=study)
    prediction = PredictionFactory(image=image)
    return Staff(
        clinic=clinic,
        technician=members[Role.TECHNICIAN],
        reader=members[Role.READER],
        senior=members[Role.SENIOR_READER],
        clinicadmin=members[Role.CLINIC_ADMIN],
        study=study_queue_refresh(study=study),
        image=image,
        prediction=prediction,
    )
