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
from inference.preprocessing import Geometry, to_network
from training.datasets.records import require_file


@dataclass(frozen=True, slots=True)
class Weights:
    """A network in evaluation mode, and what its card says."""

    network: nn.Module
    card: ModelCard

    def lesion_maps(self, rgb: Rgb, fov: FieldOfView) -> NDArray[np.float32]:
        """Probabilities ``C x H x W`` float32 on the photograph's own grid, 0 outside the field of view."""
        logits, geometry = self._run(rgb, fov)
        probability = lesion_probabilities(logits, self.card.network)
        maps = geometry.to_original(probability, rgb.shape)
        return cast("NDArray[np.float32]", maps * fov.mask_for(rgb.shape))

    def grades(self, rgb: Rgb, fov: FieldOfView) -> NDArray[np.float32]:
        """Probabilities of the grades 0 ... 4."""
        return grade_probabilities(self.grade_logits(rgb, fov), self.card.network, self.card.temperature)

    def grade_logits(self, rgb: Rgb, fov: FieldOfView) -> NDArray[np.float32]:
        """The grader's raw outputs."""
        return self._run(rgb, fov)[0]

    @torch.no_grad()
    def _run(self, rgb: Rgb, fov: FieldOfView) -> tuple[NDArray[np.float32], Geometry]:
        norm = self.card.normalisation
        batch, geometry = to_network(rgb, fov, self.card.input_size, norm.mean, norm.std)
        device = next(self.network.parameters()).device
        tensor = torch.from_numpy(batch).contiguous(memory_format=torch.channels_last).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            logits = self.network(tensor)
        return logits[0].float().cpu().numpy(), geometry


def load_weights(folder: Path) -> Weights:
    """Read ``card.json`` and ``model.safetensors``; ``ValueError`` where the digest is not the card's."""
    card = ModelCard.from_json(require_file(folder / "card.json", "weights").read_text(encoding="utf-8"))
    file = require_file(folder / "model.safetensors", "weights")
    if hashlib.sha256(file.read_bytes()).hexdigest() != card.sha256:
        raise ValueError(f"{file} is not the file that its card describes: sha256 differs.")
    network = build(card.network)
    network.load_state_dict(load_file(file))
    return Weights(network.float().eval().to(memory_format=torch.channels_last), card)
