import cv2
import numpy as np
import pytest

from inference.field_of_view import find_field_of_view


def retina(height, width, centre, radius, *, brightness=150, background=0, noise=3, seed=0):
    """A lit disc with a dark macula, on a frame."""
    randomness = np.random.default_rng(seed)
    ys, xs = np.mgrid[:height, :width]
    distance = np.hypot(xs + 0.5 - centre[0], ys + 0.5 - centre[1])
    light = np.where(distance <= radius, brightness * (1 - 0.3 * distance / radius), background)
    macula = np.exp(-((xs - centre[0]) ** 2 + (ys - centre[1]) ** 2) / (0.12 * radius) ** 2)
    light = light * (1 - 0.8 * macula * (distance <= radius))
    rgb = np.dstack([light, light * 0.5, light * 0.2])
    return np.clip(rgb + randomness.normal(0, noise, rgb.shape), 0, 255).astype(np.uint8)


def assert_box(found, expected, tolerance):
    assert all(abs(a - b) <= tolerance for a, b in zip(found, expected, strict=True)), (found, expected)


@pytest.mark.parametrize("scale", [1, 4])
def test_a_whole_disc(scale):
    size = 600 * scale
    fov = find_field_of_view(retina(size, size + 200 * scale, (size / 2 + 100 * scale, size / 2), 250 * scale))
    assert_box(fov.box, [150 * scale, 50 * scale, 650 * scale, 550 * scale], 6 * scale)
    assert fov.radius == pytest.approx(250 * scale, rel=0.02)
    assert fov.centre == pytest.approx((400 * scale, 300 * scale), abs=5 * scale)


def test_a_disc_cut_off_above_and_below():
    fov = find_field_of_view(retina(570, 858, (430, 285), 343))
    assert_box(fov.box, [87, 0, 773, 570], 6)
    assert fov.radius == pytest.approx(343, rel=0.02)
    inside = fov.mask_for((570, 858, 3))
    assert inside[5, 430]
    assert not inside[5, 100]  # in the box, outside the circle


def test_a_disc_cut_off_on_all_sides_but_the_corners():
    fov = find_field_of_view(retina(400, 400, (200, 200), 230))
    assert fov.box == (0, 0, 400, 400)
    assert fov.radius == pytest.approx(230, rel=0.03)


def test_a_picture_without_a_frame_is_its_own_field_of_view():
    fov = find_field_of_view(retina(400, 500, (250, 200), 2000))
    assert fov.box == (0, 0, 500, 400)
    assert fov.mask_for((400, 500)).all()


def test_a_black_picture_is_its_own_field_of_view():
    fov = find_field_of_view(np.zeros((300, 400, 3), np.uint8))
    assert fov.box == (0, 0, 400, 300)
    assert fov.mask_for((300, 400)).all()


def test_a_dark_photograph():
    fov = find_field_of_view(retina(400, 400, (200, 200), 180, brightness=28, noise=1))
    assert_box(fov.box, [20, 20, 380, 380], 8)


def test_a_frame_that_is_not_quite_black():
    fov = find_field_of_view(retina(400, 600, (300, 200), 180, background=18))
    assert_box(fov.box, [120, 20, 480, 380], 8)


def test_a_notch_and_text_in_the_frame_are_no_retina():
    picture = retina(600, 900, (450, 300), 250)
    cv2.rectangle(picture, (690, 180), (712, 196), (120, 60, 20), -1)
    cv2.putText(picture, "OD 12:30", (10, 580), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
    assert_box(find_field_of_view(picture).box, [200, 50, 700, 550], 10)


def test_a_shadow_at_the_edge_stays_in_the_field_of_view():
    picture = retina(600, 600, (300, 300), 280)
    cv2.circle(picture, (300, 60), 60, (0, 0, 0), -1)
    assert_box(find_field_of_view(picture).box, [20, 20, 580, 580], 12)


def test_real_photographs_have_plausible_fields(shared_data):
    from PIL import Image

    for path in sorted((shared_data / "idrid" / "images").glob("*.jpg"))[::9]:
        rgb = np.asarray(Image.open(path).convert("RGB"))
        fov = find_field_of_view(rgb)
        assert fov.height == rgb.shape[0]
        assert 0.78 < fov.width / rgb.shape[1] < 0.92
        assert fov.radius == pytest.approx(fov.width / 2, rel=0.03)
