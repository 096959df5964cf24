"""IDRiD part A (lesion segmentation). Porwal et al., Data 2018 3(3):25, doi 10.3390/data3030025, CC BY 4.0."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from inference.lesions import LESIONS, Lesion
from training.datasets.records import DatasetError, Record, images_in, require_folder

SOURCE: Final = "idrid"

_OFFICIAL_FOLDERS: Final[dict[Lesion, str]] = {
    "MA": "1. Microaneurysms",
    "HE": "2. Haemorrhages",
    "EX": "3. Hard Exudates",
    "SE": "4. Soft Exudates",
}
_OFFICIAL_SETS: Final = {"train": "a. Training Set", "test": "b. Testing Set"}


def read_segmentation(root: Path) -> list[Record]:
    """The photographs with their lesion masks.

    Reads the official archive (``A. Segmentation/1. Original Images/a. Training Set/...``), from ``root`` or its
    folder ``A. Segmentation``, and the flat layout ``images/IDRiD_NN.jpg`` with
    ``masks/<lesion>/IDRiD_NN_<lesion>.png``, which holds the official training set. A missing mask file means that
    the lesion is absent.
    """
    require_folder(root, "IDRiD segmentation")
    if (root / "images").is_dir():
        return _read_flat(root)
    part = root / "A. Segmentation" if (root / "A. Segmentation").is_dir() else root
    originals = require_folder(part / "1. Original Images", "IDRiD segmentation")
    truths = require_folder(part / "2. All Segmentation Groundtruths", "IDRiD segmentation")
    records = []
    for split, folder in _OFFICIAL_SETS.items():
        if not (originals / folder).is_dir():
            continue
        for image in images_in(originals / folder, "IDRiD segmentation"):
            candidates = {
                lesion: truths / folder / _OFFICIAL_FOLDERS[lesion] / f"{image.stem}_{lesion}.tif" for lesion in LESIONS
            }
            records.append(_record(image, candidates, split))
    if not records:
        raise DatasetError(f"IDRiD segmentation: neither {' nor '.join(_OFFICIAL_SETS.values())} found in {originals}.")
    return records


def _read_flat(root: Path) -> list[Record]:
    masks = require_folder(root / "masks", "IDRiD segmentation")
    for lesion in LESIONS:
        require_folder(masks / lesion, "IDRiD segmentation")
    return [
        _record(image, {lesion: masks / lesion / f"{image.stem}_{lesion}.png" for lesion in LESIONS}, "train")
        for image in images_in(root / "images", "IDRiD segmentation")
    ]


def _record(image: Path, candidates: dict[Lesion, Path], split: str) -> Record:
    return Record(
        image=image,
        source=SOURCE,
        patient=image.stem,
        official_split=split,
        masks={lesion: path for lesion, path in candidates.items() if path.is_file()},
    )
