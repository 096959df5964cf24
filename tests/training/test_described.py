"""Data sets of one's own: a folder with a ``dataset.toml``."""

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from training.datasets import READERS, DatasetError, read
from training.datasets.licences import LICENCES, provenance
from training.datasets.manifest import read_manifest


def picture(path, value=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(path)


@pytest.fixture
def clinic(tmp_path):
    """Graded and outlined photographs, in columns with names of the clinic's own."""
    folder = tmp_path / "clinic"
    rows = ["Foto,DR,Person,Part,Exudates"]
    for number in range(6):
        picture(folder / "photos" / f"p{number}.jpg", 90 + number)
        mask = f"masks/p{number}.png" if number % 2 else ""
        if mask:
            picture(folder / mask)
        rows.append(f"p{number},{number % 5},{number // 2},{('training', 'Test')[number == 5]},{mask}")
    (folder / "list.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "dataset.toml").write_text(
        """
        images = "photos"
        table = "list.csv"
        title = "The clinic's own photographs"
        licence = "internal use"
        columns = { image = "Foto", grade = "DR", patient = "Person", split = "Part", masks = { EX = "Exudates" } }
        """,
        encoding="utf-8",
    )
    return folder


def test_columns_are_named_by_the_user(clinic, tmp_path):
    records = read("clinic", tmp_path)
    assert [(r.image.name, r.grade, r.patient, r.official_split) for r in records] == [
        (f"p{n}.jpg", n % 5, str(n // 2), "test" if n == 5 else "train") for n in range(6)
    ]
    assert records[0].masks == {}  # outlined, and there is none
    assert records[1].masks == {"EX": clinic / "masks" / "p1.png"}
    origin = provenance("clinic", tmp_path, 5)
    assert (origin.name, origin.licence, origin.images) == ("The clinic's own photographs", "internal use", 5)


def test_masks_may_lie_in_folders_of_their_own(tmp_path):
    folder = tmp_path / "plain"
    for name in ("1_left", "1_right"):
        picture(folder / "images" / f"{name}.png")
    picture(folder / "ex" / "1_left.tif")
    picture(folder / "ma" / "1_right_MA.png")
    (folder / "dataset.toml").write_text('mask_folders = { EX = "ex", MA = "ma" }\ncollection = "eyepacs"\n')
    records = read("plain", tmp_path)
    assert [r.masks for r in records] == [
        {"EX": folder / "ex" / "1_left.tif"},
        {"MA": folder / "ma" / "1_right_MA.png"},
    ]
    assert {r.person for r in records} == {("eyepacs", "1")}


def test_messidor2_takes_the_table_of_ones_choice(tmp_path):
    picture(tmp_path / "messidor2" / "IMAGES" / "IM0001.png")
    (tmp_path / "messidor2" / "mine.csv").write_text("id,adjudicated\nIM0001.png,1\n")
    (tmp_path / "messidor2" / "dataset.toml").write_text(
        'images = "IMAGES"\ntable = "mine.csv"\ncolumns = { image = "id", grade = "adjudicated" }\n'
    )
    (record,) = read("messidor2", tmp_path)
    assert (record.source, record.grade) == ("messidor2", 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('grade = "DR"', 'grade = "Grade"', r"list\.csv has no column Grade; it has \['Foto', 'DR'"),
        ('images = "photos"', 'images = "pictures"', r"folder not found: .*pictures"),
        ('table = "list.csv"', 'table = "lost.csv"', r"file not found: .*lost\.csv"),
        ('image = "Foto"', 'imag = "Foto"', r"dataset\.toml: unknown setting columns\.imag"),
        ('title = "The', 'title = 3 # "The', r"dataset\.toml: title must be str"),
        ('images = "photos"', "images =", r"dataset\.toml: "),
    ],
)
def test_faults_of_a_description_are_named_by_the_command(clinic, tmp_path, old, new, message):
    description = clinic / "dataset.toml"
    description.write_text(description.read_text().replace(old, new))
    with pytest.raises(CommandError, match=message):
        call_command("datasets", "merge", "clinic", root=tmp_path, out=tmp_path / "split.csv")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("p0,9,0,train,", r"line 2: grade '9' is not"),
        ("p0,1,0,holdout,", r"line 2: split 'holdout' is not"),
        ("p0,1,0,train,masks/none.png", r"file not found: .*none\.png"),
        ("p9,1,0,train,", r"photograph not found: .*p9"),
        ("p0", r"line 2: grade ''"),
        ("", r"list\.csv names no photographs"),
    ],
)
def test_faults_of_a_table_are_named(clinic, tmp_path, row, message):
    (clinic / "list.csv").write_text(f"Foto,DR,Person,Part,Exudates\n{row}\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        read("clinic", tmp_path)


def test_a_table_in_another_encoding_is_named(clinic, tmp_path):
    (clinic / "list.csv").write_bytes("Foto,DR,Person,Part,Exudates\nä,1,0,train,\n".encode("latin-1"))
    with pytest.raises(DatasetError, match=r"list\.csv is no CSV file in UTF-8"):
        read("clinic", tmp_path)


def test_a_set_of_ones_own_is_merged_like_any_other(clinic, tmp_path):
    out = tmp_path / "new folder" / "split.csv"
    call_command("datasets", "merge", "clinic=1/2", root=tmp_path, seed=3, out=out)
    entries = read_manifest(out)
    assert {e.split for e in entries if e.patient == "2"} == {"test"}  # both photographs: one is official test
    assert {e.split for e in entries if e.patient != "2"} == {"train", "val"}


def test_every_public_set_has_its_licence(tmp_path):
    assert set(READERS) <= set(LICENCES)
    for source in READERS:
        assert provenance(source, tmp_path, 3).licence
    with pytest.raises(DatasetError, match=r"licence of 'mystery': write a dataset\.toml"):
        provenance("mystery", tmp_path, 1)
