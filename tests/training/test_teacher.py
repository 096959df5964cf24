import dataclasses

import pytest
import torch

from inference.networks import NetworkSpec
from tests.tiny_weights import write_tiny_models
from training.config import DistillationConfig, InputConfig, TrainingConfig
from training.segmentation import Teacher


@pytest.fixture
def student(tmp_path):
    weights = write_tiny_models(tmp_path, ["unet"]) / "unet"
    return TrainingConfig(
        name="student",
        network=NetworkSpec("unet", "resnet18", 3, (8, 8, 8)),
        input=InputConfig(size=64, crop=48),
        distillation=DistillationConfig(teacher=str(weights)),
    )


def test_a_teacher_that_averages_over_flips_says_the_same_of_mirror_images(student):
    crops = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(5))
    plain = Teacher(student)
    flips = Teacher(dataclasses.replace(student, distillation=dataclasses.replace(student.distillation, flips=True)))
    expected = torch.stack([plain(crops.flip(axes))[0].flip(axes) for axes in ((), (-1,), (-2,), (-2, -1))]).mean(0)
    answer, features = flips(crops)
    torch.testing.assert_close(answer, expected)
    torch.testing.assert_close(flips(crops.flip(-1))[0], answer.flip(-1))
    assert not torch.allclose(plain(crops.flip(-1))[0], plain(crops)[0].flip(-1), atol=1e-3)
    for own, same in zip(features, plain(crops)[1], strict=True):
        torch.testing.assert_close(own, same)
