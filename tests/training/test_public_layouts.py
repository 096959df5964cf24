"""Tiny imitations of the public sets' official layouts."""

import re

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from inference.field_of_view import FieldOfView
from training.datasets import READERS, DatasetError, ddr, folders, idrid, tjdr
from training.datasets.manifest import read_manifest
from training.datasets.masks import read_masks
from training.datasets.records import Record


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    # Other pixels in every photograph: the same ones would be one photograph.
    randomness = np.random.default_rng(list(f"{path.name} {path.parts[-4:-1]}".encode()))
    Image.fromarray(randomness.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)
    return path


def table(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def idrid_root(tmp_path):
    part_b, part_c = tmp_path / "B. Disease Grading", tmp_path / "C. Localization"
    for folder, label, name in (("a. Training Set", "a. IDRiD_Disease Grading_Training", "IDRiD_001"),
                                ("b. Testing Set", "b. IDRiD_Disease Grading_Testing", "IDRiD_002")):  # fmt: skip
        for part in (part_b, part_c):
            picture(part / "1. Original Images" / folder / f"{name}.jpg")
        table(
            part_b / "2. Groundtruths" / f"{label} Labels.csv",
            "Image name,Retinopathy grade,Risk of macular edema ,,,",
            f"{name},3,2,,,",
        )
    for landmark, x in (("1. Optic Disc Center Location/{}. IDRiD_OD_Center_", 10),
                        ("2. Fovea Center Location/IDRiD_Fovea_Center_", 20)):  # fmt: skip
        for letter, split, name in (("a", "Training", "IDRiD_001"), ("b", "Testing", "IDRiD_002")):
            path = part_c / "2. Groundtruths" / f"{landmark.format(letter)}{split} Set_Markups.csv"
            table(path, "Image No,X- Coordinate,Y - Coordinate,,", f"{name},{x},5,,", ",,,,")
    return tmp_path


def test_idrid_grading(idrid_root):
    records = idrid.read_grading(idrid_root)
    assert [(r.image.stem, r.grade, r.official_split) for r in records] == [
        ("IDRiD_001", 3, "train"),
        ("IDRiD_002", 3, "test"),
    ]


def test_idrid_localisation(idrid_root):
    centres = idrid.read_localisation(idrid_root)
    assert {path.stem: found for path, found in centres.items()} == {
        name: {"disc": (10.0, 5.0), "fovea": (20.0, 5.0)} for name in ("IDRiD_001", "IDRiD_002")
    }
    (idrid_root / "C. Localization/2. Groundtruths/2. Fovea Center Location").rename(idrid_root / "elsewhere")
    with pytest.raises(DatasetError, match="IDRiD_Fovea_Center_Training Set_Markups"):
        idrid.read_localisation(idrid_root)


@pytest.fixture
def ddr_root(tmp_path):
    for folder, labels in (("train", "label"), ("valid", "segmentation label"), ("test", "label")):
        picture(tmp_path / "lesion_segmentation" / folder / "image" / f"{folder}.jpg")
        picture(tmp_path / "lesion_segmentation" / folder / labels / "EX" / f"{folder}.tif")
        for lesion in ("SE", "HE", "MA"):
            (tmp_path / "lesion_segmentation" / folder / labels / lesion).mkdir()
        picture(tmp_path / "DR_grading" / folder / f"{folder} 1.jpg")
        table(tmp_path / "DR_grading" / f"{folder}.txt", f"{folder} 1.jpg 4", f"{folder} 2.jpg 5")
    return tmp_path


def test_ddr_segmentation(ddr_root):
    records = ddr.read_segmentation(ddr_root)
    assert [(r.official_split, set(r.masks)) for r in records] == [("train", {"EX"}), ("val", {"EX"}), ("test", {"EX"})]
    (ddr_root / "lesion_segmentation" / "valid" / "segmentation label").rename(ddr_root / "elsewhere")
    with pytest.raises(DatasetError, match=r"segmentation label.*valid"):
        ddr.read_segmentation(ddr_root)


def test_ddr_grading_leaves_out_ungradable_photographs(ddr_root):
    records = ddr.read_grading(ddr_root)
    assert [(r.image.name, r.grade, r.official_split) for r in records] == [
        ("train 1.jpg", 4, "train"),
        ("valid 1.jpg", 4, "val"),
        ("test 1.jpg", 4, "test"),
    ]
    table(ddr_root / "DR_grading" / "test.txt", "test 1.jpg severe")
    with pytest.raises(DatasetError, match=r"test\.txt line 1: grade 'severe'"):
        ddr.read_grading(ddr_root)


@pytest.mark.parametrize("mode", ["L", "P"])
def test_tjdr_values(tmp_path, mode):
    values = np.zeros((8, 8), np.uint8)
    values[0, :4] = (1, 2, 3, 4)
    for split in ("train", "test"):
        picture(tmp_path / split / "image" / "a.jpg")
        label = Image.fromarray(values)
        if mode == "P":
            label.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0])
        (tmp_path / split / "annotation").mkdir()
        label.save(tmp_path / split / "annotation" / "a.png")
    record = tjdr.read_segmentation(tmp_path)[0]
    everywhere = FieldOfView(box=(0, 0, 8, 8), centre=(4, 4), radius=99)
    bits = read_masks(record, (8, 8), everywhere)
    # EX, HE, MA, SE in the file; EX, SE, HE, MA in the bits
    assert bits[0, :5].tolist() == [0b0001, 0b0100, 0b1000, 0b0010, 0]
    (tmp_path / "test" / "annotation" / "a.png").unlink()
    with pytest.raises(DatasetError, match=r"annotation.a\.png"):
        tjdr.read_segmentation(tmp_path)


def test_aptos(tmp_path):
    picture(tmp_path / "train_images" / "000c1434d8d7.png")
    table(tmp_path / "train.csv", "id_code,diagnosis", "000c1434d8d7,2")
    assert folders.read_aptos2019(tmp_path) == [
        Record(tmp_path / "train_images" / "000c1434d8d7.png", "aptos2019", "000c1434d8d7", "train", grade=2)
    ]


def test_messidor2_with_a_table_of_ones_own(tmp_path):
    picture(tmp_path / "IMAGES" / "IM0001.png")
    table(tmp_path / "mine.csv", "image_id,adjudicated_dr_grade", "IM0001.png,1")
    columns = folders.Columns("image_id", "adjudicated_dr_grade")
    (record,) = folders.read_messidor2(tmp_path, "mine.csv", columns)
    assert record.grade == 1
    with pytest.raises(DatasetError, match=r"grades\.csv"):
        folders.read_messidor2(tmp_path)


@pytest.fixture
def every_set(tmp_path, idrid_root, ddr_root):
    """All public sets in their official layouts, under one data root."""
    root = tmp_path / "all"
    (root / "idrid").mkdir(parents=True)
    for part in ("B. Disease Grading", "C. Localization"):
        (idrid_root / part).rename(root / "idrid" / part)
    part_a = root / "idrid" / "A. Segmentation"
    for split, name in (("a. Training Set", "IDRiD_01"), ("b. Testing Set", "IDRiD_55")):
        picture(part_a / "1. Original Images" / split / f"{name}.jpg")
        for folder, lesion in (("1. Microaneurysms", "MA"), ("2. Haemorrhages", "HE"), ("3. Hard Exudates", "EX")):
            picture(part_a / "2. All Segmentation Groundtruths" / split / folder / f"{name}_{lesion}.tif")
        (part_a / "2. All Segmentation Groundtruths" / split / "4. Soft Exudates").mkdir()
    for part in ("lesion_segmentation", "DR_grading"):
        (root / "ddr").mkdir(exist_ok=True)
        (ddr_root / part).rename(root / "ddr" / part)
    for split in ("train", "test"):
        picture(root / "tjdr" / split / "image" / f"{split}.jpg")
        picture(root / "tjdr" / split / "annotation" / f"{split}.png")
    for folder, table_name, patient in (("train", "trainLabels.csv", 10), ("test", "retinopathy_solution.csv", 1)):
        picture(root / "eyepacs" / folder / f"{patient}_left.jpeg")
        table(root / "eyepacs" / table_name, "image,level,Usage", f"{patient}_left,2,Private")
    picture(root / "eyepacs400" / "images" / "1_right.jpg")
    table(root / "eyepacs400" / "labels.csv", "image,patient,eye,grade", "1_right.jpg,1,right,0")
    picture(root / "aptos2019" / "train_images" / "000c1434d8d7.png")
    table(root / "aptos2019" / "train.csv", "id_code,diagnosis", "000c1434d8d7,2")
    picture(root / "messidor2" / "IMAGES" / "IM0001.png")
    table(root / "messidor2" / "grades.csv", "image,grade", "IM0001.png,1")
    picture(root / "normal400" / "7_left.jpg")
    return root


def test_all_public_sets_are_merged_into_one_manifest(every_set, tmp_path):
    out = tmp_path / "split.csv"
    call_command("datasets", "merge", *sorted(READERS), root=every_set, seed=3, out=out)
    split = {entry.file: entry.split for entry in read_manifest(out)}
    assert set(READERS) == {entry.source for entry in read_manifest(out)}
    for official in (
        "idrid/A. Segmentation/1. Original Images/b. Testing Set/IDRiD_55.jpg",
        "idrid/B. Disease Grading/1. Original Images/b. Testing Set/IDRiD_002.jpg",
        "ddr/lesion_segmentation/test/image/test.jpg",
        "ddr/DR_grading/test/test 1.jpg",
        "tjdr/test/image/test.jpg",
        "eyepacs/test/1_left.jpeg",
        "eyepacs400/images/1_right.jpg",  # the same patient's other eye, in another copy of the collection
    ):
        assert split[official] == "test", official
    assert split["ddr/lesion_segmentation/valid/image/valid.jpg"] == "val"
    assert len(split) == 18
    again = tmp_path / "again.csv"
    call_command("datasets", "merge", *sorted(READERS, reverse=True), root=every_set, seed=3, out=again)
    assert again.read_text() == out.read_text()


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("idrid", "idrid"),
        ("idrid", "idrid/A. Segmentation/1. Original Images"),
        ("idrid", "idrid/A. Segmentation/2. All Segmentation Groundtruths"),
        ("idrid", "idrid/A. Segmentation/2. All Segmentation Groundtruths/a. Training Set/4. Soft Exudates"),
        ("idrid_grading", "idrid/B. Disease Grading/1. Original Images/b. Testing Set"),
        ("idrid_grading", "idrid/B. Disease Grading/2. Groundtruths/a. IDRiD_Disease Grading_Training Labels.csv"),
        ("idrid_grading", "idrid/B. Disease Grading/1. Original Images/a. Training Set/IDRiD_001.jpg"),
        ("ddr_segmentation", "ddr/lesion_segmentation/valid"),
        ("ddr_segmentation", "ddr/lesion_segmentation/test/image"),
        ("ddr_segmentation", "ddr/lesion_segmentation/train/label/MA"),
        ("ddr_grading", "ddr/DR_grading/test.txt"),
        ("ddr_grading", "ddr/DR_grading/train/train 1.jpg"),
        ("tjdr", "tjdr/train/annotation"),
        ("tjdr", "tjdr/test/image"),
        ("tjdr", "tjdr/test/annotation/test.png"),
        ("eyepacs", "eyepacs/trainLabels.csv"),
        ("eyepacs", "eyepacs/train"),
        ("eyepacs", "eyepacs/train/10_left.jpeg"),
        ("eyepacs", "eyepacs/retinopathy_solution.csv"),
        ("eyepacs400", "eyepacs400/images"),
        ("aptos2019", "aptos2019/train.csv"),
        ("aptos2019", "aptos2019/train_images/000c1434d8d7.png"),
        ("messidor2", "messidor2/IMAGES"),
        ("messidor2", "messidor2/grades.csv"),
        ("normal400", "normal400"),
    ],
)
def test_what_is_missing_is_named_by_the_command(every_set, tmp_path, source, missing):
    (every_set / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(CommandError) as refusal:
        call_command("datasets", "merge", source, root=every_set, out=tmp_path / "split.csv")
    # Some tables name photographs without their suffix.
    assert re.sub(r"\.(jpe?g|png)$", "", str(every_set / missing)) in str(refusal.value)


@pytest.mark.parametrize("share", ["2", "-1/5", "1/0", "half"])
def test_a_share_is_a_number_from_0_to_1(every_set, tmp_path, share):
    with pytest.raises(CommandError, match="is no share from 0 to 1"):
        call_command("datasets", "merge", f"tjdr={share}", root=every_set, out=tmp_path / "split.csv")
