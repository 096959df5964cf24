"""Tiny imitations of the public sets' official layouts."""

import numpy as np
import pytest
from PIL import Image

from inference.field_of_view import FieldOfView
from training.datasets import DatasetError, ddr, folders, idrid, tjdr
from training.datasets.masks import read_masks
from training.datasets.records import Record


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(path)
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
