"""The quality gate and the landmarks, on a real retina, spoilt in ways whose name the gate has to find."""

from dataclasses import asdict

import cv2
import numpy as np
import pytest
import skimage.data

from inference.decoding import SCREEN_SIDE, copy_to_judge, decode
from inference.field_of_view import find_field_of_view
from inference.field_view import FieldView, field_view
from inference.landmarks import find_landmarks
from inference.measurement import DISC_PER_FIELD_DIAMETER
from inference.quality import LIMITS, SENTENCES, Quality, assess


def view_of(rgb: np.ndarray) -> FieldView:
    return field_view(rgb, find_field_of_view(rgb))


def judged(rgb: np.ndarray) -> Quality:
    view = view_of(rgb)
    return assess(view, find_landmarks(view))


def codes(quality: Quality) -> set[str]:
    return {reason.code for reason in quality.reasons if reason.severity != "note"}


@pytest.fixture(scope="module")
def retina() -> np.ndarray:
    return skimage.data.retina()


def test_a_good_photograph_is_gradable(retina):
    quality = judged(retina)
    assert (quality.verdict, codes(quality)) == ("gradable", set())
    assert quality.measures.field_seen == 1


def covered(rgb: np.ndarray) -> np.ndarray:
    rgb = rgb.copy()
    rgb[len(rgb) * 35 // 100 :] //= 12
    return rgb


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 4), "out_of_focus"),
        (lambda rgb: (rgb * 0.08).astype(np.uint8), "too_dark"),
        (lambda rgb: np.minimum(rgb.astype(int) * 5, 255).astype(np.uint8), "too_bright"),
        (lambda rgb: cv2.addWeighted(rgb, 0.1, np.full_like(rgb, 120), 0.9, 0), "low_contrast"),
        (covered, "field_covered"),
    ],
)
def test_a_spoilt_photograph_is_ungradable_for_that_reason(retina, spoil, code):
    view = view_of(retina)
    rgb = spoil(view.rgb) * view.inside[..., None]
    spoilt = FieldView(rgb.astype(np.uint8), view.inside, view.left, view.top, view.scale)
    quality = assess(spoilt, find_landmarks(spoilt))
    assert quality.verdict == "ungradable"
    assert code in {reason.code for reason in quality.reasons if reason.severity == "ungradable"}


def test_a_small_copy_is_of_limited_use_for_its_size_alone(retina):
    quality = judged(cv2.resize(retina, (400, 400), interpolation=cv2.INTER_AREA))
    assert (quality.verdict, codes(quality)) == ("limited", {"low_resolution"})


def test_every_reason_has_a_sentence_and_advice():
    for code in (*LIMITS, "landmarks_not_seen", "disc_not_seen", "fovea_not_seen", "upside_down"):
        sentence, advice = SENTENCES[code]
        assert sentence.endswith(".")
        assert advice.endswith(".")


def test_a_black_picture_is_judged_and_not_a_crash():
    assert judged(np.zeros((300, 300, 3), np.uint8)).verdict == "ungradable"


def test_mirrored_photographs_are_told_the_other_eye_and_turned_ones_the_same(shared_data):
    rgb = decode(shared_data / "idrid" / "images" / "IDRiD_01.jpg").rgb[::4, ::4]
    upright, mirrored, turned = (find_landmarks(view_of(np.ascontiguousarray(each))) for each in (
        rgb, rgb[:, ::-1], rgb[::-1, ::-1]))  # fmt: skip
    assert (upright.laterality, upright.field, upright.upside_down) == ("OD", "macula", False)
    assert mirrored.laterality == "OS"
    assert (turned.laterality, turned.upside_down) == ("OD", True)


def test_the_copy_looked_at_tells_the_same_of_the_photograph(shared_data):
    content = (shared_data / "idrid" / "images" / "IDRiD_17.jpg").read_bytes()
    whole, copy = decode(content).rgb, copy_to_judge(decode(content, longest=SCREEN_SIDE).rgb)
    assert copy.shape == (680, 1024, 3)
    fov, on_copy = find_field_of_view(whole), find_field_of_view(copy)
    same = on_copy.enlarged(copy.shape, whole.shape[:2])
    assert same.box == pytest.approx(fov.box, abs=8)
    assert (*same.centre, same.radius) == pytest.approx((*fov.centre, fov.radius), abs=4)
    view = field_view(whole, fov)
    view_of_copy = field_view(copy, on_copy, copied_at=copy.shape[1] / whole.shape[1])
    found, again = find_landmarks(view), find_landmarks(view_of_copy)
    for one, other in ((found.disc, again.disc), (found.fovea, again.fovea)):
        assert np.hypot(one.x - other.x, one.y - other.y) < 0.1 * DISC_PER_FIELD_DIAMETER * 2 * fov.radius
    quality, other = assess(view, found), assess(view_of_copy, again)
    assert other.verdict == quality.verdict
    assert asdict(other.measures) == pytest.approx(asdict(quality.measures), rel=0.02)


@pytest.mark.parametrize("number", ["01", "04", "10", "17", "35", "45"])
def test_the_optic_disc_is_found_where_experts_outlined_it(shared_data, number):
    decoded = decode(shared_data / "idrid" / "images" / f"IDRiD_{number}.jpg")
    fov = find_field_of_view(decoded.rgb)
    disc = find_landmarks(field_view(decoded.rgb, fov)).disc
    outlined = cv2.imread(str(shared_data / "idrid" / "masks" / "OD" / f"IDRiD_{number}_OD.png"), cv2.IMREAD_GRAYSCALE)
    ys, xs = np.nonzero(outlined)
    diameter = DISC_PER_FIELD_DIAMETER * 2 * fov.radius
    assert np.hypot(disc.x - xs.mean(), disc.y - ys.mean()) < diameter / 2
