"""What is learnt, and how fast: the optimiser, and encoders that learn more slowly or not at all."""

from __future__ import annotations

import torch
from torch import nn

from training.config import ConfigError, TrainingConfig


def encoder_of(network: nn.Module) -> nn.Module | None:
    """The encoder of a lesion network, bare or inside the wrapper that has it taught; None where there is none."""
    encoder = getattr(getattr(network, "student", network), "encoder", None)
    return encoder if isinstance(encoder, nn.Module) else None


def make_optimiser(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW or plain Adam; norms and biases are not decayed, and the encoder has a learning rate of its own.

    With ``encoder_lr`` 0 the encoder's parameters lose their gradients, as those of ``frozen`` layers do: they are not
    in the optimiser, and no backward pass is spent on them. Raises ``ConfigError`` where ``encoder_lr`` is set for a
    network without an encoder, or where there is no layer of a name in ``frozen``.
    """
    settings = config.optimiser
    encoder = encoder_of(network)
    if encoder is None and settings.encoder_lr != 1:
        raise ConfigError(f"optimiser.encoder_lr: a {config.network.architecture} has no encoder of its own")
    slow = set() if encoder is None else set(encoder.parameters())
    if encoder is not None and settings.encoder_lr == 0:
        encoder.requires_grad_(False)
    for name in settings.frozen:
        _layer(network, name).requires_grad_(False)
    plain = settings.name == "adam"
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            decay = 0.0 if plain or parameter.ndim <= 1 else settings.weight_decay
            groups.setdefault((decay, parameter in slow), []).append(parameter)
    parts = [
        {"params": own, "weight_decay": decay, "lr_share": settings.encoder_lr if is_slow else 1.0}
        for (decay, is_slow), own in groups.items()
    ]
    return (torch.optim.Adam if plain else torch.optim.AdamW)(parts, lr=settings.lr)


def _layer(network: nn.Module, name: str) -> nn.Module:
    try:
        return getattr(network, "student", network).get_submodule(name)
    except AttributeError as error:
        raise ConfigError(f"optimiser.frozen: {error}") from error


def training_mode(network: nn.Module, config: TrainingConfig) -> None:
    """Like ``network.train()``, but the statistics of a frozen encoder stay as they are."""
    network.train()
    encoder = encoder_of(network)
    if encoder is not None and config.optimiser.encoder_lr == 0:
        encoder.eval()
