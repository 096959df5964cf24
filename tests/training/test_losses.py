import math

import numpy as np
import pytest
import torch

from training import losses
from training.config import ConfigError


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 4, 8, 8, generator=generator)
    target = (torch.rand(2, 4, 8, 8, generator=generator) > 0.8).float()
    return logits, target


def test_focal_bce_is_its_formula(batch):
    logits, target = batch
    p, t = torch.sigmoid(logits).double().numpy(), target.double().numpy()
    focal = np.abs(t - p) ** 2 * -(t * np.log(p) + (1 - t) * np.log(1 - p))
    expected = np.mean([focal[:, c].sum() / t[:, c].sum() for c in range(4)])
    assert losses.focal_bce(logits, target).item() == pytest.approx(expected, rel=1e-5)


def test_focal_bce_with_gamma_zero_is_binary_cross_entropy(batch):
    logits, target = batch
    target = torch.ones_like(target)
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    assert losses.focal_bce(logits, target, gamma=0.0).item() == pytest.approx(plain.item(), rel=1e-5)


def test_focal_bce_without_a_lesion_stays_bounded():
    logits = torch.full((1, 4, 64, 64), -4.0)
    loss = losses.focal_bce(logits, torch.zeros_like(logits)).item()
    p = 1 / (1 + math.exp(4))
    assert loss == pytest.approx(p**2 * -math.log(1 - p) / 5e-4, rel=1e-4)


def test_smooth_dice_is_its_formula(batch):
    logits, target = batch
    p, t = torch.sigmoid(logits).double().numpy(), target.double().numpy()
    per_channel = [1 - (2 * (p[:, c] * t[:, c]).sum() + 1) / (p[:, c].sum() + t[:, c].sum() + 1) for c in range(4)]
    assert losses.smooth_dice(logits, target).item() == pytest.approx(np.mean(per_channel), rel=1e-5)


def test_smooth_dice_punishes_a_lesion_invented_where_there_is_none():
    nothing = torch.zeros(1, 4, 8, 8)
    quiet = torch.full((1, 4, 8, 8), -12.0)
    invented = quiet.clone()
    invented[0, 0, 2:5, 2:5] = 4.0
    invented.requires_grad_(True)
    loss = losses.smooth_dice(invented, nothing)
    assert losses.smooth_dice(quiet, nothing).item() < 1e-2
    assert loss.item() > 0.2
    loss.backward()
    assert invented.grad[0, 0, 3, 3] > 0


WEIGHTS = (5 / 12, 2 / 3, 3 / 5, 3 / 2)  # EX, SE, HE, MA


def reported_dice_loss(probability, target, weights=(1, 1, 1, 1), eps=1.0):
    """The seed report's listing, in NumPy."""
    weights = np.array(weights[: target.shape[1]]).reshape(1, -1, 1, 1)
    p, t = probability.double().numpy() * weights, target.double().numpy() * weights
    tp = (p * t).sum()
    fp, fn = p.sum() - tp, t.sum() - tp
    return 1 - (2 * tp + eps) / (2 * tp + fn + fp + eps)


@pytest.mark.parametrize(("name", "weights"), [("seed_weighted_dice", WEIGHTS), ("dice", (1, 1, 1, 1))])
def test_dice_of_sigmoids_is_the_reports_formula(batch, name, weights):
    logits, target = batch
    expected = reported_dice_loss(logits.sigmoid(), target, weights)
    assert losses.segmentation_loss(name, "multilabel")(logits, target).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("name", "weights"), [("seed_weighted_dice", WEIGHTS), ("dice", (1, 1, 1, 1))])
def test_dice_of_a_softmax_is_the_reports_formula_and_nothing_else(batch, name, weights):
    _, target = batch
    target = target * (target.cumsum(1) == 1)  # one lesion per pixel
    logits = torch.randn(2, 5, 8, 8, generator=torch.Generator().manual_seed(1))
    expected = reported_dice_loss(logits.softmax(1)[:, 1:], target, weights)
    assert losses.segmentation_loss(name, "softmax")(logits, target).item() == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_may_stand_beside_the_dice_of_a_softmax(batch):
    _, target = batch
    logits = torch.randn(2, 5, 8, 8, generator=torch.Generator().manual_seed(1))
    classes = losses.one_class_per_pixel(target)
    entropy = torch.nn.functional.cross_entropy(logits, classes).item()
    both = losses.segmentation_loss("cross_entropy_dice", "softmax")(logits, target).item()
    assert both - losses.segmentation_loss("dice", "softmax")(logits, target).item() == pytest.approx(entropy, rel=1e-5)


def test_one_lesion_has_plain_dice_but_no_channel_weights(batch):
    logits, target = (tensor[:, :1] for tensor in batch)
    loss = losses.segmentation_loss("dice", "single:EX")(logits, target).item()
    assert loss == pytest.approx(reported_dice_loss(logits.sigmoid(), target), rel=1e-5)
    with pytest.raises(ConfigError, match="is no loss of the head single:EX; known: focal_dice, dice"):
        losses.segmentation_loss("seed_weighted_dice", "single:EX")
    with pytest.raises(ValueError, match="4 channel weights for 1 channels"):
        losses.seed_weighted_dice(logits.sigmoid(), target)


def test_the_score_is_soft_f1(batch):
    logits, target = batch
    p, t = logits.sigmoid().double().numpy(), target.double().numpy()
    expected = 2 * (p * t).sum() / (p.sum() + t.sum())
    assert losses.f_score(logits.sigmoid(), target).item() == pytest.approx(expected, rel=1e-5)
    nothing = torch.zeros_like(target)
    assert losses.f_score(nothing, nothing).item() == 1.0


def test_distillation_is_nothing_for_a_perfect_student_and_grows_with_the_error(batch):
    logits, _ = batch
    teacher = logits.sigmoid()
    assert losses.distillation(logits, teacher).item() == pytest.approx(0.0, abs=1e-6)
    assert losses.distillation(logits + 1, teacher) > losses.distillation(logits + 0.3, teacher) > 1e-4


def test_softmax_loss_gives_overlapping_pixels_to_the_smaller_kind():
    target = torch.zeros(1, 4, 4, 4)
    target[0, :, 1, 1] = 1.0
    right = torch.full((1, 5, 4, 4), -20.0)
    right[:, 0] = 20.0
    right[0, 0, 1, 1], right[0, 4, 1, 1] = -20.0, 20.0
    wrong = right.clone()
    wrong[0, 4, 1, 1], wrong[0, 1, 1, 1] = -20.0, 20.0
    loss = losses.segmentation_loss("cross_entropy_dice", "softmax")
    assert loss(right, target).item() == pytest.approx(0.0, abs=1e-5)
    assert loss(wrong, target).item() > 0.5


@pytest.mark.parametrize("value", [-60.0, 60.0])
def test_every_loss_is_finite_for_extreme_logits(value):
    target = torch.ones(1, 4, 4, 4)
    for head, channels in (("multilabel", 4), ("single", 1), ("softmax", 5)):
        for loss in losses.SEGMENTATION_LOSSES[head].values():
            truth = target[:, :1] if head == "single" else target
            assert math.isfinite(loss(torch.full((1, channels, 4, 4), value), truth).item())
    assert math.isfinite(losses.distillation(torch.full((1, 4, 4, 4), value), target).item())


def test_features_are_compared_channel_by_channel_whatever_their_scale_and_size():
    taught = torch.randn(2, 3, 8, 8) * torch.tensor([1.0, 50.0, 0.1]).view(1, 3, 1, 1)
    standard = (taught - taught.mean((0, 2, 3), keepdim=True)) / taught.std((0, 2, 3), keepdim=True, correction=0)
    assert losses.feature_distance(standard, taught).item() == pytest.approx(0.0, abs=1e-3)
    assert losses.feature_distance(torch.zeros_like(taught), taught).item() == pytest.approx(1.0, abs=1e-2)
    assert math.isfinite(losses.feature_distance(torch.zeros(2, 3, 4, 4), taught).item())
