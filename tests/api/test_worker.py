"""The whole way through real code: upload, queue, worker with (tiny, random) networks, result, correction, report."""

from __future__ import annotations

import io
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as PillowImage
from skimage import data

from cases.models import Prediction
from cases.services.analysis import prediction_run_next
from tests.api.conftest import token_of
from tests.factories import Staff
from tests.tiny_weights import INPUT_SIZE, write_tiny_models

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_tiny_models(tmp_path_factory.mktemp("weights"), ("unet", "grader"))


def test_a_real_photograph_goes_the_whole_way(staff: Staff, weights, monkeypatch):
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(weights))
    monkeypatch.setenv("DRWEB_ENGINE", "pytorch")
    client = token_of(staff.reader)
    buffer = io.BytesIO()
    PillowImage.fromarray(data.retina()).save(buffer, "JPEG", quality=95)
    buffer.name = "retina.jpg"
    buffer.seek(0)

    uploaded = client.post("/api//upload_image", {"image": buffer}, format="multipart").json()
    size = (uploaded["width"], uploaded["height"])
    assert size == (1411, 1411)

    worker = SimpleNamespace(sleep=lambda seconds: prediction_run_next(), monotonic=time.monotonic)
    monkeypatch.setattr("cases.api.waiting.time", worker)  # takes its turn whenever the request would sleep
    answer = client.post("/api/choose_model", {"selectedModel": "Unet"}).json()
    assert answer["state"] == "succeeded", answer
    assert answer["image_id"] == uploaded["image_id"]
    assert answer["grade"] == int(np.argmax(answer["probabilities"]))
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-3)
    assert answer["networks"]["segmentation"]["input_size"] == INPUT_SIZE
    masks = {}
    for row in answer["lesions"]:
        masks[row["lesion"]] = client.get(row["mask_url"]).content
        mask = PillowImage.open(io.BytesIO(masks[row["lesion"]]))
        assert (mask.mode, mask.size) == ("1", size)
        assert int(np.asarray(mask).sum()) == row["area_px"] > 0
    overlay = PillowImage.open(io.BytesIO(client.get(answer["images"]["overlay"]).content))
    assert overlay.size == size

    corrected = io.BytesIO(masks["EX"])
    corrected.name = "mask.png"
    fields = {"image": corrected, "lesion": "MA", "base_revision": 0}
    edited = client.post("/api/edit_image", fields, format="multipart").json()
    exudates = next(row for row in answer["lesions"] if row["lesion"] == "EX")
    assert (edited["revision"], edited["area_px"]) == (1, exudates["area_px"])

    words = {"name": "Li Wei", "age": 58, "diagnosis": "See you.", "grade": answer["grade"]}
    report = client.post("/api/generate_report", words)
    assert report.content.startswith(b"%PDF-")
    assert Prediction.objects.filter(image=uploaded["image_id"]).count() == 1
