"""The grading networks: torchvision's ResNet50, alone or beside a lesion network."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet50

from inference.networks import segmentation
from inference.networks.spec import GRADES, NetworkSpec

_CELL = 32
_HIGHEST_CELLS = 5
_PRESENT = 0.3
_TRUNK_SIDE = 256
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def build(spec: NetworkSpec) -> nn.Module:
    """A network from ``N x 3 x S x S`` to ``N x 5`` grade logits (``classes``) or ``N x 4`` (``ordinal``)."""
    if spec.architecture == "lesion_resnet50":
        return LesionGrader(spec)
    return resnet50(weights=None, num_classes=spec.outputs)


class LesionGrader(nn.Module):
    """Grades by what a lesion network finds, and by what a ResNet50 sees of the whole photograph.

    Both are inside, so that a grade does not depend on which lesion network a reader chose. The input is normalised
    with mean and standard deviation .5, as the lesion network wants it; ``spec`` names that network's encoder and
    decoder widths.
    """

    trunk_scale: Tensor
    trunk_shift: Tensor

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.lesions = segmentation.build(dataclasses.replace(spec, architecture="unet", head="multilabel"))
        self.trunk = resnet50(weights=None, num_classes=GRADES)
        self.fc = nn.Linear(LESION_NUMBERS + GRADES, spec.outputs)
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in _IMAGENET)
        # From the lesion network's normalisation to the trunk's.
        self.register_buffer("trunk_scale", 0.5 / std, persistent=False)
        self.register_buffer("trunk_shift", (0.5 - mean) / std, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Grade logits."""
        logits: Tensor = self.fc(self.features(image))
        return logits

    def features(self, image: Tensor) -> Tensor:
        """What the last layer weighs: ``N x 17``, the lesion numbers and the trunk's logits."""
        return torch.cat([lesion_numbers(self.lesions(image).sigmoid()), self.trunk(self.trunk_input(image))], dim=1)

    def trunk_input(self, image: Tensor) -> Tensor:
        """The whole photograph as the trunk wants it: ``N x 3 x 256 x 256``."""
        small = functional.interpolate(
            functional.avg_pool2d(image, 2), size=(_TRUNK_SIDE, _TRUNK_SIDE), mode="bilinear"
        )
        return small * self.trunk_scale + self.trunk_shift


LESION_NUMBERS = 12


def lesion_numbers(probability: Tensor) -> Tensor:
    """Lesion probabilities ``N x 4 x S x S`` to ``N x 12``: logarithms of three figures per lesion.

    Of cells of 32 x 32 pixels, each standing for its highest probability: the mean, the mean of the five highest, and
    the share of cells above .3 (softly counted). Logarithms, because the first lesions weigh most in the ICDR scale.
    """
    return numbers_of_cells(lesion_cells(probability))


def lesion_cells(probability: Tensor) -> Tensor:
    """The highest probability of each cell: ``N x 4 x S x S`` to ``N x 4 x S/32 x S/32``."""
    return functional.max_pool2d(probability.float(), _CELL)


def numbers_of_cells(cells: Tensor) -> Tensor:
    """The second half of `lesion_numbers`."""
    cells = cells.flatten(2)
    highest = cells.topk(_HIGHEST_CELLS, dim=2).values.mean(2)
    share = ((cells - _PRESENT) * 20).sigmoid().mean(2)
    return torch.cat([(cells.mean(2) + 1e-3).log(), (highest + 1e-2).log(), (share + 1e-2).log()], dim=1)
