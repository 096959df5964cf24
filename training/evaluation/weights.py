"""A folder of weights, as a torch network with its card."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from inference.cards import ModelCard
from inference.field_of_view import FieldOfView, Rgb
from inference.networks import build
from inference.networks.spec import grade_probabilities, lesion_probabilities
from inference.preprocessing import Pyramid, crop_to_square, normalise, square_geometry
from inference.tiling import Detail, averaged, mirrors_for, outlined
from training.datasets.records import require_file
from training.precision import mixed_precision

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Weights:
    """A network in evaluation mode, and what its card says.

    ``detail`` and ``flips`` say how a lesion network is run, as in ``inference.analyse``; a grader ignores them.
    """

    network: nn.Module
    card: ModelCard
    detail: Detail = "standard"
    flips: bool = False

    def lesion_maps(self, rgb: Rgb, fov: FieldOfView) -> FloatArray:
        """Probabilities ``C x H x W`` float32 on the photograph's own grid, 0 outside the field of view."""
        network = averaged(self._lesions, mirrors_for(half_turn=self.card.half_turn, flips=self.flips))
        square = Pyramid(cast(Rgb, crop_to_square(rgb, fov)))
        probability = outlined(
            network, lambda size: self._normalised(square, size), square.side, self.card.input_size, self.detail
        )
        maps = square_geometry(fov, probability.shape[-1]).to_original(probability, rgb.shape)
        return cast("FloatArray", maps * fov.mask_for(rgb.shape))

    def grades(self, rgb: Rgb, fov: FieldOfView) -> FloatArray:
        """Probabilities of the grades 0 ... 4."""
        return grade_probabilities(self.grade_logits(rgb, fov), self.card.network, self.card.temperature)

    def grade_logits(self, rgb: Rgb, fov: FieldOfView) -> FloatArray:
        """The grader's raw outputs."""
        square = Pyramid(cast(Rgb, crop_to_square(rgb, fov)))
        return self._run(self._normalised(square, self.card.input_size)[None])

    def _normalised(self, square: Pyramid, size: int) -> FloatArray:
        return normalise(square.scaled(size), self.card.normalisation.mean, self.card.normalisation.std)

    def _lesions(self, batch: FloatArray) -> FloatArray:
        return lesion_probabilities(self._run(batch), self.card.network)

    @torch.no_grad()
    def _run(self, batch: FloatArray) -> FloatArray:
        device = next(self.network.parameters()).device
        tensor = torch.from_numpy(batch).contiguous(memory_format=torch.channels_last).to(device)
        with mixed_precision(device):
            logits = self.network(tensor)
        return cast("FloatArray", logits[0].float().cpu().numpy())


def weights_folder(model: str, under: Path) -> Path:
    """The folder that `model` is, or the one of this name under `under`."""
    folder = Path(model)
    return folder if folder.is_dir() else under / model


def load_weights(folder: Path, *, detail: Detail = "standard", flips: bool = False) -> Weights:
    """Read ``card.json`` and ``model.safetensors``; ``ValueError`` where the digest is not the card's."""
    card = ModelCard.from_json(require_file(folder / "card.json", "weights").read_text(encoding="utf-8"))
    file = require_file(folder / "model.safetensors", "weights")
    if hashlib.sha256(file.read_bytes()).hexdigest() != card.sha256:
        raise ValueError(f"{file} is not the file that its card describes: sha256 differs.")
    network = build(card.network)
    network.load_state_dict(load_file(file))
    return Weights(network.float().eval().to(memory_format=torch.channels_last), card, detail, flips)
