"""From what readers corrected and signed to a new active version, on tiny networks and pictures."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from PIL import Image as PillowImage

from cases.choices import Access, Laterality, NetworkState, PredictionState, Via
from cases.models import HistoryEntry, Image, NetworkVersion
from cases.selectors.network_version import active_versions, known_versions
from cases.services.analysis import prediction_run_next
from cases.services.mask_revision import mask_revision_create
from cases.services.network_version import network_version_activate
from cases.services.prediction import prediction_request
from cases.services.reading import Words
from cases.services.signing import reading_sign
from inference.field_of_view import find_field_of_view
from tests.dying import die
from tests.factories import (
    ImageFactory,
    MaskRevisionFactory,
    PredictionFactory,
    Staff,
    StudyFactory,
    UserFactory,
    fundus_rgb,
    mask_png,
    staffed_clinic,
)
from tests.tiny_weights import spec_of, write_tiny_models
from training.datasets import read
from training.datasets.masks import read_masks

pytestmark = pytest.mark.django_db

BOX = (130, 100, 150, 112)
SECRETS = ("Wang Xiaoming", "R-4711", "NONMYD 7", "2019:05:06")


@pytest.fixture
def staff(settings) -> Staff:
    settings.SECRET_KEY = "flywheel"  # decides who is held back
    return staffed_clinic()


@pytest.fixture
def weights(tmp_path, monkeypatch) -> Path:
    folder = write_tiny_models(tmp_path / "shipped", ("unet", "grader"))
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(folder))
    monkeypatch.setenv("DRWEB_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("DRWEB_ENGINE", "pytorch")
    return folder


def photograph(brightness: float) -> ContentFile:
    """A JPEG of its own, with a name in its EXIF data and text printed beside the retina."""
    rgb = (fundus_rgb() * brightness).astype(np.uint8)
    rgb[:20, :30] = 255
    exif = PillowImage.Exif()
    exif[0x010E], exif[0x0110], exif[0x0132] = f"{SECRETS[0]} {SECRETS[1]}", SECRETS[2], f"{SECRETS[3]} 10:00:00"
    buffer = io.BytesIO()
    PillowImage.fromarray(rgb).save(buffer, "JPEG", quality=95, exif=exif)
    return ContentFile(buffer.getvalue(), name=".jpg")


def signed_photograph(staff: Staff, number: int) -> Image:
    study = StudyFactory(clinic=staff.clinic, patient__name=SECRETS[0], patient__record_number=f"{SECRETS[1]}-{number}")
    image = ImageFactory(
        study=study, laterality=Laterality.OD, original=photograph(1 - number / 20), filename=f"{SECRETS[0]}.jpg"
    )
    PredictionFactory(image=image)
    mask_revision_create(user=staff.reader, image=image, lesion="EX", content=mask_png(BOX))
    mask_revision_create(user=staff.reader, image=image, lesion="SE", content=mask_png((0, 0, 0, 0)))
    reading_sign(user=staff.reader, study=study, words=Words(grade_od=2))
    return image


def exported(staff: Staff, root: Path, held: float = 0.5) -> list[dict[str, str]]:
    call_command("datasets", "export", clinic=staff.clinic.name, out=root / "clinic", held=held)
    with (root / "clinic" / "photographs.csv").open() as file:
        return list(csv.DictReader(file))


def test_an_export_is_in_the_history_of_the_clinic_and_of_no_other(client, staff, tmp_path):
    image, other = signed_photograph(staff, 1), staffed_clinic()
    exported(staff, tmp_path)
    (entry,) = HistoryEntry.objects.filter(access=Access.EXPORTED)
    assert (entry.clinic, entry.patient, entry.study) == (staff.clinic, image.study.patient, image.study)
    assert (entry.actor, entry.via) == (None, Via.SYSTEM)
    for admin, seen in ((staff.clinicadmin, 1), (other.clinicadmin, 0)):
        client.force_login(admin)
        page = client.get("/history/", {"what": Access.EXPORTED})
        assert list(page.context["page"]) == [entry][:seen]


def test_an_export_tells_nothing_of_the_patient_and_keeps_every_pixel_of_the_retina(staff, tmp_path):
    image = signed_photograph(staff, 1)
    signed_photograph(staffed_clinic(), 2)  # another clinic's
    ImageFactory(study__clinic=staff.clinic)  # not signed
    MaskRevisionFactory(prediction=image.predictions.get(), lesion="HE")  # an amendment that is not signed
    (row,) = exported(staff, tmp_path, held=1)
    for lesion in ("EX", "HE", "MA"):
        mask = tmp_path / "clinic" / "masks" / lesion / f"{row['image']}_{lesion}.png"
        assert hashlib.sha256(mask.read_bytes()).hexdigest() == row[lesion]
    assert row["SE"] == ""
    assert (row["eye"], row["grade"], row["split"]) == ("OD", "2", "test")
    for path in (tmp_path / "clinic").rglob("*"):
        told = str(path.relative_to(tmp_path)).encode() + (path.read_bytes() if path.is_file() else b"")
        assert not any(secret.encode() in told for secret in (*SECRETS, str(image.sha256)))
    picture = np.asarray(PillowImage.open(tmp_path / "clinic" / "images" / f"{row['image']}.png"))
    original = np.asarray(PillowImage.open(image.original))
    inside = find_field_of_view(original).mask_for(original.shape)
    assert picture[:20, :30].max() == 0
    assert np.array_equal(picture[100:140, 120:200], original[100:140, 120:200])
    assert inside[100:140, 120:200].all()
    (record,) = read("clinic", tmp_path)
    bits = read_masks(record, picture.shape, find_field_of_view(picture))
    assert (bits & 1).sum() == 20 * 12
    assert set(record.masks) == {"EX", "HE", "MA"}  # the soft exudates were rubbed out
    assert (bits >> 2 & 1).sum() == 10 * 8


def test_who_is_held_back_stays_so_under_another_number(staff, tmp_path):
    for number in range(6):
        signed_photograph(staff, number)
    first, second = (exported(staff, tmp_path / export) for export in ("first", "second"))
    held = [{row["sha256"] for row in rows if row["split"] == "test"} for rows in (first, second)]
    assert held[0] == held[1]
    assert 0 < len(held[0]) < 6
    for column in ("image", "patient"):
        assert not {row[column] for row in first} & {row[column] for row in second}


def test_nothing_to_export_is_said(staff, tmp_path):
    with pytest.raises(CommandError, match="signed yet"):
        exported(staff, tmp_path)
    with pytest.raises(CommandError, match="no clinic"):
        call_command("datasets", "export", clinic="nowhere", out=tmp_path / "clinic")
    assert not list(tmp_path.glob("*clinic*"))
    signed_photograph(staff, 1)
    exported(staff, tmp_path)
    with pytest.raises(CommandError, match="already"):
        exported(staff, tmp_path)


def test_the_whole_circle(client, staff, weights, tmp_path, monkeypatch, caplog):
    # Not every CPU computes in half precision; what is measured here stands for it.
    monkeypatch.setattr("training.proposal.REDUCED", ("cuda", "openvino-f32"))
    for number in range(6):
        signed_photograph(staff, number)
    root, run = tmp_path / "datasets", tmp_path / "runs" / "unet"
    rows = exported(staff, root)
    assert sorted(row["split"] for row in rows) == ["test", "test", "train", "train", "train", "train"]
    call_command("datasets", "merge", "clinic=1/3", root=root, out=tmp_path / "split.csv")
    spec = spec_of("unet")
    config = tmp_path / "unet.toml"
    config.write_text(f"""
name = "unet"
initial_weights = "{weights / "unet" / "model.safetensors"}"
[network]
architecture = "{spec.architecture}"
encoder = "{spec.encoder}"
encoder_depth = {spec.encoder_depth}
decoder_channels = {list(spec.decoder_channels)}
[data]
root = "{root}"
manifest = "{tmp_path / "split.csv"}"
labelled = ["clinic"]
[input]
size = 64
crop = 64
[optimiser]
batch = 2
[budget]
steps = 2
validate_every = 100.0
""")
    call_command("train_segmentation", config=config, run=run, threads=1)
    call_command("models", "propose", str(run), weights_version="2")

    row = NetworkVersion.objects.get()
    assert row.proposed
    assert row.comparison["photographs"] == 2
    for side, version in (("active", "0.0.0-test"), ("proposed", "2")):
        assert row.comparison[side]["version"] == version
        assert 0 <= row.comparison[side]["lesions"]["EX"]["dice"] <= 1
    sources = {source["name"] for source in row.card["training_data"]}
    assert sources == {"none", "Masks corrected and signed in the clinic"}
    record = json.loads((tmp_path / "models" / "unet" / "2" / "engines.json").read_text())
    assert record["sha256"] == row.sha256
    assert {name: facts["photographs"] for name, facts in record["engines"].items()} == {"openvino-f32": 1}
    (known,) = (each for each in known_versions() if each.row)
    assert known.state == NetworkState.PROPOSED
    assert active_versions()["unet"].card.version == "0.0.0-test"

    admin = UserFactory(is_superuser=True)
    client.force_login(admin)
    page = client.get("/networks/").content.decode()
    assert "Measured on 2 photographs that were held back" in page
    network_version_activate(user=admin, name="unet", sha256=row.sha256)
    row.refresh_from_db()
    assert not row.proposed
    prediction = prediction_request(user=staff.technician, image=staff.image, model_name="unet")
    prediction_run_next()
    prediction.refresh_from_db()
    assert prediction.state == PredictionState.SUCCEEDED, prediction.error_detail
    assert prediction.networks["segmentation"]["version"] == "2"
    # Again, where measuring an engine kills its process: that costs the record, and the rest goes on to the end.
    monkeypatch.setattr("training.proposal.measure_engines", die)
    with pytest.raises(CommandError, match="here already"):
        call_command("models", "propose", str(run), weights_version="2")
    assert "not measured: the process died" in caplog.text
