"""DDR: grading and lesion segmentation. Li et al., Information Sciences 501 (2019), doi 10.1016/j.ins.2019.06.011."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from inference.lesions import LESIONS
from training.datasets.records import DatasetError, Record, images_in, require_file, require_folder

# official folder name -> split
_SETS: Final = {"train": "train", "valid": "val", "test": "test"}
# The validation set's label folder has another name than the others'.
_LABEL_FOLDERS: Final = ("label", "segmentation label")
_UNGRADABLE: Final = "5"


def read_segmentation(root: Path) -> list[Record]:
    """``lesion_segmentation/{train,valid,test}/image/*.jpg`` with ``label/<lesion>/*.tif``."""
    part = root / "lesion_segmentation" if (root / "lesion_segmentation").is_dir() else root
    records = []
    for folder, split in _SETS.items():
        base = require_folder(part / folder, "DDR segmentation")
        labels = next((base / name for name in _LABEL_FOLDERS if (base / name).is_dir()), None)
        if labels is None:
            raise DatasetError(f"DDR segmentation: neither {' nor '.join(_LABEL_FOLDERS)} found in {base}.")
        for lesion in LESIONS:
            require_folder(labels / lesion, "DDR segmentation")
        for image in images_in(base / "image", "DDR segmentation"):
            candidates = {lesion: labels / lesion / f"{image.stem}.tif" for lesion in LESIONS}
            masks = {lesion: path for lesion, path in candidates.items() if path.is_file()}
            records.append(Record(image, "ddr_segmentation", image.stem, split, masks=masks, collection="ddr"))
    return records


def read_grading(root: Path) -> list[Record]:
    """``DR_grading/{train,valid,test}/`` with ``<set>.txt`` of "name grade" lines; ungradable ones (5) are left out."""
    part = root / "DR_grading" if (root / "DR_grading").is_dir() else root
    records = []
    for folder, split in _SETS.items():
        images = require_folder(part / folder, "DDR grading")
        table = require_file(part / f"{folder}.txt", "DDR grading")
        for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            name, _, grade = line.strip().rpartition(" ")
            if grade not in {"0", "1", "2", "3", "4", _UNGRADABLE}:
                raise DatasetError(f"DDR grading: {table} line {number}: grade {grade!r} is not a number from 0 to 5.")
            if grade != _UNGRADABLE:
                image = require_file(images / name, "DDR grading")
                records.append(Record(image, "ddr_grading", image.stem, split, grade=int(grade), collection="ddr"))
    return records
