"""What lies in inference/weights is what its cards and the documentation say."""

import hashlib

import pytest
from safetensors import safe_open

from inference.cards import ModelCard
from inference.networks import build
from tests.conftest import REPOSITORY
from training.model_card import render

WEIGHTS = REPOSITORY / "inference" / "weights"
FOLDERS = sorted(path.parent for path in WEIGHTS.glob("*/card.json"))


def card_of(folder):
    return ModelCard.from_json((folder / "card.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_folder_holds_the_file_of_its_card(folder):
    card, file = card_of(folder), folder / "model.safetensors"
    assert card.name == folder.name
    assert hashlib.sha256(file.read_bytes()).hexdigest() == card.sha256
    assert file.stat().st_size < 95e6
    with safe_open(file, framework="pt") as tensors:
        slices = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118 - no mapping
        shapes = {name: (part.get_shape(), part.get_dtype()) for name, part in slices.items()}
    expected = build(card.network).state_dict()
    assert {name: list(tensor.shape) for name, tensor in expected.items()} == {n: s for n, (s, _) in shapes.items()}
    assert all(dtype == ("F16" if expected[n].is_floating_point() else "I64") for n, (_, dtype) in shapes.items())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_card_tells_data_licences_and_figures(folder):
    card = card_of(folder)
    assert card.training_data
    assert all(source.licence and source.images > 0 for source in card.training_data)
    figure = card.validation["lesions"]["mean"]["ap"] if card.kind == "segmentation" else card.validation["macro_auc"]
    assert 0 < figure < 1


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_documentation_says_what_the_card_says(folder):
    text = (REPOSITORY / "docs" / "models" / f"{folder.name}.md").read_text(encoding="utf-8")
    assert text == render(card_of(folder))


def test_all_weights_together_are_small_enough_to_keep_in_the_repository():
    assert sum(path.stat().st_size for path in WEIGHTS.glob("*/*")) < 260e6
