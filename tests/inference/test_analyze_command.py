import io
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image
from skimage import data

from inference.decoding import decode

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _pytorch(tiny_weights, monkeypatch):
    monkeypatch.setenv("DRWEB_ENGINE", "pytorch")


@pytest.fixture
def eye(tmp_path) -> Path:
    path = tmp_path / "in" / "eye.jpg"
    path.parent.mkdir()
    small = cv2.resize(data.retina(), (500, 500), interpolation=cv2.INTER_AREA)
    Image.fromarray(small[20:]).save(path, quality=95)
    return path


def run(*arguments) -> tuple[list[dict], str]:
    """JSON objects printed, and the error that ended the command, if any."""
    output = io.StringIO()
    error = ""
    try:
        call_command("analyze", *map(str, arguments), "--json", stdout=output)
    except CommandError as raised:
        error = str(raised)
    return [json.loads(line) for line in output.getvalue().splitlines()], error


def test_masks_overlay_and_json(eye, tmp_path):
    out = tmp_path / "out" / "deep"
    (found,), error = run(eye, "--out", out)
    assert error == ""
    assert sorted(path.name for path in out.iterdir()) == [
        "eye_EX.png",
        "eye_HE.png",
        "eye_MA.png",
        "eye_SE.png",
        "eye_overlay.jpg",
    ]
    assert (found["image"], found["width"], found["height"]) == (str(eye), 500, 480)
    assert found["grade"] in range(5)
    assert len(found["probabilities"]) == 5
    assert found["networks"]["segmentation"]["name"] == "unet"
    for lesion in found["lesions"]:
        picture = Image.open(found["files"][lesion["lesion"]])
        assert (picture.mode, picture.size) == ("1", (500, 480))
        assert np.asarray(picture).sum() == lesion["area_px"]
    assert decode(Path(found["files"]["overlay"])).rgb.shape == (480, 500, 3)


def test_quality_landmarks_and_the_grade_by_rule_are_told(eye):
    (line,), _error = run(eye)
    assert line["quality"]["verdict"] in ("gradable", "limited", "ungradable")
    assert set(line["landmarks"]) == {"disc", "fovea", "laterality", "field", "upside_down"}
    assert line["rules"]["grade"] == max(finding["grade"] for finding in line["rules"]["findings"])
    assert line["rules"]["macula"]["state"] in ("none", "possible", "referable", "unknown")


def test_probabilities_on_request(eye, tmp_path):
    (found,), _ = run(eye, "--out", tmp_path, "--probabilities", "--model", "MAnet")
    thresholds = found["networks"]["segmentation"]["thresholds"]
    for lesion, threshold in thresholds.items():
        picture = Image.open(tmp_path / f"eye_{lesion}_p.png")
        assert (picture.mode, picture.size) == ("L", (500, 480))
        mask = np.asarray(Image.open(tmp_path / f"eye_{lesion}.png"))
        assert np.array_equal(np.asarray(picture) >= max(1, round(threshold * 255)), mask)


def test_masks_of_a_turned_photograph_lie_on_the_upright_one(eye, tmp_path):
    turned = tmp_path / "turned.png"
    pixels = np.asarray(Image.open(eye))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(pixels))).save(turned, exif=exif)
    upright = tmp_path / "upright.png"
    Image.fromarray(pixels).save(upright)
    (first, second), _ = run(turned, upright, "--out", tmp_path)
    assert (first["width"], first["height"]) == (500, 480)
    assert first["lesions"] == second["lesions"]


def test_a_bad_image_does_not_stop_the_others_but_shows_in_the_exit_code(eye, tmp_path):
    text = tmp_path / "notes.jpg"
    text.write_text("no picture")
    cat = tmp_path / "cat.png"
    Image.fromarray(data.chelsea()).save(cat)
    found, error = run(text, eye, cat, tmp_path / "missing.jpg", "--out", tmp_path)
    assert [each.get("error", {}).get("code") for each in found] == [
        "not_an_image",
        None,
        "not_fundus",
        "unreadable_file",
    ]
    assert found[0]["error"]["message"].startswith("The file is not an image")
    assert error == "3 of 4 images could not be analysed."
    assert (tmp_path / "eye_EX.png").exists()
    assert not list(tmp_path.glob("cat_*"))


@pytest.mark.parametrize(("name", "code"), [("Unet+++", "unknown_model"), ("unet-lite", "weights_missing")])
def test_network_that_is_not_there(eye, name, code):
    (found,), error = run(eye, "--model", name)
    assert found["error"]["code"] == code
    assert error


def test_same_stem_does_not_overwrite(eye, tmp_path):
    twin = tmp_path / "eye.png"
    Image.fromarray(data.retina()[:700, :700]).save(twin)
    found, error = run(eye, twin, "--out", tmp_path / "out")
    assert "error" not in found[0]
    assert found[1]["error"]["code"] == "name_clash"
    assert str(eye) in found[1]["error"]["message"]
    assert error == "1 of 2 images could not be analysed."
    assert Image.open(tmp_path / "out" / "eye_EX.png").size == (500, 480)


def test_an_input_is_not_overwritten(eye):
    victim = eye.parent / "eye_EX.png"
    Image.fromarray(data.retina()[:700, :700]).save(victim)
    content = victim.read_bytes()
    found, _ = run(eye, victim, "--out", eye.parent)
    assert found[0]["error"]["code"] == "name_clash"
    assert victim.read_bytes() == content


def test_without_out_nothing_is_written(eye):
    (found,), _ = run(eye)
    assert found["files"] == {}
    assert list(eye.parent.iterdir()) == [eye]
    with pytest.raises(CommandError, match="--out"):
        call_command("analyze", str(eye), "--probabilities")


def test_words_for_people(eye, capsys):
    call_command("analyze", str(eye))
    told = capsys.readouterr().out
    assert "grade" in told
    assert "hard exudates" in told


def test_from_the_shell_without_a_database(eye, tmp_path):
    """No database: its address leads nowhere, and no table was ever made."""
    import os

    environment = {
        **os.environ,
        "DRWEB_DATA_DIR": str(tmp_path / "var"),
        "DRWEB_DATABASE_URL": "postgres://u:p@127.0.0.1:9/x",
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [sys.executable, "manage.py", "analyze", str(eye), str(tmp_path / "none.jpg"), "--json"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert "grade" in lines[0], done.stderr
    assert lines[1]["error"]["code"] == "unreadable_file"
    assert done.returncode == 1
