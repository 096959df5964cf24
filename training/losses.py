"""Losses for lesion masks and grades. Logits in, one number out; targets in [0, 1] (soft targets allowed)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from training.config import ConfigError

# The seed report's weights of EX, SE, HE, MA in its channel-weighted Dice loss.
SEED_CHANNEL_WEIGHTS: Final = (5 / 12, 2 / 3, 3 / 5, 3 / 2)

Loss = Callable[[Tensor, Tensor], Tensor]

# A kind of lesion that covers less than this share of a batch is taken to cover as much: without it, photographs that
# lack the lesion would weigh without bound.
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


def f_score(probability: Tensor, target: Tensor, weights: Sequence[float] | None = None, eps: float = 1e-7) -> Tensor:
    """Soft Dice score (F1) over all channels and pixels at once.

    With ``P = w p`` and ``T = w t`` for the channel weights ``w`` (1 where none are given): ``tp = sum(P T)``, ``fp =
    sum P - tp``, ``fn = sum T - tp``, score ``(2 tp + eps) / (2 tp + fn + fp + eps)``. With weights it is the seed
    report's listing. ``ValueError`` where there is not one weight per channel.
    """
    if weights is not None:
        if len(weights) != probability.shape[1]:
            raise ValueError(f"{len(weights)} channel weights for {probability.shape[1]} channels")
        factor = torch.tensor(weights, dtype=probability.dtype, device=probability.device).view(1, -1, 1, 1)
        probability, target = probability * factor, target * factor
    tp = (probability * target).sum()
    fp, fn = probability.sum() - tp, target.sum() - tp
    return (2 * tp + eps) / (2 * tp + fn + fp + eps)


def soft_dice(probability: Tensor, target: Tensor) -> Tensor:
    """``1 - f_score`` with an ``eps`` of 1: the seed's plain Dice, segmentation-models-pytorch's early ``DiceLoss``."""
    return 1 - f_score(probability, target, eps=1.0)


def seed_weighted_dice(probability: Tensor, target: Tensor) -> Tensor:
    """``1 - f_score`` with the seed report's weights of EX, SE, HE and MA, and its ``eps`` of 1."""
    return 1 - f_score(probability, target, SEED_CHANNEL_WEIGHTS, eps=1.0)


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


def one_class_per_pixel(target: Tensor) -> Tensor:
    """``N x 4 x H x W`` masks to ``N x H x W`` classes: 0 background, then the lesions.

    Where lesions overlap the smaller kind wins (MA over SE over HE over EX).
    """
    classes = torch.zeros(target.shape[0], *target.shape[2:], dtype=torch.long, device=target.device)
    for channel in (0, 2, 1, 3):
        classes[target[:, channel] > 0.5] = channel + 1
    return classes


def _of_sigmoid(loss: Loss) -> Loss:
    return lambda logits, target: loss(logits.sigmoid(), target)


def _of_softmax(loss: Loss) -> Loss:
    """Background + 4 logits and ``N x 4`` masks; the background takes part in the softmax, not in the loss."""

    def of_logits(logits: Tensor, target: Tensor) -> Tensor:
        one_hot = functional.one_hot(one_class_per_pixel(target), logits.shape[1]).movedim(-1, 1)
        return loss(logits.softmax(dim=1)[:, 1:], one_hot[:, 1:].to(logits.dtype))

    return of_logits


def _cross_entropy_dice(logits: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(logits, one_class_per_pixel(target)) + _of_softmax(soft_dice)(logits, target)


# head -> name -> loss of logits and ``N x 4`` masks (``N x 1`` for a head of a single lesion)
SEGMENTATION_LOSSES: Final[dict[str, dict[str, Loss]]] = {
    "multilabel": {
        "focal_dice": focal_dice,
        "dice": _of_sigmoid(soft_dice),
        "seed_weighted_dice": _of_sigmoid(seed_weighted_dice),
    },
    "single": {"focal_dice": focal_dice, "dice": _of_sigmoid(soft_dice)},
    "softmax": {
        "cross_entropy_dice": _cross_entropy_dice,
        "dice": _of_softmax(soft_dice),
        "seed_weighted_dice": _of_softmax(seed_weighted_dice),
    },
}


def segmentation_loss(name: str, head: str) -> Loss:
    """The loss called ``name`` for a network's ``head``; ``ConfigError`` where there is none."""
    known = SEGMENTATION_LOSSES[head.partition(":")[0]]
    if name not in known:
        raise ConfigError(f"loss.name: {name!r} is no loss of the head {head}; known: {', '.join(known)}")
    return known[name]
