"""IDRiD: lesion segmentation (part A), grading (B), localisation (C).

Porwal et al., Data 2018 3(3):25, doi 10.3390/data3030025, CC BY 4.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from inference.lesions import LESIONS, Lesion
from training.datasets.folders import Columns, read_table, rows_of
from training.datasets.records import DatasetError, Record, images_in, require_file, require_folder

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
        for own in _OFFICIAL_FOLDERS.values():
            require_folder(truths / folder / own, "IDRiD segmentation")
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


def read_grading(root: Path) -> list[Record]:
    """Part B: photographs with ICDR grade, in the official layout (``B. Disease Grading/...``)."""
    part = require_folder(
        root / "B. Disease Grading" if (root / "B. Disease Grading").is_dir() else root, "IDRiD grading"
    )
    tables = {
        "train": "a. IDRiD_Disease Grading_Training Labels.csv",
        "test": "b. IDRiD_Disease Grading_Testing Labels.csv",
    }
    columns = Columns(image="Image name", grade="Retinopathy grade")
    records: list[Record] = []
    for split, folder in _OFFICIAL_SETS.items():
        images = part / "1. Original Images" / folder
        records += read_table(images, part / "2. Groundtruths" / tables[split], "idrid_grading", columns, split)
    return records


def read_localisation(root: Path) -> dict[Path, dict[str, tuple[float, float]]]:
    """Part C: per photograph the centres (x, y in its pixels) of ``disc`` and ``fovea``, in the official layout."""
    part = require_folder(
        root / "C. Localization" if (root / "C. Localization").is_dir() else root, "IDRiD localisation"
    )
    truths = part / "2. Groundtruths"
    tables = {
        ("train", "disc"): "1. Optic Disc Center Location/a. IDRiD_OD_Center_Training Set_Markups.csv",
        ("test", "disc"): "1. Optic Disc Center Location/b. IDRiD_OD_Center_Testing Set_Markups.csv",
        ("train", "fovea"): "2. Fovea Center Location/IDRiD_Fovea_Center_Training Set_Markups.csv",
        ("test", "fovea"): "2. Fovea Center Location/IDRiD_Fovea_Center_Testing Set_Markups.csv",
    }
    centres: dict[Path, dict[str, tuple[float, float]]] = {}
    for (split, landmark), name in tables.items():
        folder = part / "1. Original Images" / _OFFICIAL_SETS[split]
        for where, row in rows_of(truths / name, "IDRiD localisation", ["Image No", "X- Coordinate", "Y - Coordinate"]):
            image = require_file(folder / f"{row['Image No']}.jpg", "IDRiD localisation")
            try:
                point = (float(row["X- Coordinate"]), float(row["Y - Coordinate"]))
            except ValueError:
                raise DatasetError(f"{where}: the coordinates of {row['Image No']} are no numbers.") from None
            centres.setdefault(image, {})[landmark] = point
    return centres
