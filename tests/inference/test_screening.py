import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from inference.errors import ImageRejected
from inference.field_of_view import find_field_of_view
from inference.screening import check_is_fundus


def refused(rgb: np.ndarray) -> bool:
    try:
        check_is_fundus(rgb, find_field_of_view(rgb))
    except ImageRejected as rejected:
        return rejected.code == "not_fundus"
    return False


def read(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def in_a_circle(rgb: np.ndarray) -> np.ndarray:
    height, width = rgb.shape[:2]
    rows, columns = np.ogrid[:height, :width]
    inside = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (0.48 * min(height, width)) ** 2
    return rgb * inside[..., None].astype(np.uint8)


def page_of_text(paper: tuple[int, int, int]) -> np.ndarray:
    page = Image.new("RGB", (700, 500), paper)
    draw = ImageDraw.Draw(page)
    for line in range(20):
        draw.text(
            (30, 20 + 23 * line), "Patient 00417, right eye, visual acuity 0.8, pressure 14 mmHg " * 2, (20, 20, 20)
        )
    return np.asarray(page)


RNG = np.random.default_rng(3)
OTHER_PICTURES = {
    "black": np.zeros((400, 500, 3), np.uint8),
    "white": np.full((400, 500, 3), 255, np.uint8),
    "orange": np.full((400, 500, 3), (200, 90, 30), np.uint8),
    "orange disc": in_a_circle(np.full((500, 500, 3), (200, 90, 30), np.uint8)),
    "noise": RNG.integers(0, 255, (400, 500, 3), dtype=np.uint8),
    "noise in a disc": in_a_circle(RNG.integers(0, 255, (500, 500, 3), dtype=np.uint8)),
    "screenshot": page_of_text((255, 255, 255)),
    "screenshot in orange": page_of_text((240, 150, 70)),
    "portrait": data.astronaut(),
    "portrait in a disc": in_a_circle(data.astronaut()),
    "cat": data.chelsea(),
    "cat in a disc": in_a_circle(data.chelsea()),
    "coffee": data.coffee(),
    "coffee in a disc": in_a_circle(data.coffee()),
    "rocket in a disc": in_a_circle(data.rocket()),
    "grey": np.dstack([data.camera()] * 3),
    "histology": data.immunohistochemistry(),
}


@pytest.mark.parametrize("name", OTHER_PICTURES)
def test_other_pictures_are_refused(name):
    assert refused(OTHER_PICTURES[name])


def test_the_refusal_says_what_to_do():
    with pytest.raises(ImageRejected, match=r"retina.*right file"):
        check_is_fundus(data.coffee(), find_field_of_view(data.coffee()))


def test_a_small_field_of_view_is_refused_and_does_not_fail():
    rgb = np.zeros((1000, 1000, 3), np.uint8)
    rgb[500:506, 200:800] = 200
    assert refused(rgb)


@pytest.mark.parametrize(
    "change",
    {
        "as it is": lambda a: a,
        "small": lambda a: cv2.resize(a, (300, 300), interpolation=cv2.INTER_AREA),
        "turned": lambda a: np.ascontiguousarray(np.rot90(a)),
        "mirrored": lambda a: np.ascontiguousarray(a[:, ::-1]),
        "dark": lambda a: (a * 0.25).astype(np.uint8),
        "blurred": lambda a: cv2.GaussianBlur(a, (0, 0), 12),
        "clipped at top and bottom": lambda a: a[150:-150],
        "without frame": lambda a: a[330:-330, 330:-330],
        "with a wide frame": lambda a: cv2.copyMakeBorder(a, 100, 100, 700, 700, cv2.BORDER_CONSTANT),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_retina_passes_in_every_guise(change):
    assert not refused(change[1](data.retina()))


@pytest.mark.needs_data
def test_ordinary_pictures_are_refused(shared_data):
    pictures = sorted((shared_data / "samples" / "nonfundus").iterdir())
    assert pictures
    assert [path.name for path in pictures if not refused(read(path))] == []


@pytest.mark.needs_data
@pytest.mark.parametrize(
    ("pattern", "step"), [("idrid/images/*.jpg", 6), ("eyepacs400/**/*.jp*g", 5), ("normal400/**/*.jp*g", 5)]
)
def test_under_one_in_a_hundred_fundus_photographs_is_refused(shared_data, pattern, step):
    photographs = sorted(shared_data.glob(pattern))[::step]
    assert photographs
    wrongly = [path.name for path in photographs if refused(read(path))]
    assert len(wrongly) <= 0.01 * len(photographs), wrongly


@pytest.mark.needs_data
def test_sample_photographs_pass(shared_data):
    photographs = sorted((shared_data / "samples").glob("*.jp*g"))
    assert photographs
    assert [path.name for path in photographs if refused(read(path))] == []
