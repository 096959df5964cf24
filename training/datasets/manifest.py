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

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

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

    A photograph that is in several sets (same sha256) is taken once, and as test wherever one of them is test. Who
    appears in several sets, by such a photograph or as a patient of the same collection, is one patient. Official test
    and validation sets stay what they are, with all photographs of their patients. The rest is dealt patient by patient
    within each source and stratum (the patient's highest grade, or the lesions present), so that the share
    ``validation_shares[source]`` of the patients of each are validation. One source's split does not depend on which
    other sources are there, but for the patients that they have in common.
    """
    digests = {record.image: sha256_of(record.image) for record in records}
    split_of: dict[Path, str] = {}
    strata: defaultdict[tuple[str, str], list[tuple[tuple[str, str], list[Record]]]] = defaultdict(list)
    for own in _patients(records, digests):
        official = {record.official_split for record in own}
        if official & {"test", "val"}:
            split_of |= {record.image: "test" if "test" in official else "val" for record in own}
        else:
            name = min((record.source, record.patient) for record in own)
            strata[name[0], max(record.stratum for record in own)].append((name, own))
    owed: defaultdict[str, float] = defaultdict(float)
    for (source, stratum), members in sorted(strata.items(), key=lambda item: item[0]):
        members.sort(key=lambda member: member[0])
        randomness = random.Random(f"{seed}/{source}/{stratum}")  # noqa: S311 - a split, not a secret
        randomness.shuffle(members)
        # What rounding owes one stratum is carried over to the next, so that the source as a whole gets its share.
        due = len(members) * validation_shares[source] + owed[source]
        count = round(due)
        owed[source] = due - count
        for index, (_, own) in enumerate(members):
            split_of |= {record.image: "val" if index < count else "train" for record in own}
    return [
        Entry(
            file=record.image.relative_to(data_root).as_posix(),
            sha256=digests[record.image],
            source=record.source,
            patient=record.patient,
            split=split_of[record.image],
        )
        for record in sorted(_once(records, digests), key=_order)
    ]


def _patients(records: Sequence[Record], digests: Mapping[Path, str]) -> list[list[Record]]:
    """Records by person: joined by the name of a patient, and by photographs that are the same."""
    names: dict[tuple[str, ...], int] = {}
    links = [
        [names.setdefault(name, len(names)) for name in (record.person, (digests[record.image],))] for record in records
    ]
    ends = np.array(links, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(records)), (ends[0], ends[1])), shape=(len(names), len(names)))
    _, person = connected_components(graph, directed=False)
    people: defaultdict[int, list[Record]] = defaultdict(list)
    for record, (name, _) in zip(records, links, strict=True):
        people[person[name]].append(record)
    return list(people.values())


def _once(records: Sequence[Record], digests: Mapping[Path, str]) -> list[Record]:
    """The records without copies: of copies, one of an official test set stays, or the one that tells most."""

    def rank(record: Record) -> tuple[bool, bool, bool, str, str]:
        return record.official_split != "test", record.masks is None, record.grade is None, *_order(record)

    unique: dict[str, Record] = {}
    for record in sorted(records, key=rank):
        unique.setdefault(digests[record.image], record)
    return list(unique.values())


def _order(record: Record) -> tuple[str, str]:
    return record.source, record.image.name


def write_manifest(entries: Iterable[Entry], path: Path) -> None:
    """Write a manifest as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
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
        rows = list(reader)
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise DatasetError(f"{path} line {line}: expected {len(_COLUMNS)} values.")
    entries = [Entry(**row) for row in rows]
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
