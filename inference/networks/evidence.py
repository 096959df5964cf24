"""What in a photograph speaks for its grade. A program of its own, so that a worker never keeps PyTorch in memory.

Usage: python -m inference.networks.evidence MODEL_FOLDER < batch.npy > map.npy
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import ResNet

from inference.cards import ModelCard
from inference.networks.grader import LESION_NUMBERS, LesionGrader, lesion_cells, numbers_of_cells
from inference.networks.spec import grade_probabilities

FloatArray = NDArray[np.float32]

_STEPS: Final = 64
_MAP_SIDE: Final = 160


def grade_evidence(network: nn.Module, card: ModelCard, batch: FloatArray) -> FloatArray:
    """How much each place speaks for the most probable grade: ``160 x 160``, 0 and above, for ``1 x 3 x S x S`` pixels.

    The log-odds of that grade are taken apart and laid out on the photograph, as density per area:

    - what the ResNet50 sees adds up over the cells of its last layer, by its weights (class activation mapping, Zhou et
      al., CVPR 2016, which is exact where nothing but a mean and linear layers follow);
    - what the lesion network finds is divided among its cells by integrated gradients (Sundararajan et al., ICML 2017)
      from a retina without any lesion.

    What speaks against the grade is left out.
    """
    image = torch.from_numpy(batch)
    with torch.no_grad():
        towards = _towards(network(image)[0].numpy(), card)
    density = torch.zeros(1, 1, _MAP_SIDE, _MAP_SIDE)
    for evidence in _parts(network, image, towards):
        cells = evidence[None, None] * evidence.numel()  # per share of the area, whatever the size of a cell
        density += functional.interpolate(cells, size=density.shape[2:], mode="bilinear")
    return cast(FloatArray, density[0, 0].clamp_min(0).numpy())


def _towards(logits: FloatArray, card: ModelCard) -> Tensor:
    """The gradient of the log-odds of the most probable grade, by logit."""
    grade = int(grade_probabilities(logits, card.network, card.temperature).argmax())

    def log_odds(values: FloatArray) -> float:
        share = float(grade_probabilities(values, card.network, card.temperature)[grade])
        share = min(max(share, 1e-6), 1 - 1e-6)
        return float(np.log(share / (1 - share)))

    step = np.eye(len(logits), dtype=np.float32) * 0.05
    return torch.tensor([(log_odds(logits + s) - log_odds(logits - s)) / 0.1 for s in step], dtype=torch.float32)


def _parts(network: nn.Module, image: Tensor, towards: Tensor) -> list[Tensor]:
    if isinstance(network, LesionGrader):
        weights = towards @ network.fc.weight
        with torch.no_grad():
            cells = lesion_cells(network.lesions(image).sigmoid())
            seen = seen_by_trunk(network.trunk, network.trunk_input(image), weights[LESION_NUMBERS:])
        return [found_in_cells(cells, weights[:LESION_NUMBERS]), seen]
    with torch.no_grad():
        return [seen_by_trunk(cast(ResNet, network), image, towards)]


def seen_by_trunk(trunk: ResNet, image: Tensor, weights: Tensor) -> Tensor:
    """What each cell of the last layer adds to ``weights`` x the trunk's logits, without their constant part."""
    layers = nn.Sequential(*list(trunk.children())[:-2])  # all but the mean and the last layer
    activation = layers(image)[0]
    return torch.einsum("c,chw->hw", weights @ trunk.fc.weight, activation) / activation[0].numel()


def found_in_cells(cells: Tensor, weights: Tensor) -> Tensor:
    """What each of the ``1 x 4 x h x w`` cells adds to ``weights`` x the lesion numbers, starting from empty cells."""
    total = torch.zeros_like(cells)
    for step in range(_STEPS):
        along = (step + 0.5) / _STEPS
        # Small steps at the start: the numbers are logarithms, and change most there.
        point = (cells * along**3).requires_grad_()
        (weights * numbers_of_cells(point)[0]).sum().backward()
        total += cast(Tensor, point.grad) * (3 * along**2 / _STEPS)
    return (total * cells)[0].sum(0)


def main(folder: str) -> None:
    """Read a batch, write its map."""
    from inference.engines.pytorch_engine import load_module
    from inference.registry import CARD_FILE, InstalledModel

    card = ModelCard.from_json((Path(folder) / CARD_FILE).read_text(encoding="utf-8"))
    network = load_module(InstalledModel(card=card, folder=Path(folder)))
    found = grade_evidence(network, card, np.load(io.BytesIO(sys.stdin.buffer.read())))
    np.save(sys.stdout.buffer, found)


if __name__ == "__main__":
    main(*sys.argv[1:])
