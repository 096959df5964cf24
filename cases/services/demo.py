"""A clinic to try the system with: one login per role, one patient with a real photograph."""

from __future__ import annotations

import secrets
from importlib import resources

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from cases.choices import DiabetesType, Field, Laterality, Role, Sex
from cases.models import Clinic, User
from cases.services.clinic import clinic_create, membership_set
from cases.services.image import image_upload
from cases.services.patient import patient_create
from cases.services.prediction import prediction_request
from cases.services.study import study_create

CLINIC_NAME = "Demo Eye Clinic"
LOGINS = {
    "technician": Role.TECHNICIAN,
    "reader": Role.READER,
    "senior": Role.SENIOR_READER,
    "clinicadmin": Role.CLINIC_ADMIN,
}
ADMIN = "admin"


@transaction.atomic
def demo_create(*, password: str = "") -> dict[str, str]:
    """Create the demo clinic unless there is one. Returns the passwords of the logins made now (empty: none made).

    `password` is used for every login; without it each gets a random one.
    """
    if User.objects.exists() or Clinic.objects.exists():
        return {}
    clinic = clinic_create(name=CLINIC_NAME)
    made: dict[str, str] = {}
    for username, role in LOGINS.items():
        made[username] = password or secrets.token_urlsafe(9)
        user = User.objects.create_user(username, password=made[username])
        membership_set(user=user, clinic=clinic, role=role)
    made[ADMIN] = password or secrets.token_urlsafe(9)
    admin = User.objects.create_superuser(ADMIN, password=made[ADMIN])
    membership_set(user=admin, clinic=clinic, role=Role.CLINIC_ADMIN)
    _sample_case(clinic, User.objects.get(username="reader"))
    return made


def _sample_case(clinic: Clinic, user: User) -> None:
    """The retina photograph that scikit-image ships (public domain, see its data README), queued for analysis."""
    photograph = resources.files("skimage.data").joinpath("retina.jpg").read_bytes()
    patient = patient_create(
        user=user,
        clinic=clinic,
        record_number="DEMO-1",
        name=_("Sample Patient"),
        sex=Sex.UNKNOWN,
        diabetes_type=DiabetesType.UNKNOWN,
    )
    study = study_create(user=user, clinic=clinic, patient=patient)
    image = image_upload(
        user=user,
        upload=SimpleUploadedFile("retina.jpg", photograph, "image/jpeg"),
        study=study,
        laterality=Laterality.UNKNOWN,
        field=Field.MACULA,
    )
    prediction_request(user=user, image=image, model_name=settings.DRWEB_DEFAULT_MODEL)
