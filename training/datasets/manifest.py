"""Split manifests: which photograph belongs to training, validation or test; text, to be kept and compared."""

from __future__ import annotations

import csv
import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.datasets.records import DatasetError, Record, sha256_of

SPLITS: Final = ("train", "val", "test")
_COLUMNS: Final = ("file", "sha256", "source", "patient", "split")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a manifest; ``file`` is relative to the data root, with forward slashes."""

    file: str
    sha256: str
    source: str
    patient: str
    split: str


def split_records(
    records: Sequence[Record], *, data_root: Path, validation_shares: Mapping[str, float], seed: int
) -> list[Entry]:
    """Split by patient, reproducibly from ``seed``.

    A photograph that is in several sets (same sha256) is taken once, and as test wherever one of them is test. Official
    test and validation sets stay what they are. The rest is dealt patient by patient within each source and stratum
    (the patient's highest grade, or the lesions present), so that the share ``validation_shares[source]`` of the
    patients of each are validation. One source's split does not depend on which other sources are there.
    """
    digests = {record.image: sha256_of(record.image) for record in records}
    test_digests = {digests[record.image] for record in records if record.official_split == "test"}
    seen: set[str] = set()
    unique: list[Record] = []
    for record in sorted(records, key=lambda r: r.official_split != "test"):
        if digests[record.image] not in seen:
            seen.add(digests[record.image])
            unique.append(record)

    patients: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in unique:
        patients[record.source, record.patient].append(record)
    strata: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    split_of: dict[tuple[str, str], str] = {}
    for patient, own in patients.items():
        if any(digests[record.image] in test_digests for record in own):
            split_of[patient] = "test"
        elif any(record.official_split == "val" for record in own):
            split_of[patient] = "val"
        else:
            strata[patient[0], max(record.stratum for record in own)].append(patient)
    shares: defaultdict[str, float] = defaultdict(float)
    for (source, stratum), members in sorted(strata.items()):
        members.sort()
        randomness = random.Random(f"{seed}/{source}/{stratum}")  # noqa: S311 - a split, not a secret
        randomness.shuffle(members)
        # What rounding owes one stratum is carried over to the next, so that the source as a whole gets its share.
        due = len(members) * validation_shares[source] + shares[source]
        count = round(due)
        shares[source] = due - count
        for index, patient in enumerate(members):
            split_of[patient] = "val" if index < count else "train"
    return [
        Entry(
            file=record.image.relative_to(data_root).as_posix(),
            sha256=digests[record.image],
            source=record.source,
            patient=record.patient,
            split=split_of[record.source, record.patient],
        )
        for record in sorted(unique, key=lambda r: (r.source, r.image.name))
    ]


def write_manifest(entries: Iterable[Entry], path: Path) -> None:
    """Write a manifest as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows((e.file, e.sha256, e.source, e.patient, e.split) for e in entries)


def read_manifest(path: Path) -> list[Entry]:
    """Read a manifest; ``DatasetError`` where the file is missing or is none."""
    if not path.is_file():
        raise DatasetError(f"split manifest not found: {path}. Write one with: manage.py datasets merge")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            raise DatasetError(f"{path}: expected the columns {', '.join(_COLUMNS)}; found {reader.fieldnames}.")
        entries = [Entry(**row) for row in reader]
    if wrong := {e.split for e in entries} - set(SPLITS):
        raise DatasetError(f"{path}: unknown splits {sorted(wrong)}; known: {', '.join(SPLITS)}.")
    return entries


def manifest_hash(path: Path) -> str:
    """Hex sha256 of a manifest: names the split in run folders and cards."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def select(records: Sequence[Record], entries: Sequence[Entry], *, data_root: Path, split: str) -> list[Record]:
    """The records that a manifest puts into ``split``."""
    wanted = {entry.file for entry in entries if entry.split == split}
    return [record for record in records if record.image.relative_to(data_root).as_posix() in wanted]
