"""The data sets, each in its official layout, as lists of ``Record``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from training.datasets import ddr, folders, idrid, tjdr
from training.datasets.described import DESCRIPTION, read_described
from training.datasets.records import DatasetError, Record

__all__ = ["READERS", "DatasetError", "Record", "read"]

# source name -> (folder under the data root, its reader)
READERS: Final[dict[str, tuple[str, Callable[[Path], list[Record]]]]] = {
    "idrid": ("idrid", idrid.read_segmentation),
    "idrid_grading": ("idrid", idrid.read_grading),
    "ddr_segmentation": ("ddr", ddr.read_segmentation),
    "ddr_grading": ("ddr", ddr.read_grading),
    "tjdr": ("tjdr", tjdr.read_segmentation),
    "eyepacs": ("eyepacs", folders.read_eyepacs),
    "eyepacs400": ("eyepacs400", lambda root: folders.read_eyepacs(root, "eyepacs400")),
    "aptos2019": ("aptos2019", folders.read_aptos2019),
    "messidor2": ("messidor2", folders.read_messidor2),
    "normal400": ("normal400", lambda root: folders.read_unlabelled(root, "normal400")),
}


def read(source: str, data_root: Path) -> list[Record]:
    """The records of data set ``source``, found in its folder under ``data_root``.

    Beside those in ``READERS``, any folder with a ``dataset.toml`` is a data set, under its own name.
    """
    folder, reader = READERS.get(source, (source, None))
    if (data_root / folder / DESCRIPTION).is_file():
        return read_described(data_root / folder, source)
    if reader is None:
        raise DatasetError(
            f"unknown data set {source!r}; known: {', '.join(sorted(READERS))}, and folders with a {DESCRIPTION} (none "
            f"is in {data_root / folder})."
        )
    return reader(data_root / folder)
