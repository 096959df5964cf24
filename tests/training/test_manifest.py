import dataclasses
import random

import pytest

from training.datasets.manifest import manifest_hash, read_manifest, select, split_records, write_manifest
from training.datasets.records import DatasetError, Record


def records_of(root, source="s", patients=40, grades=(0, 0, 0, 2)):
    made = []
    for patient in range(patients):
        for eye in ("left", "right"):
            path = root / source / f"{patient}_{eye}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"{source} {patient} {eye}".encode())
            made.append(Record(path, source, str(patient), grade=grades[patient % len(grades)]))
    return made


def test_both_eyes_of_a_patient_are_in_one_split_and_every_grade_in_both(tmp_path):
    records = records_of(tmp_path)
    entries = split_records(records, data_root=tmp_path, validation_shares={"s": 0.25}, seed=1)
    by_patient = {}
    for entry in entries:
        by_patient.setdefault(entry.patient, set()).add(entry.split)
    assert all(len(splits) == 1 for splits in by_patient.values())
    assert sum(entry.split == "val" for entry in entries) == 20
    grade = {record.image.name: record.grade for record in records}
    for split in ("train", "val"):
        assert {grade[e.file.split("/")[-1]] for e in entries if e.split == split} == {0, 2}


def test_a_split_depends_on_the_seed_alone(tmp_path):
    records = records_of(tmp_path)
    shuffled = random.Random(3).sample(records, len(records))
    arguments = {"data_root": tmp_path, "validation_shares": {"s": 0.25, "t": 0.5}}
    first = split_records(records, seed=1, **arguments)
    assert split_records(shuffled, seed=1, **arguments) == first
    assert split_records(records, seed=2, **arguments) != first
    with_another = split_records([*records, *records_of(tmp_path, "t")], seed=1, **arguments)
    assert [e for e in with_another if e.source == "s"] == first


def test_duplicates_are_taken_once_and_a_test_photograph_stays_test(tmp_path):
    records = records_of(tmp_path)
    copied = tmp_path / "t" / "copy.jpg"
    copied.parent.mkdir()
    copied.write_bytes(records[0].image.read_bytes())
    with_test = [*records, Record(copied, "t", "x", official_split="test")]
    entries = split_records(with_test, data_root=tmp_path, validation_shares={"s": 0.25, "t": 0.25}, seed=1)
    assert len(entries) == len(records)
    (kept,) = [entry for entry in entries if entry.file == "t/copy.jpg"]
    assert kept.split == "test"
    assert not any(entry.file == "s/0_left.jpg" for entry in entries)


def test_a_patient_of_two_sets_is_on_one_side(tmp_path):
    large = [dataclasses.replace(r, collection="eyepacs") for r in records_of(tmp_path, "eyepacs")]
    small = [dataclasses.replace(r, collection="eyepacs") for r in records_of(tmp_path, "eyepacs400", patients=30)]
    others = records_of(tmp_path, "another")  # the same numbers, other people
    shares = {"eyepacs": 0.25, "eyepacs400": 0.25, "another": 0.25}
    entries = split_records([*large, *small, *others], data_root=tmp_path, validation_shares=shares, seed=1)
    splits = {}
    for entry in entries:
        splits.setdefault((entry.source, entry.patient), set()).add(entry.split)
    assert all(splits["eyepacs", str(n)] == splits["eyepacs400", str(n)] for n in range(30))
    assert any(splits["eyepacs", str(n)] != splits["another", str(n)] for n in range(40))
    assert {len(own) for own in splits.values()} == {1}


def test_a_test_photograph_holds_its_patient_and_all_copies_in_test(tmp_path):
    """The left eye is official test in another set: the right eye follows, and whoever has a copy of it."""
    records = records_of(tmp_path)
    left, right = records[0], records[1]
    copies = []
    for number, original in enumerate((left, right)):
        path = tmp_path / "t" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(original.image.read_bytes())
        copies.append(Record(path, "t", f"name {number}", official_split=("test", "")[number]))
    extra = tmp_path / "t" / "extra.jpg"
    extra.write_bytes(b"another photograph of the second name")
    copies.append(Record(extra, "t", "name 1"))
    for order in ([*records, *copies], [*copies, *records]):
        entries = split_records(order, data_root=tmp_path, validation_shares={"s": 0.25, "t": 0.25}, seed=1)
        split = {entry.file: entry.split for entry in entries}
        assert split["t/0.jpg"] == split["s/0_right.jpg"] == split["t/extra.jpg"] == "test"
        assert "s/0_left.jpg" not in split
        assert "t/1.jpg" not in split  # the graded copy tells more


def test_a_manifest_survives_the_file_and_selects(tmp_path):
    records = records_of(tmp_path)
    entries = split_records(records, data_root=tmp_path, validation_shares={"s": 0.25}, seed=1)
    path = tmp_path / "split.csv"
    write_manifest(entries, path)
    assert read_manifest(path) == entries
    assert len(manifest_hash(path)) == 64
    chosen = select(records, entries, data_root=tmp_path, split="val")
    assert {r.image.name for r in chosen} == {e.file.split("/")[-1] for e in entries if e.split == "val"}


def test_faults_of_a_manifest_are_named(tmp_path):
    with pytest.raises(DatasetError, match=r"none\.csv.*datasets merge"):
        read_manifest(tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="expected the columns"):
        read_manifest(tmp_path / "bad.csv")
    (tmp_path / "short.csv").write_text("file,sha256,source,patient,split\nx,0\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"short\.csv line 2: expected 5 values"):
        read_manifest(tmp_path / "short.csv")
    (tmp_path / "odd.csv").write_text("file,sha256,source,patient,split\nx,0,s,1,holdout\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="holdout"):
        read_manifest(tmp_path / "odd.csv")


def test_the_shipped_manifest_can_be_made_again(shared_data):
    from fractions import Fraction

    from tests.conftest import REPOSITORY
    from training.datasets import read

    shares = {"idrid": float(Fraction("1/6")), "eyepacs400": 0.25, "normal400": 0.25}
    records = [record for source in shares for record in read(source, shared_data)]
    entries = split_records(records, data_root=shared_data, validation_shares=shares, seed=17)
    assert entries == read_manifest(REPOSITORY / "training" / "splits" / "default.csv")
