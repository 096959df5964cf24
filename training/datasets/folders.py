"""Photographs in a folder: alone, or graded by a CSV file. EyePACS and its like are described by their columns."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from training.datasets.records import IMAGE_SUFFIXES, DatasetError, Record, images_in, require_file, require_folder

# "10_left.jpeg": the patient is what stands before the eye.
_PATIENT_AND_EYE = re.compile(r"^(?P<patient>.+)_(left|right)$")


@dataclass(frozen=True, slots=True)
class Columns:
    """Column names of a grading CSV; ``patient`` may be empty, then it is read off file names like ``10_left``."""

    image: str = "image"
    grade: str = "grade"
    patient: str = ""


def patient_of(stem: str) -> str:
    """The patient in a file name like ``10_left``; the name itself where it has no eye."""
    match = _PATIENT_AND_EYE.match(stem)
    return match["patient"] if match else stem


def read_unlabelled(folder: Path, source: str) -> list[Record]:
    """Photographs in ``folder`` (or its ``images``), with neither grade nor masks."""
    require_folder(folder, source)
    images = images_in(folder / "images" if (folder / "images").is_dir() else folder, source)
    return [Record(image=image, source=source, patient=patient_of(image.stem)) for image in images]


def read_graded(images: Path, table: Path, source: str, columns: Columns, official_split: str = "") -> list[Record]:
    """Photographs named by a CSV file with their ICDR grade 0 ... 4.

    Raises ``DatasetError`` for a missing column or photograph, or a grade that is no number from 0 to 4.
    """
    require_folder(images, source)
    with require_file(table, source).open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        wanted = [name for name in (columns.image, columns.grade, columns.patient) if name]
        if absent := [name for name in wanted if name not in (reader.fieldnames or ())]:
            raise DatasetError(f"{source}: {table} has no column {', '.join(absent)}; it has {reader.fieldnames}.")
        records = []
        for line, row in enumerate(reader, start=2):
            if not (row[columns.image] or "").strip():
                continue  # some official tables end in empty rows
            grade = row[columns.grade].strip()
            if grade not in {"0", "1", "2", "3", "4"}:
                raise DatasetError(f"{source}: {table} line {line}: grade {grade!r} is not 0, 1, 2, 3 or 4.")
            image = _find_image(images, row[columns.image].strip(), f"{source}: {table} line {line}")
            patient = row[columns.patient].strip() if columns.patient else patient_of(image.stem)
            records.append(
                Record(image=image, source=source, patient=patient, official_split=official_split, grade=int(grade))
            )
    return records


def read_eyepacs(root: Path, source: str = "eyepacs") -> list[Record]:
    """EyePACS (Kaggle 2015): ``trainLabels.csv`` and ``train/``, or ``labels.csv`` with patients and ``images/``."""
    require_folder(root, source)
    if (root / "labels.csv").is_file():
        return read_graded(root / "images", root / "labels.csv", source, Columns(patient="patient"))
    return read_graded(root / "train", root / "trainLabels.csv", source, Columns(grade="level"), "train")


def read_aptos2019(root: Path) -> list[Record]:
    """APTOS 2019 (Kaggle): ``train.csv`` and ``train_images/``; its test set has no public grades."""
    require_folder(root, "aptos2019")
    return read_graded(root / "train_images", root / "train.csv", "aptos2019", Columns("id_code", "diagnosis"), "train")


def read_messidor2(root: Path, table: str = "grades.csv", columns: Columns | None = None) -> list[Record]:
    """Messidor-2: ``IMAGES/``, and grades from a CSV file of the user's choice (the data set comes without any)."""
    require_folder(root, "messidor2")
    return read_graded(root / "IMAGES", root / table, "messidor2", columns or Columns())


def _find_image(folder: Path, name: str, where: str) -> Path:
    if (folder / name).is_file():
        return folder / name
    for suffix in IMAGE_SUFFIXES:
        if (folder / f"{name}{suffix}").is_file():
            return folder / f"{name}{suffix}"
    raise DatasetError(f"{where}: photograph not found: {folder / name}.")
