"""A run's folder: configuration, provenance, metrics, checkpoints; a kill at any moment costs little."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from training.config import ConfigError, differences, load_config
from training.datasets.manifest import manifest_hash
from training.processes import is_first_process

_CHECKPOINT = "checkpoint.safetensors"
_BEST = "best.safetensors"


class RunFolder:
    """Configuration, provenance (``run.json``), ``metrics.jsonl``, TensorBoard events, checkpoints, pictures.

    Of several training processes only the first one writes. Raises ``ConfigError`` where the folder holds a run that
    was begun with other settings or on another split.
    """

    def __init__(self, path: Path, config_file: Path, manifest: Path | None = None) -> None:
        self.path = path
        self._board: SummaryWriter | None = None
        if not is_first_process():
            return
        path.mkdir(parents=True, exist_ok=True)
        split = manifest_hash(manifest) if manifest else None
        if (path / "config.toml").exists():
            self._refuse_another(config_file, split)
            return
        facts = {
            "git_revision": _git_revision(),
            "manifest_sha256": split,
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "torch": torch.__version__,
        }
        # The configuration last: a folder that has one has the rest.
        _write(path / "run.json", json.dumps(facts, indent=2) + "\n")
        _write(path / "config.toml", config_file.read_text(encoding="utf-8"))

    def _refuse_another(self, config_file: Path, split: str | None) -> None:
        begun = self.path / "config.toml"
        advice = "Continue with the settings that it was begun with, or name another run folder."
        if begun.read_bytes() != config_file.read_bytes() and (
            changes := differences(load_config(begun), load_config(config_file))
        ):
            raise ConfigError(
                f"{self.path} was begun with other settings (there, in {config_file}): {'; '.join(changes)}. {advice}"
            )
        was = json.loads((self.path / "run.json").read_text(encoding="utf-8"))["manifest_sha256"]
        if was != split:
            raise ConfigError(
                f"{self.path} was begun on another split: its manifest had sha256 {was}, this one has {split}. {advice}"
            )

    @property
    def metrics(self) -> Path:
        """One JSON object per line: a step, and what was measured at it."""
        return self.path / "metrics.jsonl"

    def begin(self, step: int) -> None:
        """Open the logs at ``step``; what a killed run logged beyond it is forgotten, as it will be logged again."""
        if self.metrics.is_file():
            kept = [line for line in _whole_lines(self.metrics) if json.loads(line)["step"] <= step]
            _write(self.metrics, "".join(kept))
        self._board = SummaryWriter(str(self.path / "tensorboard"), purge_step=step + 1)

    def log(self, step: int, values: dict[str, float]) -> None:
        """Append one line of metrics, and show them in TensorBoard."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **{k: round(v, 6) for k, v in values.items()}}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    @property
    def checkpoint(self) -> Path:
        """Where the resumable state lies."""
        return self.path / _CHECKPOINT

    @property
    def best(self) -> Path:
        """Where the weights with the best validation figure lie."""
        return self.path / _BEST


def save_tensors(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and JSON facts to one safetensors file, atomically."""
    scratch = path.with_suffix(".tmp")
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(plain, scratch, metadata={"facts": json.dumps(facts)})
    with scratch.open("rb") as file:
        os.fsync(file.fileno())
    scratch.replace(path)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what ``save_tensors`` wrote."""
    with safe_open(path, framework="pt") as file:
        facts = json.loads((file.metadata() or {}).get("facts", "{}"))
        return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118 - no mapping


def save_checkpoint(
    path: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, facts: dict[str, Any]
) -> None:
    """The whole state of a run."""
    tensors = {f"network/{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"average/{k}": v for k, v in average.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{index}/{k}": torch.as_tensor(v) for k, v in state.items()}
    save_tensors(path, tensors, facts)


def load_checkpoint(
    path: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> dict[str, Any]:
    """Put a run back where ``save_checkpoint`` left it; its facts."""
    tensors, facts = load_tensors(path)
    network.load_state_dict(_under("network/", tensors))
    average.load_state_dict(_under("average/", tensors))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under("optimiser/", tensors).items():
        index, key = name.split("/")
        # Networks are channels-last, and so were their moments: another layout is slower, and rounds differently.
        layout = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
        state.setdefault(int(index), {})[key] = tensor.contiguous(memory_format=layout)
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return facts


def _write(path: Path, text: str) -> None:
    scratch = path.with_suffix(".tmp")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


def _whole_lines(path: Path) -> list[str]:
    # The last line of a killed run may be half a line.
    return [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _git_revision() -> str:
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()
