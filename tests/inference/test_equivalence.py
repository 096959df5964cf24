"""The shipped weights on fixed photographs: every engine against float32 PyTorch."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from inference.engines.equivalence import FLOAT32_DIFFERENCE, REDUCED, REFERENCE, read_record
from inference.engines.selection import load_engine
from inference.field_of_view import find_field_of_view
from inference.networks.spec import grade_probabilities, lesion_probabilities
from inference.preprocessing import to_network
from inference.registry import RECORD_FILE, InstalledModel, find_model, installed_models
from tests.tiny_weights import INPUT_SIZE

SHIPPED = sorted(
    path.parent.name for path in (Path(__file__).resolve().parents[2] / "inference" / "weights").glob("*/card.json")
)


@pytest.fixture(autouse=True)
def _shipped(monkeypatch):
    monkeypatch.delenv("DRWEB_WEIGHTS_DIR", raising=False)
    monkeypatch.delenv("DRWEB_ENGINE", raising=False)


def probabilities(model: InstalledModel, engine: str, batch: np.ndarray) -> np.ndarray:
    logits = load_engine(model, engine).run(batch)
    if model.card.kind == "grading":
        return grade_probabilities(logits, model.card.network, model.card.temperature)
    return lesion_probabilities(logits[0], model.card.network)


@pytest.mark.parametrize("name", SHIPPED)
def test_openvino_in_float32_says_what_pytorch_says(name):
    model = find_model(name)
    rgb = data.retina()
    norm = model.card.normalisation
    batch, _ = to_network(rgb, find_field_of_view(rgb), model.card.input_size, norm.mean, norm.std)
    found, expected = (probabilities(model, engine, batch) for engine in ("openvino-f32", REFERENCE))
    assert np.abs(found - expected).max() <= FLOAT32_DIFFERENCE
    assert expected.max() > 0.2, "nothing is found: nothing is compared"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_record_is_one_of_the_shipped_weights(name):
    """After new weights: `manage.py check_engines --record`."""
    model = find_model(name)
    if not (model.folder / RECORD_FILE).exists():
        pytest.skip("nothing is recorded: only engines in float32 run these weights unasked")
    record = read_record(model)
    assert record, "the record is of other weights"
    assert all(measured.within_bounds for engine, measured in record.items() if engine not in REDUCED)


def test_the_default_engine_marks_what_the_reference_marks(shared_data, settings):
    from training.datasets import read
    from training.evaluation.equivalence import compare_engines

    record = next(each for each in read("idrid", shared_data) if each.image.stem == "IDRiD_49")
    name = min(installed_models("segmentation"), key=lambda each: find_model(each).card.input_size)
    model = find_model(name)
    default = load_engine(model)
    measured = compare_engines(model.card, load_engine(model, REFERENCE), [default], [record])[default.name]
    assert measured.dice_change <= 0.02, "one photograph alone may differ by more than all together"
    assert measured.reference_dice["EX"] > 0.3
    assert default.name not in REDUCED or read_record(model)[default.name].within_bounds


class Constant:
    """An engine that says the same of every photograph."""

    name = "cuda"

    def __init__(self, logits: np.ndarray):
        self.logits = logits.astype(np.float32)

    def run(self, _batch: np.ndarray) -> np.ndarray:
        return self.logits


@pytest.mark.parametrize(
    ("name", "healthy"),
    [("unet", np.full((1, 4, INPUT_SIZE, INPUT_SIZE), -9)), ("grader", np.array([[9, 0, 0, 0, 0]]))],
    ids=["unet", "grader"],
)
def test_what_is_no_number_does_not_pass_for_a_healthy_eye(tiny_weights, tmp_path, monkeypatch, name, healthy):
    from training.datasets.records import Record
    from training.evaluation.equivalence import compare_engines

    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tiny_weights))
    Image.fromarray(data.retina()[::4, ::4]).save(tmp_path / "retina.png")
    record = Record(tmp_path / "retina.png", "none", "1", grade=0, masks={})
    reference = Constant(healthy)
    reference.name = REFERENCE
    for logits, same in ((healthy, True), (healthy * np.nan, False)):
        measured = compare_engines(find_model(name).card, reference, [Constant(logits)], [record])
        assert measured["cuda"].within_bounds == same
