"""What a worker does with a claimed photograph, on tiny networks of the real architectures."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

import inference
from cases.choices import Detail, Lesion, PredictionState
from cases.models import Image, Prediction
from cases.selectors.lesion_rules import current_rules
from cases.services.analysis import prediction_run_next
from cases.services.prediction import prediction_cancel, prediction_request
from inference.cards import ModelCard, RuleCertainty
from inference.tiling import DETAILS
from tests.factories import HEIGHT, WIDTH, Staff, staffed_clinic
from tests.tiny_weights import write_tiny_model, write_tiny_models

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def tiny_models(tmp_path_factory) -> Path:
    return write_tiny_models(tmp_path_factory.mktemp("weights"), ("unet", "grader"))


@pytest.fixture
def weights(tiny_models, tmp_path, monkeypatch) -> Path:
    """A weights folder of the test's own, run by PyTorch: nothing is compiled."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for model in tiny_models.iterdir():
        (folder / model.name).mkdir()
        for file in model.iterdir():
            (folder / model.name / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(folder))
    monkeypatch.setenv("DRWEB_ENGINE", "pytorch")
    return folder


@pytest.fixture
def staff() -> Staff:
    staff = staffed_clinic()
    Prediction.objects.all().delete()
    return staff


def requested(staff: Staff) -> Prediction:
    return prediction_request(user=staff.technician, image=staff.image, model_name="Unet")


def test_a_photograph_gets_a_grade_four_masks_and_the_names_of_what_made_them(weights, staff):
    prediction = requested(staff)
    assert prediction_run_next()
    assert not prediction_run_next()
    prediction.refresh_from_db()
    assert prediction.state == PredictionState.SUCCEEDED
    assert prediction.grade == int(np.argmax(prediction.probabilities))
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-4)
    assert {name: prediction.networks[name]["engine"] for name in ("segmentation", "grader")} == {
        "segmentation": "pytorch",
        "grader": "pytorch",
    }
    assert set(prediction.networks["weights"].values()) == {
        prediction.networks[name]["sha256"] for name in ("segmentation", "grader")
    }
    assert {"decode", "grade", "segment", "measure"} <= set(prediction.timings)
    assert [result.lesion for result in prediction.lesions.all()] == Lesion.values
    for result in prediction.lesions.all():
        mask = PillowImage.open(io.BytesIO(result.mask.read()))
        assert (mask.mode, mask.size) == ("1", (WIDTH, HEIGHT))
        assert np.asarray(mask).sum() == result.area_px


def test_areas_that_do_not_count_for_the_rule_are_kept_with_the_result(weights, staff):
    path = weights / "unet" / "card.json"
    card = ModelCard.from_json(path.read_text())
    sure = dataclasses.replace(card, rule_certainty=RuleCertainty({"EX": 1.0, "SE": 1.0, "HE": 1.0, "MA": 0.01}))
    path.write_text(sure.to_json())
    prediction = requested(staff)
    prediction_run_next()
    prediction.refresh_from_db()
    assert prediction.networks["segmentation"]["rule_certainty"]["HE"] == 1.0
    kept = {result.lesion: result for result in prediction.lesions.all()}
    assert kept["HE"].count > 0
    assert kept["HE"].unsure == list(range(kept["HE"].count))
    assert kept["MA"].unsure == []
    assert (prediction.rule_grade, [finding["code"] for finding in prediction.rule_findings]) == (
        1,
        ["microaneurysms_only"],
    )
    now = current_rules(staff.image)
    assert json.loads(json.dumps(now.grade.findings_json())) == prediction.rule_findings


def test_how_it_was_asked_for_reaches_the_network_and_is_kept_with_the_result(weights, staff, monkeypatch):
    asked = []

    def analyse(*given, **how):
        asked.append((how["detail"], how["explain"]))
        found = real(*given, **{**how, "explain": False})
        return dataclasses.replace(found, explanation=np.full((20, 30), 9, np.uint8))

    real = inference.analyse
    monkeypatch.setattr(inference, "analyse", analyse)
    prediction = prediction_request(
        user=staff.technician, image=staff.image, model_name="Unet", detail=Detail.HIGH, explain=True
    )
    prediction_run_next()
    prediction.refresh_from_db()
    assert asked == [("high", True)]
    assert prediction.networks["segmentation"]["detail"] == "high"
    assert PillowImage.open(prediction.explanation).size == (30, 20)
    stages = {"queue", "fetch", "load", "decode", "field_of_view", "grade", "segment", "measure", "encode", "notify"}
    assert stages <= set(prediction.timings)
    parts = [seconds for stage, seconds in prediction.timings.items() if stage not in {"queue", "total"}]
    assert prediction.timings["total"] == pytest.approx(sum(parts), abs=1e-3)


def test_details_are_those_of_the_networks():
    assert tuple(Detail.values) == DETAILS


def test_weights_that_were_altered_after_the_request_give_a_sentence_and_never_a_result(weights, staff):
    prediction = requested(staff)
    (weights / "grader" / "model.safetensors").write_bytes(b"something else")
    prediction_run_next()
    prediction.refresh_from_db()
    assert (prediction.state, prediction.error_code) == (PredictionState.FAILED, "weights_altered")
    assert "grader" in prediction.error_sentence
    assert "%(" not in prediction.error_sentence
    assert "Traceback" in prediction.error_detail
    assert prediction.grade is None
    assert not prediction.lesions.exists()


def test_a_newer_version_of_the_weights_makes_a_new_prediction_and_the_old_one_stays(weights, staff):
    first = requested(staff)
    prediction_run_next()
    card = write_tiny_model(weights / "unet", _spec(weights), seed=1, version="0.0.1-test")
    second = requested(staff)
    prediction_run_next()
    second.refresh_from_db()
    assert second.pk != first.pk
    assert second.networks["segmentation"]["sha256"] == card.sha256
    assert second.networks["segmentation"]["version"] == "0.0.1-test"
    first.refresh_from_db()
    assert first.networks["segmentation"]["version"] == "0.0.0-test"


def _spec(weights: Path):
    from inference.registry import find_model

    return find_model("unet").card.network


def test_an_unforeseen_error_sends_the_photograph_back_to_the_queue(weights, staff, monkeypatch):
    prediction = requested(staff)

    def broken(*args, **kwargs):
        raise MemoryError("out of memory")

    monkeypatch.setattr(inference, "analyse", broken)
    prediction_run_next()
    prediction.refresh_from_db()
    assert (prediction.state, prediction.attempts) == (PredictionState.QUEUED, 1)
    assert "out of memory" in prediction.error_detail
    monkeypatch.undo()
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(weights))
    monkeypatch.setenv("DRWEB_ENGINE", "pytorch")
    prediction_run_next()
    prediction.refresh_from_db()
    assert prediction.state == PredictionState.SUCCEEDED


def test_a_worker_stopped_in_mid_photograph_hands_it_back_without_counting(weights, staff, monkeypatch):
    prediction = requested(staff)

    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(inference, "analyse", stopped)
    with pytest.raises(KeyboardInterrupt):
        prediction_run_next()
    prediction.refresh_from_db()
    assert (prediction.state, prediction.attempts) == (PredictionState.QUEUED, 0)


def test_a_result_that_comes_after_the_cancellation_is_dropped(weights, staff, monkeypatch):
    prediction = requested(staff)
    analyse = inference.analyse

    def cancelled_meanwhile(*args, **kwargs):
        prediction_cancel(user=staff.technician, prediction=prediction)
        kwargs["on_stage"] = None
        return analyse(*args, **kwargs)

    monkeypatch.setattr(inference, "analyse", cancelled_meanwhile)
    assert prediction_run_next()
    prediction.refresh_from_db()
    assert prediction.state == PredictionState.CANCELLED
    assert not prediction.lesions.exists()


def test_a_photograph_whose_file_is_gone_fails_after_bounded_attempts(weights, staff):
    prediction = requested(staff)
    Image.objects.filter(pk=staff.image.pk).update(original="originals/gone.jpg")
    while prediction_run_next():
        pass
    prediction.refresh_from_db()
    assert (prediction.state, prediction.error_code) == (PredictionState.FAILED, "given_up")
    assert "FileNotFoundError" in prediction.error_detail
