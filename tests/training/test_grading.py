import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from inference.networks import NetworkSpec
from training.config import BudgetConfig, DataConfig, DistillationConfig, InputConfig, OptimiserConfig, TrainingConfig
from training.datasets.records import Record
from training.datasets.squares import Square
from training.grading import GradingDataset, GradingTask, TaughtGrader, grade_loss
from training.lesion_teaching import FINE, Standardiser

SIDE = 96


def photograph(seed, grade):
    randomness = np.random.default_rng(seed)
    rgb = cv2.resize(randomness.integers(0, 255, (FINE, FINE, 3), dtype=np.uint8), (SIDE, SIDE))
    return Square(Record(Path(f"{seed}.jpg"), "s", str(seed), grade=grade), rgb, None, np.ones((SIDE, SIDE), bool))


def lesson_of(square, features=6):
    """A lesson whose first channel is the picture's green: it must stay under the picture when that is turned."""
    green = cv2.resize(square.rgb[..., 1], (FINE, FINE), interpolation=cv2.INTER_AREA) / 255.0
    return np.stack([green, *np.random.default_rng(1).random((3 + features, FINE, FINE))]).astype(np.float16)


@pytest.fixture
def config():
    return TrainingConfig(
        name="toy",
        network=NetworkSpec("resnet50", "resnet50", head="classes"),
        input=InputConfig(size=64, scale=(0.9, 1.1)),
        data=DataConfig(unlabelled_share=0.3),
        optimiser=OptimiserConfig(batch=4),
        budget=BudgetConfig(steps=100),
        distillation=DistillationConfig(weight=1.0),
    )


@pytest.fixture
def squares():
    return [photograph(i, grade) for i, grade in enumerate([0] * 8 + [4, None])]


def test_lessons_turn_with_their_photograph(config, squares):
    dataset = GradingDataset(config, squares, [lesson_of(s) for s in squares])
    compared = 0
    for index in range(24):
        item = dataset[index]
        if not item["taught"]:
            continue
        # Brightness and colour vary, so the pattern is compared and not the values.
        shown = nn.functional.adaptive_avg_pool2d(item["image"][1][None], FINE).ravel()
        assert np.corrcoef(shown, item["lesson"][0].ravel())[0, 1] > 0.8
        compared += 1
    assert compared > 5


def test_rare_grades_are_shown_more_often_and_ungraded_photographs_as_asked(config, squares):
    dataset = GradingDataset(config, squares, None)
    grades = np.array([int(dataset[index]["grade"]) for index in range(300)])
    assert 0.2 < (grades == -1).mean() < 0.4
    known = grades[grades >= 0]
    # one photograph of grade 4 against eight of grade 0: weights 1 and 8 / sqrt(8)
    assert (known == 4).mean() == pytest.approx(1 / (1 + np.sqrt(8)), abs=0.08)


def test_a_sample_depends_on_seed_and_index_alone(config, squares):
    first, second = GradingDataset(config, squares, None), GradingDataset(config, squares, None)
    second[3]
    assert torch.equal(first[7]["image"], second[7]["image"])


def test_the_trunk_learns_from_grades_and_lessons(config, squares):
    lessons = [lesson_of(s) for s in squares]
    dataset = GradingDataset(config, squares, lessons)
    batch = torch.utils.data.default_collate([dataset[i] for i in range(8)])
    network = TaughtGrader(config.network, fine=4, coarse=2)
    taught = GradingTask(config, squares[:9], Standardiser(lessons)).loss(network, batch)
    weightless = dataclasses.replace(config, distillation=DistillationConfig(weight=0.0))
    alone = GradingTask(weightless, squares[:9], Standardiser(lessons)).loss(network, batch)
    assert torch.isfinite(taught)
    assert taught > alone > 0
    taught.backward()
    assert network.fine_head.weight.grad.abs().sum() > 0
    assert network.student.fc.weight.grad.abs().sum() > 0
    figures = GradingTask(config, squares[:9], None).validate(network.eval())
    assert 0 <= figures["referable_auc"] <= 1
    assert {"score", "macro_auc", "kappa", "accuracy", "log_loss"} <= set(figures)


def test_the_loss_of_five_classes_is_cross_entropy(config):
    logits, grade = torch.randn(6, 5, generator=torch.Generator().manual_seed(2)), torch.tensor([0, 4, 2, 2, 1, 3])
    p = np.exp(logits.double().numpy())
    expected = -np.log(p[np.arange(6), grade] / p.sum(1)).mean()
    assert grade_loss(logits, grade, config).item() == pytest.approx(expected, rel=1e-5)


def test_an_ordinal_head_learns_whether_the_grade_is_above_each_step(config):
    ordinal = dataclasses.replace(config, network=NetworkSpec("resnet50", "resnet50", head="ordinal"))
    logits, grade = torch.randn(3, 4, generator=torch.Generator().manual_seed(2)), torch.tensor([0, 2, 4])
    above = np.array([[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]])
    p = 1 / (1 + np.exp(-logits.double().numpy()))
    expected = -(above * np.log(p) + (1 - above) * np.log(1 - p)).mean()
    assert grade_loss(logits, grade, ordinal).item() == pytest.approx(expected, rel=1e-5)


def test_grades_may_be_shown_as_they_come(config, squares):
    as_they_come = dataclasses.replace(config, data=DataConfig(unlabelled_share=0.0, balance=0.0))
    dataset = GradingDataset(as_they_come, squares, None)
    assert dataset.chances == pytest.approx(np.full(9, 1 / 9))


def test_the_seeds_transforms_give_whole_photographs(config, squares):
    seeded = dataclasses.replace(config, input=InputConfig(size=64, transforms="seed"))
    dataset = GradingDataset(seeded, squares, None)
    item = dataset[2]
    assert item["image"].shape == (3, 64, 64)
    assert item["taught"] == 0
    assert "lesson" not in item
    assert torch.equal(item["image"], dataset[2]["image"])
