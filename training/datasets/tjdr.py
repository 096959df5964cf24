"""TJDR: lesion segmentation with one label map per photograph. Mao et al. 2023, arXiv 2312.15389."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from inference.lesions import Lesion
from training.datasets.records import Record, images_in, require_file, require_folder

VALUES: Final[dict[Lesion, int]] = {"EX": 1, "HE": 2, "MA": 3, "SE": 4}


def read_segmentation(root: Path) -> list[Record]:
    """``{train,test}/image/*`` with label maps ``annotation/<same name>.png`` of the values in ``VALUES``."""
    require_folder(root, "TJDR")
    records = []
    for split in ("train", "test"):
        annotations = require_folder(root / split / "annotation", "TJDR")
        for image in images_in(root / split / "image", "TJDR"):
            label = require_file(annotations / f"{image.stem}.png", "TJDR")
            records.append(
                Record(image, "tjdr", image.stem, split, masks=dict.fromkeys(VALUES, label), mask_values=VALUES)
            )
    return records
