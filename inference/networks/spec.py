"""What a network is made of, and how its outputs become probabilities. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from inference.lesions import LESIONS

SEGMENTATION_ARCHITECTURES: Final = ("unet", "unetplusplus", "manet")
GRADING_ARCHITECTURES: Final = ("resnet50", "lesion_resnet50")
GRADES: Final = 5  # ICDR 0 ... 4

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """Architecture of a network.

    ``head`` of a segmentation network: ``multilabel`` (four sigmoid channels, the default), ``softmax`` (background +
    four) or ``single:EX`` and its like (one sigmoid channel). ``head`` of a grader: ``classes`` (five logits) or
    ``ordinal`` (four logits, "the grade is above k", K. Frank & Hall 2001). A ``lesion_resnet50`` grader holds a U-Net
    of ``encoder``, ``encoder_depth`` and ``decoder_channels`` beside its ResNet50.
    """

    architecture: str
    encoder: str
    encoder_depth: int = 5
    decoder_channels: tuple[int, ...] = ()
    head: str = "multilabel"

    def __post_init__(self) -> None:
        if self.architecture in SEGMENTATION_ARCHITECTURES:
            singles = tuple(f"single:{lesion}" for lesion in LESIONS)
            heads: tuple[str, ...] = ("multilabel", "softmax", *singles)
            if len(self.decoder_channels) != self.encoder_depth:
                raise ValueError(
                    f"decoder_channels needs one width per encoder stage: {self.encoder_depth} stages, "
                    f"{len(self.decoder_channels)} widths"
                )
        elif self.architecture in GRADING_ARCHITECTURES:
            heads = ("classes", "ordinal")
        else:
            raise ValueError(
                f"unknown architecture {self.architecture!r}; known: "
                f"{', '.join(SEGMENTATION_ARCHITECTURES + GRADING_ARCHITECTURES)}"
            )
        if self.head not in heads:
            raise ValueError(f"unknown head {self.head!r} for {self.architecture}; known: {', '.join(heads)}")

    @property
    def is_segmentation(self) -> bool:
        return self.architecture in SEGMENTATION_ARCHITECTURES

    @property
    def outputs(self) -> int:
        """Channels of the network's output."""
        if self.head in ("softmax", "classes"):
            return 5
        if self.head in ("multilabel", "ordinal"):
            return 4
        return 1

    @property
    def lesions(self) -> tuple[str, ...]:
        """The lesions that this network outlines, in the order of its output channels."""
        if not self.is_segmentation:
            return ()
        return (self.head.removeprefix("single:"),) if self.head.startswith("single:") else LESIONS

    @property
    def stride(self) -> int:
        """Input sides must be divisible by this."""
        return 32 if not self.is_segmentation else 2**self.encoder_depth


def lesion_probabilities(logits: FloatArray, spec: NetworkSpec, *, overwrite: bool = False) -> FloatArray:
    """``C x S x S`` logits to ``len(spec.lesions) x S x S`` probabilities in [0, 1].

    With ``overwrite`` the memory of the logits may be used for them: maps of four lesions have millions of numbers, and
    new memory takes longer than the formula.
    """
    if spec.head == "softmax":
        return _softmax(logits, axis=0)[1:]
    return _sigmoid(logits, out=logits if overwrite else None)


def grade_probabilities(logits: FloatArray, spec: NetworkSpec, temperature: float = 1.0) -> FloatArray:
    """Logits of one photograph to the probabilities of grades 0 ... 4, which sum to 1."""
    scaled = np.asarray(logits, dtype=np.float32).reshape(-1) / np.float32(temperature)
    if spec.head == "classes":
        return _softmax(scaled, axis=0)
    above = np.minimum.accumulate(_sigmoid(scaled))  # P(grade > k) cannot grow with k
    padded = np.concatenate([[1.0], above, [0.0]]).astype(np.float32)
    return cast(FloatArray, padded[:-1] - padded[1:])


def _sigmoid(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    result = np.multiply(x, np.float32(0.5), out=out)
    np.tanh(result, out=result)
    result += 1
    result *= 0.5
    return result


def _softmax(x: FloatArray, axis: int) -> FloatArray:
    shifted = np.exp(x - x.max(axis=axis, keepdims=True))
    return cast(FloatArray, shifted / shifted.sum(axis=axis, keepdims=True))
