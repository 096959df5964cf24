from __future__ import annotations

import hashlib
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image as PillowImage

from cases.choices import Laterality
from cases.errors import ApplicationError, NotAllowed, TooLarge
from cases.models import Image, Study
from cases.selectors.image import field_of_view_of
from cases.services import image as image_service
from cases.services.image import image_decode, image_update, image_upload
from cases.services.laps import Laps
from tests.factories import HEIGHT, WIDTH, MembershipFactory, UserFactory, fundus_jpeg, fundus_rgb, staffed_clinic

pytestmark = pytest.mark.django_db


def upload_of(content: bytes, name: str = "eye.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def stored_files() -> set[str]:
    names = set()
    for folder in ("originals", "previews"):
        if default_storage.exists(folder):
            names |= {f"{folder}/{name}" for name in default_storage.listdir(folder)[1]}
    return names


def test_a_photograph_is_kept_as_it_came_with_its_facts():
    staff = staffed_clinic()
    image = image_upload(
        user=staff.technician, upload=upload_of(fundus_jpeg()), study=staff.study, laterality=Laterality.OD
    )
    assert image.original.read() == fundus_jpeg()
    assert image.sha256 == hashlib.sha256(fundus_jpeg()).hexdigest()
    assert (image.width, image.height, image.file_format) == (WIDTH, HEIGHT, "JPEG")
    assert image.laterality == Laterality.OD
    preview = PillowImage.open(image.preview)
    assert (preview.format, preview.size) == ("JPEG", (WIDTH, HEIGHT))
    assert image_decode(image=image).rgb.shape == (HEIGHT, WIDTH, 3)
    assert abs(field_of_view_of(image).radius - HEIGHT / 2) < 4
    assert set(image.timings) == {"turn", "decode", "field_of_view", "preview", "quality", "store"}


def test_size_and_pixels_are_those_of_the_upright_picture():
    buffer = io.BytesIO()
    exif = PillowImage.Exif()
    exif[274] = 6  # the camera was turned: rotate by 90 degrees to see it upright
    PillowImage.fromarray(np.rot90(fundus_rgb())).save(buffer, "JPEG", quality=95, exif=exif)
    staff = staffed_clinic()
    image = image_upload(user=staff.technician, upload=upload_of(buffer.getvalue()), study=staff.study)
    assert (image.width, image.height) == (WIDTH, HEIGHT)
    difference = np.abs(image_decode(image=image).rgb.astype(int) - fundus_rgb()).mean()
    assert difference < 4


def test_no_more_photographs_are_judged_at_once_than_there_are_processors(monkeypatch):
    at_work, most = [], []
    judge = image_service.decode

    def watched(content, **how):
        at_work.append(content)
        most.append(len(at_work))
        try:
            time.sleep(0.02)
            return judge(content, **how)
        finally:
            at_work.remove(content)

    monkeypatch.setattr(image_service, "decode", watched)
    monkeypatch.setattr(image_service, "_TURNS", threading.BoundedSemaphore(2))
    spoilt = [bytes([number]) * 20 for number in range(3)]  # those that are refused leave their turn to others, too
    with ThreadPoolExecutor(9) as pool:
        waits = [pool.submit(image_service._judge, content, Laps()) for content in [*spoilt, *[fundus_jpeg()] * 6]]
    assert [isinstance(wait.exception(), ApplicationError) for wait in waits] == [True] * 3 + [False] * 6
    assert max(most) == 2


def test_what_is_found_of_a_large_photograph_is_in_its_own_pixels():
    buffer = io.BytesIO()
    large = PillowImage.fromarray(fundus_rgb()).resize((13 * WIDTH, 13 * HEIGHT))
    large.save(buffer, "JPEG")
    staff = staffed_clinic()
    small = image_upload(user=staff.technician, upload=upload_of(fundus_jpeg()), study=staff.study)
    image = image_upload(user=staff.technician, upload=upload_of(buffer.getvalue()), study=staff.study)
    assert (image.width, image.height) == large.size
    assert max(PillowImage.open(image.preview).size) == 2048
    one, other = field_of_view_of(small), field_of_view_of(image)
    assert other.box == pytest.approx([13 * side for side in one.box], abs=2 * 13)
    assert (*other.centre, other.radius) == pytest.approx([13 * each for each in (*one.centre, one.radius)], rel=0.02)
    assert image.quality["measures"]["diameter"] == pytest.approx(13 * small.quality["measures"]["diameter"], rel=0.01)
    for place in ("x", "y"):
        assert image.landmarks["disc"][place] == pytest.approx(13 * small.landmarks["disc"][place], abs=8 * 13)


def test_without_a_study_a_new_one_is_opened_in_the_only_clinic_of_the_uploader():
    staff = staffed_clinic()
    image = image_upload(user=staff.technician, upload=upload_of(fundus_jpeg()))
    assert image.study != staff.study
    assert (image.study.clinic, image.study.patient) == (staff.clinic, None)


def test_who_works_in_two_clinics_has_to_say_which():
    staff, other = staffed_clinic(), staffed_clinic()
    MembershipFactory(user=staff.reader, clinic=other.clinic)
    with pytest.raises(ApplicationError) as refused:
        image_upload(user=staff.reader, upload=upload_of(fundus_jpeg()))
    assert refused.value.code == "clinic_needed"


def test_who_works_nowhere_cannot_upload():
    with pytest.raises(ApplicationError) as refused:
        image_upload(user=UserFactory(), upload=upload_of(fundus_jpeg()))
    assert refused.value.code == "no_clinic"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"hello, this is text", "not_an_image"),
        (fundus_jpeg()[: len(fundus_jpeg()) // 2], "truncated_image"),
    ],
)
def test_a_bad_file_gets_its_sentence_and_leaves_nothing_behind(content, code):
    staff = staffed_clinic()
    rows, files, studies = Image.objects.count(), stored_files(), Study.objects.count()
    with pytest.raises(ApplicationError) as refused:
        image_upload(user=staff.technician, upload=upload_of(content))
    assert refused.value.code == code
    assert str(refused.value.message)
    assert (Image.objects.count(), stored_files(), Study.objects.count()) == (rows, files, studies)


def test_a_file_over_the_limit_is_refused_unread(settings):
    settings.DRWEB_MAX_UPLOAD_MB = 0
    staff = staffed_clinic()
    with pytest.raises(TooLarge) as refused:
        image_upload(user=staff.technician, upload=upload_of(fundus_jpeg()), study=staff.study)
    assert refused.value.details == {"limit_mb": 0}


def test_files_go_away_with_the_row_that_failed(monkeypatch):
    staff = staffed_clinic()
    before, studies = stored_files(), Study.objects.count()

    def refuse(self, *args, **kwargs):
        raise RuntimeError("the database said no")

    monkeypatch.setattr(Image, "save", refuse)
    with pytest.raises(RuntimeError):
        image_upload(user=staff.technician, upload=upload_of(fundus_jpeg()))
    assert stored_files() == before
    assert Study.objects.count() == studies


def test_another_clinics_staff_can_neither_upload_to_a_study_nor_change_its_photographs():
    ours, theirs = staffed_clinic(), staffed_clinic()
    with pytest.raises(NotAllowed):
        image_upload(user=theirs.technician, upload=upload_of(fundus_jpeg()), study=ours.study)
    with pytest.raises(NotAllowed):
        image_update(user=theirs.reader, image=ours.image, laterality=Laterality.OS, field="macula")
