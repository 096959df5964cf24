from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.field_of_view import find_field_of_view
from training.datasets import DatasetError, folders, idrid, read
from training.datasets.masks import read_mask, read_masks
from training.datasets.records import Record
from training.datasets.squares import load_squares, make_square, read_rgb


def photograph(path: Path, side: int = 256) -> Path:
    """A bright disc on black: a retina, as far as finding it goes."""
    ys, xs = np.mgrid[:side, :side]
    disc = (xs - side / 2 + 0.5) ** 2 + (ys - side / 2 + 0.5) ** 2 < (side * 0.45) ** 2
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.dstack([disc * 180, disc * 90, disc * 30]).astype(np.uint8)).save(path)
    return path


def mask(path: Path, side: int = 256, mode: str = "1") -> Path:
    pixels = np.zeros((side, side), np.uint8)
    pixels[110:124, 80:106] = 255
    pixels[0:2, :] = 255  # a stray strip outside the retina
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.fixture
def official_idrid(tmp_path):
    part = tmp_path / "A. Segmentation"
    for folder, names in (("a. Training Set", ("IDRiD_01", "IDRiD_02")), ("b. Testing Set", ("IDRiD_55",))):
        for name in names:
            photograph(part / "1. Original Images" / folder / f"{name}.jpg")
            truths = part / "2. All Segmentation Groundtruths" / folder
            mask(truths / "1. Microaneurysms" / f"{name}_MA.tif")
            mask(truths / "3. Hard Exudates" / f"{name}_EX.tif")
            (truths / "2. Haemorrhages").mkdir(exist_ok=True)
            (truths / "4. Soft Exudates").mkdir(exist_ok=True)
    return tmp_path


def test_idrid_in_its_official_layout(official_idrid):
    records = idrid.read_segmentation(official_idrid)
    assert [(r.image.stem, r.official_split) for r in records] == [
        ("IDRiD_01", "train"),
        ("IDRiD_02", "train"),
        ("IDRiD_55", "test"),
    ]
    assert set(records[0].masks) == {"MA", "EX"}  # the others are absent from the photograph
    assert idrid.read_segmentation(official_idrid / "A. Segmentation") == records


def test_idrid_in_the_flat_layout(tmp_path):
    photograph(tmp_path / "images" / "IDRiD_03.jpg")
    for lesion in ("EX", "SE", "HE", "MA"):
        (tmp_path / "masks" / lesion).mkdir(parents=True)
    mask(tmp_path / "masks" / "HE" / "IDRiD_03_HE.png")
    (record,) = idrid.read_segmentation(tmp_path)
    assert list(record.masks) == ["HE"]
    assert record.official_split == "train"


@pytest.mark.parametrize("missing", ["1. Original Images", "2. All Segmentation Groundtruths"])
def test_a_missing_idrid_folder_is_named(official_idrid, missing):
    (official_idrid / "A. Segmentation" / missing).rename(official_idrid / "elsewhere")
    with pytest.raises(DatasetError, match=missing):
        idrid.read_segmentation(official_idrid)


def test_a_missing_data_root_is_named(tmp_path):
    with pytest.raises(DatasetError, match=str(tmp_path / "idrid")):
        read("idrid", tmp_path)
    with pytest.raises(DatasetError, match=r"known: aptos2019.*dataset\.toml"):
        read("nothing", tmp_path)


def graded_folder(root, rows, header="image,patient,eye,grade"):
    for row in rows:
        photograph(root / "images" / row.split(",")[0])
    (root / "labels.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return root


def test_eyepacs_folder_with_csv(tmp_path):
    graded_folder(tmp_path, ["10_left.jpeg,10,left,0", "10_right.jpeg,10,right,3"])
    records = folders.read_eyepacs(tmp_path)
    assert [(r.image.name, r.patient, r.grade) for r in records] == [
        ("10_left.jpeg", "10", 0),
        ("10_right.jpeg", "10", 3),
    ]


def test_official_eyepacs_names_have_no_suffix_and_hold_the_patient(tmp_path):
    photograph(tmp_path / "train" / "15_left.jpeg")
    (tmp_path / "trainLabels.csv").write_text("image,level\n15_left,2\n", encoding="utf-8")
    (record,) = folders.read_eyepacs(tmp_path)
    assert (record.patient, record.grade, record.official_split) == ("15", 2, "train")


def test_faults_of_a_grading_table_are_named(tmp_path):
    root = graded_folder(tmp_path, ["10_left.jpeg,10,left,7"])
    with pytest.raises(DatasetError, match="line 2: grade '7'"):
        folders.read_eyepacs(root)
    graded_folder(root, [], header="image,grade")
    with pytest.raises(DatasetError, match="no column patient"):
        folders.read_eyepacs(root)
    (root / "labels.csv").write_text("image,patient,grade\nlost.jpeg,1,0\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"lost\.jpeg"):
        folders.read_eyepacs(root)
    (root / "labels.csv").write_text("image,patient,grade\n", encoding="utf-8")
    (root / "images").rename(root / "pictures")
    with pytest.raises(DatasetError, match="images"):
        folders.read_eyepacs(root)


def test_unlabelled_folder(tmp_path):
    photograph(tmp_path / "images" / "7_left.jpg")
    photograph(tmp_path / "images" / "odd.png")
    assert [r.patient for r in folders.read_unlabelled(tmp_path, "normals")] == ["7", "odd"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no photographs"):
        folders.read_unlabelled(tmp_path / "empty", "normals")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16"])
def test_masks_of_every_mode_say_the_same(tmp_path, mode):
    reference = read_mask(mask(tmp_path / "reference.png"))
    path = tmp_path / "mask.png"
    if mode == "I;16":
        Image.fromarray(reference.astype(np.uint16) * 40000).save(path)
    else:
        mask(path, mode=mode)
    assert np.array_equal(read_mask(path), reference)
    assert reference.sum() == 14 * 26 + 2 * 256


def test_alpha_of_a_mask_is_never_looked_at(tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[2, 3, 0] = 255
    Image.fromarray(pixels, "RGBA").save(tmp_path / "opaque.png")
    pixels[..., 3] = 0
    Image.fromarray(pixels, "RGBA").save(tmp_path / "transparent.png")
    for name in ("opaque.png", "transparent.png"):
        found = read_mask(tmp_path / name)
        assert found.sum() == 1
        assert found[2, 3]


def test_masks_are_clipped_to_the_field_of_view(tmp_path):
    image = photograph(tmp_path / "a.png")
    record = Record(image, "x", "a", masks={"SE": mask(tmp_path / "m.png")})
    rgb = read_rgb(image)
    bits = read_masks(record, rgb.shape, find_field_of_view(rgb))
    assert not bits[:2].any()
    assert (bits[110:124, 80:106] == 0b0010).all()


def test_a_mask_of_another_size_is_refused(tmp_path):
    image = photograph(tmp_path / "a.png")
    record = Record(image, "x", "a", masks={"SE": mask(tmp_path / "m.png", side=32)})
    rgb = read_rgb(image)
    with pytest.raises(DatasetError, match="mask is 32x32, its photograph 256x256"):
        read_masks(record, rgb.shape, find_field_of_view(rgb))


def test_squares_are_the_same_from_the_cache(tmp_path):
    record = Record(photograph(tmp_path / "a.png"), "x", "a", masks={"MA": mask(tmp_path / "m.png")})
    fresh = make_square(record, 192)
    for _ in range(2):
        (square,) = load_squares([record], 192, tmp_path / "cache")
        assert np.array_equal(square.rgb, fresh.rgb)
        assert np.array_equal(square.bits, fresh.bits)
        assert np.array_equal(square.inside, fresh.inside)
    assert fresh.side == 192
    assert ((fresh.bits >> 3) & 1).any()


def test_photographs_of_several_sizes_keep_their_masks_in_place(tmp_path):
    for name, (height, width) in {"wide": (200, 320), "square": (256, 256), "tall": (400, 300)}.items():
        ys, xs = np.mgrid[:height, :width]
        retina = np.hypot(xs - width / 2 + 0.5, ys - height / 2 + 0.5) < min(height, width) * 0.45
        lesion = np.hypot(xs - width / 2 - 20, ys - height / 2) < 12
        rgb = np.where(lesion[..., None], (250, 240, 120), retina[..., None] * np.array([150, 80, 30]))
        Image.fromarray(rgb.astype(np.uint8)).save(tmp_path / f"{name}.png")
        Image.fromarray(lesion).save(tmp_path / f"{name}_EX.png")
        record = Record(tmp_path / f"{name}.png", "x", name, masks={"EX": tmp_path / f"{name}_EX.png"})
        square = make_square(record, 128)
        assert square.rgb.shape == (128, 128, 3)
        shown, outlined = square.rgb[..., 2] > 100, (square.bits & 1).astype(bool)
        assert (shown & outlined).sum() / (shown | outlined).sum() > 0.8
        assert not (outlined & ~square.inside).any()


def test_files_that_are_no_pictures_are_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"photograph cannot be read: .*a\.png"):
        read_rgb(tmp_path / "a.png")
    with pytest.raises(DatasetError, match=r"mask cannot be read: .*a\.png"):
        read_mask(tmp_path / "a.png")
    whole = photograph(tmp_path / "b.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"half\.png"):
        read_rgb(tmp_path / "half.png")
    with pytest.raises(DatasetError, match=r"photograph not found: .*none\.png"):
        read_rgb(tmp_path / "none.png")


def test_small_photographs_keep_their_resolution(tmp_path):
    record = Record(photograph(tmp_path / "a.png"), "x", "a")
    square = make_square(record, 500)
    assert square.side < 256
    assert square.bits is None
