"""A data set of one's own: photographs, perhaps a CSV file, and a ``dataset.toml`` that says what is what."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from inference.lesions import LESIONS, Lesion
from training.config import parse_settings
from training.datasets.folders import Columns, patient_of, read_table
from training.datasets.records import IMAGE_SUFFIXES, DatasetError, Record, images_in, require_folder

DESCRIPTION: Final = "dataset.toml"


@dataclass(frozen=True, slots=True)
class PerLesion:
    """A name for each lesion; "" where there is none."""

    EX: str = ""
    SE: str = ""
    HE: str = ""
    MA: str = ""

    def named(self) -> dict[Lesion, str]:
        """Those that are there."""
        return {lesion: getattr(self, lesion) for lesion in LESIONS if getattr(self, lesion)}


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """Columns of the CSV file; "" for what it does not tell. ``masks``: columns that name mask files."""

    image: str = "image"
    grade: str = ""
    patient: str = ""
    split: str = ""
    masks: PerLesion = field(default_factory=PerLesion)


@dataclass(frozen=True, slots=True)
class Description:
    """The content of a ``dataset.toml``; paths are relative to it.

    ``images``: folder of the photographs. ``table``: CSV file that names them; "" for all in the folder.
    ``mask_folders``: per lesion a folder of masks with the photographs' names (``a.jpg``: ``a.png`` or ``a_EX.png``);
    no file there means that the lesion is absent. ``collection``: name of a collection with the same patients, for
    instance "eyepacs". ``title``, ``licence``, ``origin`` are for model cards.
    """

    images: str = "images"
    table: str = ""
    columns: ColumnNames = field(default_factory=ColumnNames)
    mask_folders: PerLesion = field(default_factory=PerLesion)
    collection: str = ""
    title: str = ""
    licence: str = "undocumented"
    origin: str = "undocumented"


def read_description(folder: Path) -> Description:
    """The description in ``folder``; ``DatasetError`` where it is missing or wrong, naming the setting."""
    path = folder / DESCRIPTION
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return parse_settings(Description, raw)
    except FileNotFoundError:
        raise DatasetError(f"description of a data set not found: {path}.") from None
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{path}: {error}") from error


def read_described(folder: Path, source: str) -> list[Record]:
    """The records of the data set that ``folder`` holds and its ``dataset.toml`` describes."""
    about = read_description(folder)
    names = about.columns
    images = require_folder(folder / about.images, source)
    if about.table:
        columns = Columns(names.image, names.grade, names.patient, names.split, names.masks.named())
        records = read_table(images, folder / about.table, source, columns, collection=about.collection)
    else:
        records = [
            Record(image=image, source=source, patient=patient_of(image.stem), collection=about.collection)
            for image in images_in(images, source)
        ]
    folders = {lesion: require_folder(folder / name, source) for lesion, name in about.mask_folders.named().items()}
    if not folders:
        return records
    return [
        dataclasses.replace(record, masks={**(record.masks or {}), **_masks(record, folders)}) for record in records
    ]


def _masks(record: Record, folders: dict[Lesion, Path]) -> dict[Lesion, Path]:
    stem = record.image.stem
    found = {}
    for lesion, folder in folders.items():
        names = [f"{name}{suffix}" for name in (stem, f"{stem}_{lesion}") for suffix in IMAGE_SUFFIXES]
        mask = next((folder / name for name in names if (folder / name).is_file()), None)
        if mask is not None:
            found[lesion] = mask
    return found
