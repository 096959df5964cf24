import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from inference.cards import Normalisation
from inference.networks import NetworkSpec, build
from inference.networks.grader import lesion_numbers
from inference.preprocessing import normalise, resize_square
from tests.training.test_grading import SIDE, photograph
from training import lesion_grader
from training.config import DistillationConfig, InputConfig, TrainingConfig

LESIONS = NetworkSpec("unet", "resnet18", 3, (16, 8, 8))
SPEC = NetworkSpec("lesion_resnet50", "resnet18", 3, (16, 8, 8), head="classes")
HALF = Normalisation(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def test_lesion_numbers_grow_with_what_is_found():
    nothing, one, many = (
        torch.full((1, 4, 96, 96), 1e-4),
        torch.full((1, 4, 96, 96), 1e-4),
        torch.full((1, 4, 96, 96), 0.9),
    )
    one[:, 2, 5, 5] = 0.9
    numbers = [lesion_numbers(each)[0].reshape(3, 4) for each in (nothing, one, many)]
    assert (numbers[1][:, 2] > numbers[0][:, 2]).all()
    assert torch.equal(numbers[1][:, [0, 1, 3]], numbers[0][:, [0, 1, 3]])
    assert (numbers[2] > numbers[1]).all()


def test_a_fitted_grader_keeps_its_parts_and_reads_the_photographs(tmp_path, monkeypatch):
    torch.manual_seed(0)
    parts = {"lesions": build(LESIONS), "trunk": build(NetworkSpec("resnet50", "resnet50", head="classes"))}
    for name, part in parts.items():
        (tmp_path / name).mkdir()
        save_file(part.state_dict(), tmp_path / name / "model.safetensors")
    squares = []
    for index in range(60):
        square = photograph(index, index % 5)
        square.rgb[:] = 40 * (index % 5) + np.random.default_rng(index).integers(0, 12, (SIDE, SIDE, 3))
        squares.append(square)
    monkeypatch.setattr(lesion_grader, "squares_of", lambda *_: squares)
    config = TrainingConfig(
        "toy",
        SPEC,
        InputConfig(size=96, normalisation=HALF),
        distillation=DistillationConfig(teacher=str(tmp_path / "lesions")),
    )
    tensors = lesion_grader.fit_lesion_grader(config, tmp_path / "trunk", tmp_path / "cache")
    for name, part in parts.items():
        for key, tensor in part.state_dict().items():
            assert torch.equal(tensors[f"{name}.{key}"], tensor)
    network = build(SPEC).eval()
    network.load_state_dict(tensors)
    images = [normalise(resize_square(s.rgb, 96), HALF.mean, HALF.std) for s in squares]
    with torch.no_grad():
        predicted = network(torch.from_numpy(np.stack(images))).argmax(1).numpy()
    assert (predicted == np.arange(60) % 5).mean() > 0.7


def test_only_a_lesion_aware_network_is_fitted(tmp_path):
    config = TrainingConfig("toy", NetworkSpec("resnet50", "resnet50", head="classes"), InputConfig(size=96))
    with pytest.raises(ValueError, match="lesion_resnet50"):
        lesion_grader.fit_lesion_grader(config, tmp_path, tmp_path)
