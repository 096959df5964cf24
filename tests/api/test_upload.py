"""POST /api/upload_image, and what bad pictures get."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import override_settings
from PIL import Image as PillowImage

from cases.models import Image, Study
from cases.selectors.image import latest_image
from cases.services.image import image_decode
from tests.api.conftest import error_of, session_of, token_of
from tests.factories import HEIGHT, WIDTH, MembershipFactory, Staff, fundus_jpeg, fundus_rgb

pytestmark = pytest.mark.django_db


def send(client, content: bytes, name: str = "eye.jpg", address: str = "/api/upload_image", **fields):
    file = io.BytesIO(content)
    file.name = name
    return client.post(address, {"image": file, **fields}, format="multipart")


def encoded(picture: PillowImage.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def fundus() -> PillowImage.Image:
    return PillowImage.fromarray(fundus_rgb())


def stored() -> list[str]:
    folders = [folder for folder in ("originals", "previews") if default_storage.exists(folder)]
    return [name for folder in folders for name in default_storage.listdir(folder)[1]]


def png_claiming(width: int, height: int, row: bytes = b"") -> bytes:
    """A PNG whose header claims a size, with as much data as given."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("address", ["/api/upload_image", "/api//upload_image"])
def test_an_upload_is_answered_with_its_addresses(staff: Staff, address: str):
    client = token_of(staff.technician)
    response = send(client, fundus_jpeg(), address=address)
    assert response.status_code == 200
    answer = response.json()
    image = Image.objects.get(pk=answer["image_id"])
    assert answer.pop("quality")["verdict"] == image.quality_verdict
    assert answer == {
        "message": "The photograph is stored.",
        "image_id": image.pk,
        "study_id": image.study_id,
        "image_url": f"http://testserver/api/images/{image.pk}/original",
        "preview_url": f"http://testserver/api/images/{image.pk}/preview",
        "width": WIDTH,
        "height": HEIGHT,
        "same_file_in": [],
    }
    assert client.get(answer["image_url"]).content == fundus_jpeg()
    assert image.study.clinic == staff.clinic
    assert latest_image(staff.technician) == image


def test_an_upload_goes_to_the_study_that_is_named(staff: Staff):
    response = send(session_of(staff.reader), fundus_jpeg(), study_id=staff.study.pk, laterality="OS", field="macula")
    image = Image.objects.get(pk=response.json()["image_id"])
    assert (image.study, image.laterality, image.field) == (staff.study, "OS", "macula")


def test_who_works_in_two_clinics_has_to_name_a_study(staff: Staff, other: Staff):
    MembershipFactory(user=staff.reader, clinic=other.clinic)
    client = session_of(staff.reader)
    response = send(client, fundus_jpeg())
    assert response.status_code == 400
    assert error_of(response)["code"] == "clinic_needed"
    assert send(client, fundus_jpeg(), study_id=other.study.pk).status_code == 200


def sixteen_bit() -> bytes:
    _ok, png = cv2.imencode(".png", cv2.cvtColor(fundus_rgb().astype(np.uint16) * 257, cv2.COLOR_RGB2BGR))
    return png.tobytes()


def with_alpha() -> bytes:
    return encoded(fundus().convert("RGBA"), "PNG")


def turned() -> bytes:
    exif = PillowImage.Exif()
    exif[274] = 6
    return encoded(PillowImage.fromarray(np.rot90(fundus_rgb())), "JPEG", quality=95, exif=exif)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        pytest.param(lambda: encoded(fundus().convert("CMYK"), "JPEG", quality=95), "eye.jpg", id="cmyk"),
        pytest.param(with_alpha, "eye.png", id="alpha"),
        pytest.param(sixteen_bit, "eye.png", id="16-bit"),
        pytest.param(turned, "eye.jpg", id="turned by exif"),
        pytest.param(lambda: encoded(fundus(), "PNG"), "eye.jpg", id="png named jpg"),
        pytest.param(lambda: encoded(fundus(), "TIFF"), "eye.exe", id="tiff named exe"),
        pytest.param(lambda: encoded(fundus(), "BMP"), "", id="bmp without a name"),
        pytest.param(lambda: encoded(fundus(), "WEBP", lossless=True), "../../../etc/passwd", id="a wicked name"),
        pytest.param(lambda: encoded(fundus(), "PNG"), "眼底照片.png", id="a chinese name"),
    ],
)
def test_whatever_can_be_read_is_kept_upright_and_in_colour(staff: Staff, content, name: str):
    response = send(session_of(staff.technician), content(), name or "x")
    assert response.status_code == 200, response.content
    image = Image.objects.get(pk=response.json()["image_id"])
    assert (image.width, image.height) == (WIDTH, HEIGHT)
    difference = np.abs(image_decode(image=image).rgb.astype(int) - fundus_rgb()).mean()
    assert difference < 5


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        pytest.param(lambda: b"", 400, "empty_file", id="0 bytes"),
        pytest.param(lambda: b"hello, world" * 50, 415, "not_an_image", id="text"),
        pytest.param(lambda: b"%PDF-1.4 ...", 415, "unsupported_format", id="pdf"),
        pytest.param(lambda: b"PK\x03\x04" + bytes(100), 415, "unsupported_format", id="zip"),
        pytest.param(lambda: fundus_jpeg()[: len(fundus_jpeg()) // 2], 400, "truncated_image", id="cut short"),
        pytest.param(lambda: encoded(fundus(), "PNG")[:-2000], 400, "truncated_image", id="png cut short"),
        pytest.param(lambda: png_claiming(30_000, 30_000), 413, "too_many_pixels", id="900 million pixels"),
        pytest.param(lambda: png_claiming(9_000, 9_000, bytes(20_000_000)), 400, "truncated_image", id="zip bomb"),
        pytest.param(lambda: encoded(fundus().resize((60, 40)), "PNG"), 400, "too_small", id="60 x 40"),
        pytest.param(
            lambda: encoded(fundus(), "PNG", save_all=True, append_images=[fundus().rotate(9)]),
            400,
            "animated_image",
            id="animated",
        ),
        pytest.param(
            lambda: encoded(PillowImage.new("RGB", (400, 300), "white"), "PNG"), 400, "not_fundus", id="white"
        ),
    ],
)
def test_bad_pictures_get_one_sentence_and_nothing_stays(staff: Staff, content, status: int, code: str):
    images, studies, files = Image.objects.count(), Study.objects.count(), len(stored())
    response = send(session_of(staff.technician), content())
    assert response.status_code == status
    error = error_of(response)
    assert error["code"] == code
    assert len(error["message"]) < 250
    assert (Image.objects.count(), Study.objects.count(), len(stored())) == (images, studies, files)


@override_settings(DRWEB_MAX_UPLOAD_MB=1)
def test_a_file_over_the_limit_is_refused(staff: Staff):
    response = send(session_of(staff.technician), fundus_jpeg() + bytes(1024 * 1024))
    assert response.status_code == 413
    error = error_of(response)
    assert error["code"] == "file_too_large"
    assert error["details"] == {"limit_mb": 1}


def test_the_file_has_to_be_under_the_key_image(staff: Staff):
    client = session_of(staff.technician)
    for data in ({}, {"file": io.BytesIO(fundus_jpeg())}, {"image": "C:\\eye.jpg"}):
        response = client.post("/api/upload_image", data, format="multipart")
        assert response.status_code == 400
        error = error_of(response)
        assert error["code"] == "invalid"
        assert "multipart" in error["message"]
        assert "image" in error["details"]


def test_a_body_that_is_no_form_is_refused(staff: Staff):
    client = session_of(staff.technician)
    response = client.post("/api/upload_image", {"image": "x"}, format="json")
    assert response.status_code == 415
    assert error_of(response)["code"] == "unsupported_media_type"
    response = client.post("/api/upload_image", b"\xff\xd8 raw", content_type="image/jpeg")
    assert response.status_code == 415
    response = client.post("/api/upload_image", b"garbage", content_type="multipart/form-data; boundary=x")
    assert response.status_code == 400
    assert error_of(response)["code"] in {"invalid", "parse_error"}
    response = client.post("/api/upload_image", b"garbage", content_type="multipart/form-data")
    assert response.status_code == 400


@pytest.mark.parametrize("study_id", ["0", "-1", "abc", "1.5", str(10**30)])
def test_an_id_that_is_none_is_refused(staff: Staff, study_id: str):
    response = send(session_of(staff.technician), fundus_jpeg(), study_id=study_id)
    assert response.status_code in (400, 404)
    assert error_of(response)["code"] in {"invalid", "not_found"}


def test_an_unknown_eye_names_the_known_ones(staff: Staff):
    response = send(session_of(staff.technician), fundus_jpeg(), laterality="left")
    assert response.status_code == 400
    assert "OD, OS, unknown" in error_of(response)["details"]["laterality"][0]
