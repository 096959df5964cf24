"""Losses for lesion masks and grades. Logits in, one number out; targets in [0, 1] (soft targets allowed)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

# The seed report's weights of EX, SE, HE, MA in its channel-weighted Dice loss.
SEED_CHANNEL_WEIGHTS: Final = (5 / 12, 2 / 3, 3 / 5, 3 / 2)

# A kind of lesion that covers less than this share of a batch is taken to cover as much: without it, photographs that
# lack
# the lesion would weigh without bound.
_LEAST_COVER: Final = 5e-4


def focal_bce(logits: Tensor, target: Tensor, gamma: float = 2.0) -> Tensor:
    """``|t - p|^gamma BCE(p, t)``, summed over pixels, per lesion pixel of its channel; mean over channels.

    Focal loss divided by the count of positives: Lin et al. 2017 (arXiv 1708.02002), in the form that takes soft
    targets (Li et al. 2020, arXiv 2006.04388). Dividing per channel lets microaneurysms count as much as exudates.
    """
    axes = (0, 2, 3)
    bce = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    total = ((target - logits.sigmoid()).abs().pow(gamma) * bce).sum(axes)
    pixels = target.numel() / target.shape[1]
    return (total / target.sum(axes).clamp(min=_LEAST_COVER * pixels)).mean()


def smooth_dice(logits: Tensor, target: Tensor, smooth: float = 1.0) -> Tensor:
    """``1 - (2 sum(p t) + s) / (sum p + sum t + s)``, mean over channels, sums over the batch.

    The smooth term in the numerator keeps a gradient against lesions invented where there are none: for an empty
    truth the loss is ``1 - s / (sum p + s)``.
    """
    probability = logits.sigmoid()
    axes = (0, 2, 3)
    overlap = (probability * target).sum(axes)
    total = probability.sum(axes) + target.sum(axes)
    return (1 - (2 * overlap + smooth) / (total + smooth)).mean()


def soft_dice(probability: Tensor, target: Tensor, eps: float = 1e-7) -> Tensor:
    """Plain Dice loss over all channels and pixels at once, as segmentation-models-pytorch's early ``DiceLoss``."""
    return channel_weighted_dice(probability, target, (1.0,) * probability.shape[1], eps)


def channel_weighted_dice(
    probability: Tensor, target: Tensor, weights: Sequence[float] = SEED_CHANNEL_WEIGHTS, eps: float = 1e-7
) -> Tensor:
    """The seed report's Dice loss: prediction and truth are multiplied by their channel's weight first.

    With ``P = w p`` and ``T = w t``: ``tp = sum(P T)``, ``fp = sum P - tp``, ``fn = sum T - tp``, loss ``1 - (2 tp +
    eps) / (2 tp + fn + fp + eps)``.
    """
    factor = torch.tensor(weights, dtype=probability.dtype, device=probability.device).view(1, -1, 1, 1)
    weighted, truth = probability * factor, target * factor
    tp = (weighted * truth).sum()
    fp, fn = weighted.sum() - tp, truth.sum() - tp
    return 1 - (2 * tp + eps) / (2 * tp + fn + fp + eps)


def focal_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Focal BCE plus smooth Dice: the default."""
    return focal_bce(logits, target) + smooth_dice(logits, target)


def distillation(logits: Tensor, teacher_probability: Tensor) -> Tensor:
    """BCE against a teacher's probabilities minus the teacher's entropy, so that 0 is perfect.

    Averaged over pixels with a weight that grows with the teacher's interest, ``0.05 + max(q, p)``: background is
    most of a retina, and would drown the lesions.
    """
    bce = functional.binary_cross_entropy_with_logits(logits, teacher_probability, reduction="none")
    entropy = functional.binary_cross_entropy(teacher_probability, teacher_probability, reduction="none")
    weight = 0.05 + torch.maximum(teacher_probability, logits.detach().sigmoid())
    return ((bce - entropy) * weight).sum() / weight.sum()


def feature_distance(own: Tensor, taught: Tensor) -> Tensor:
    """Mean squared distance to a teacher's features, each channel brought to mean 0 and spread 1 over the batch.

    FitNets, Romero et al. 2015 (arXiv 1412.6550). Sides may differ: the teacher's are scaled to the student's.
    """
    taught = functional.interpolate(taught.float(), size=own.shape[-2:], mode="bilinear", antialias=True)
    standard = functional.batch_norm(taught, None, None, training=True).clamp(-5, 5)
    return functional.mse_loss(own.float(), standard)


SegmentationLoss = Callable[[Tensor, Tensor], Tensor]

SEGMENTATION_LOSSES: Final[dict[str, SegmentationLoss]] = {
    "focal_dice": focal_dice,
    "dice": lambda logits, target: soft_dice(logits.sigmoid(), target),
    "seed_weighted_dice": lambda logits, target: channel_weighted_dice(logits.sigmoid(), target),
}


def softmax_loss(logits: Tensor, target: Tensor, weights: Sequence[float] | None = None) -> Tensor:
    """Cross-entropy plus Dice for the background + 4 head; ``target`` is ``N x 4 x H x W`` bool-like.

    Where lesions overlap the smaller kind wins (MA over SE over HE over EX): a pixel has one class here.
    """
    classes = torch.zeros(target.shape[0], *target.shape[2:], dtype=torch.long, device=target.device)
    for channel in (0, 2, 1, 3):
        classes[target[:, channel] > 0.5] = channel + 1
    one_hot = functional.one_hot(classes, 5).movedim(-1, 1)[:, 1:].to(logits.dtype)
    probability = logits.softmax(dim=1)[:, 1:]
    dice = channel_weighted_dice(probability, one_hot, weights or (1.0,) * 4)
    return functional.cross_entropy(logits, classes) + dice
