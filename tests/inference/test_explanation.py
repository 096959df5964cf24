import cv2
import numpy as np
import pytest
import torch
from skimage import data

from inference.engines.pytorch_engine import load_module
from inference.errors import ModelUnavailable
from inference.explanation import LONGEST_SIDE, explain_grade
from inference.field_of_view import find_field_of_view
from inference.networks import NetworkSpec, build
from inference.networks.evidence import found_in_cells, grade_evidence, seen_by_trunk
from inference.networks.grader import LESION_NUMBERS, numbers_of_cells
from inference.preprocessing import to_network
from inference.registry import InstalledModel, find_model
from tests import tiny_weights

SPEC = NetworkSpec("lesion_resnet50", "resnet18", 3, (16, 8, 8), "classes")


def test_what_the_lesion_network_found_is_divided_without_remainder():
    cells = torch.rand(1, 4, 6, 7) ** 3
    weights = torch.linspace(-1, 1, LESION_NUMBERS)
    parts = found_in_cells(cells, weights)
    assert parts.shape == (6, 7)
    whole = weights @ (numbers_of_cells(cells) - numbers_of_cells(torch.zeros_like(cells)))[0]
    assert float(parts.sum()) == pytest.approx(float(whole), abs=0.05 + 0.02 * abs(float(whole)))


def test_a_lesion_in_one_cell_speaks_from_there():
    cells = torch.zeros(1, 4, 6, 7)
    cells[0, 3, 2, 5] = 0.9
    parts = found_in_cells(cells, torch.ones(LESION_NUMBERS))
    assert divmod(int(parts.argmax()), 7) == (2, 5)
    assert torch.count_nonzero(parts) == 1


def test_what_the_trunk_sees_adds_up_to_its_logits():
    torch.manual_seed(0)
    trunk = build(NetworkSpec("resnet50", "resnet50", head="classes")).eval()
    image = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        seen = seen_by_trunk(trunk, image, torch.tensor([0.0, 1.0, 0.0, -1.0, 0.0]))
        logits = trunk(image)[0] - trunk.fc.bias
    assert seen.shape == (3, 3)
    assert float(seen.sum()) == pytest.approx(float(logits[1] - logits[3]), abs=1e-4)


def test_the_map_lies_on_the_retina_of_the_photograph(tmp_path, monkeypatch):
    monkeypatch.setattr(tiny_weights, "INPUT_SIZE", 96)  # nine cells: it looks for five
    card = tiny_weights.write_tiny_model(tmp_path / "grader", SPEC)
    rgb = cv2.copyMakeBorder(data.retina()[100:-60], 0, 0, 150, 60, cv2.BORDER_CONSTANT)
    fov = find_field_of_view(rgb)
    batch, _ = to_network(rgb, fov, 96, card.normalisation.mean, card.normalisation.std)
    model = InstalledModel(card=card, folder=tmp_path / "grader")

    found = explain_grade(model, batch, fov, rgb.shape)

    scale = LONGEST_SIDE / rgb.shape[1]
    assert found.dtype == np.uint8
    assert found.shape == (round(rgb.shape[0] * scale), LONGEST_SIDE)
    assert found.max() > 240
    assert not found[:, : int((fov.box[0] - 2) * scale)].any()
    assert np.abs(grade_evidence(load_module(model), card, batch)).max() > 0


def test_a_child_that_fails_is_an_error_with_a_sentence(tmp_path):
    broken = InstalledModel(card=find_model("grader").card, folder=tmp_path)
    rgb = data.retina()
    with pytest.raises(ModelUnavailable) as caught:
        explain_grade(broken, np.zeros((1, 3, 64, 64), np.float32), find_field_of_view(rgb), rgb.shape)
    assert caught.value.code == "no_explanation"
