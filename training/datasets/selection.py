"""The photographs that a configuration names, as its split manifest deals them out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from training.config import TrainingConfig
from training.datasets import read
from training.datasets.manifest import read_manifest, select
from training.datasets.records import DatasetError, Record
from training.datasets.squares import Square, load_squares


def records_of(config: TrainingConfig, sources: Sequence[str], split: str) -> list[Record]:
    """Records of a configuration's data that its manifest puts into ``split``."""
    root = Path(config.data.root)
    entries = read_manifest(Path(config.data.manifest))
    return select([r for source in sources for r in read(source, root)], entries, data_root=root, split=split)


def squares_of(config: TrainingConfig, sources: Sequence[str], split: str, size: int, cache: Path) -> list[Square]:
    """The same as squares of up to ``size`` pixels; ``DatasetError`` where sources are named and nothing is there."""
    records = records_of(config, sources, split)
    if sources and not records:
        raise DatasetError(
            f"{config.data.manifest} puts no photograph of {', '.join(sources)} into {split}. Write a manifest with: "
            "manage.py datasets merge"
        )
    return load_squares(records, size, cache)
