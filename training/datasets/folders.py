"""Photographs in a folder: alone, or described by a CSV file whose columns are named. EyePACS and its like."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from inference.lesions import Lesion
from training.datasets.records import IMAGE_SUFFIXES, DatasetError, Record, images_in, require_file, require_folder

# "10_left.jpeg": the patient is what stands before the eye.
_PATIENT_AND_EYE = re.compile(r"^(?P<patient>.+)_(left|right)$")
_GRADES: Final = ("0", "1", "2", "3", "4")
_SPLITS: Final = {
    "": "", "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """Column names of a CSV file; "" for what it does not tell.

    Without ``patient`` patients are read off file names like ``10_left``. ``masks``: columns that name mask files.
    """

    image: str = "image"
    grade: str = "grade"
    patient: str = ""
    split: str = ""
    masks: Mapping[Lesion, str] = field(default_factory=dict)


def patient_of(stem: str) -> str:
    """The patient in a file name like ``10_left``; the name itself where it has no eye."""
    match = _PATIENT_AND_EYE.match(stem)
    return match["patient"] if match else stem


def rows_of(table: Path, source: str, wanted: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file that say something in the first of the ``wanted`` columns, each with its place.

    Raises ``DatasetError`` where the file, or a column, is missing, or it is no CSV text.
    """
    with require_file(table, source).open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restval="")
        try:
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            if absent := [name for name in wanted if name not in reader.fieldnames]:
                raise DatasetError(f"{source}: {table} has no column {', '.join(absent)}; it has {reader.fieldnames}.")
            for row in reader:
                values = {name: row[name].strip() for name in wanted}
                if values[wanted[0]]:  # some official tables end in empty rows
                    yield f"{source}: {table} line {reader.line_num}", values
        except (csv.Error, UnicodeDecodeError) as error:
            raise DatasetError(f"{source}: {table} is no CSV file in UTF-8: {error}.") from error


def read_unlabelled(folder: Path, source: str) -> list[Record]:
    """Photographs in ``folder`` (or its ``images``), with neither grade nor masks."""
    require_folder(folder, source)
    images = images_in(folder / "images" if (folder / "images").is_dir() else folder, source)
    return [Record(image=image, source=source, patient=patient_of(image.stem)) for image in images]


def read_table(
    images: Path, table: Path, source: str, columns: Columns, official_split: str = "", collection: str = ""
) -> list[Record]:
    """Photographs named by a CSV file, with what its columns tell: ICDR grade 0 ... 4, patient, split, masks.

    Mask files are named relative to the table; an empty cell says that the lesion is absent. Raises ``DatasetError``
    for a missing column or file, a grade that is no number from 0 to 4, or an unknown split.
    """
    require_folder(images, source)
    told = (columns.image, columns.grade, columns.patient, columns.split, *columns.masks.values())
    records = []
    for where, row in rows_of(table, source, [name for name in told if name]):
        grade = row[columns.grade] if columns.grade else None
        if grade is not None and grade not in _GRADES:
            raise DatasetError(f"{where}: grade {grade!r} is not 0, 1, 2, 3 or 4.")
        split = row[columns.split].lower() if columns.split else official_split
        if split not in _SPLITS:
            raise DatasetError(f"{where}: split {split!r} is not train, val or test.")
        image = _find_image(images, row[columns.image], where)
        masks = {lesion: row[name] for lesion, name in columns.masks.items() if row[name]}
        records.append(
            Record(
                image=image,
                source=source,
                patient=row[columns.patient] if columns.patient else patient_of(image.stem),
                official_split=_SPLITS[split],
                grade=None if grade is None else int(grade),
                masks={lesion: require_file(table.parent / name, where) for lesion, name in masks.items()}
                if columns.masks
                else None,
                collection=collection,
            )
        )
    if not records:
        raise DatasetError(f"{source}: {table} names no photographs.")
    return records


def read_eyepacs(root: Path, source: str = "eyepacs") -> list[Record]:
    """EyePACS (Kaggle 2015): ``trainLabels.csv`` and ``train/``, or ``labels.csv`` with patients and ``images/``.

    Where Kaggle's ``retinopathy_solution.csv`` and ``test/`` are there, they are the official test set.
    """
    require_folder(root, source)
    if (root / "labels.csv").is_file():
        columns = Columns(patient="patient")
        return read_table(root / "images", root / "labels.csv", source, columns, collection="eyepacs")
    parts = [("train", "trainLabels.csv")]
    if (root / "test").is_dir():
        parts.append(("test", "retinopathy_solution.csv"))
    return [
        record
        for part, table in parts
        for record in read_table(root / part, root / table, source, Columns(grade="level"), part, "eyepacs")
    ]


def read_aptos2019(root: Path) -> list[Record]:
    """APTOS 2019 (Kaggle): ``train.csv`` and ``train_images/``; its test set has no public grades."""
    require_folder(root, "aptos2019")
    return read_table(root / "train_images", root / "train.csv", "aptos2019", Columns("id_code", "diagnosis"), "train")


def read_messidor2(root: Path, table: str = "grades.csv", columns: Columns | None = None) -> list[Record]:
    """Messidor-2: ``IMAGES/``, and grades from a CSV file of the user's choice (the data set comes without any).

    The file is ``grades.csv`` with the columns image and grade, unless a ``dataset.toml`` names another.
    """
    require_folder(root, "messidor2")
    return read_table(root / "IMAGES", root / table, "messidor2", columns or Columns())


def _find_image(folder: Path, name: str, where: str) -> Path:
    for suffix in ("", *IMAGE_SUFFIXES):
        if (folder / f"{name}{suffix}").is_file():
            return folder / f"{name}{suffix}"
    raise DatasetError(f"{where}: photograph not found: {folder / name}.")
