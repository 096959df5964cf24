"""The data sets, each in its official layout, as lists of ``Record``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from training.datasets import folders, idrid
from training.datasets.records import DatasetError, Record

__all__ = ["READERS", "DatasetError", "Record", "read"]

# source name -> reader of the folder of that name under the data root
READERS: Final[dict[str, Callable[[Path], list[Record]]]] = {
    "idrid": idrid.read_segmentation,
    "eyepacs400": lambda root: folders.read_eyepacs(root, "eyepacs400"),
    "normal400": lambda root: folders.read_unlabelled(root, "normal400"),
}


def read(source: str, data_root: Path) -> list[Record]:
    """The records of data set ``source``, found in ``data_root / source``."""
    if source not in READERS:
        raise DatasetError(f"unknown data set {source!r}; known: {', '.join(sorted(READERS))}")
    return READERS[source](data_root / source)
