import io

import numpy as np
import pytest
from PIL import Image

from inference.errors import ImageRejected
from inference.lesions import LESION_COLOURS, LESIONS
from inference.overlay import decode_overlay, overlay_jpeg, render_overlay


@pytest.fixture
def retina() -> np.ndarray:
    """A textured orange background with a bright and a dark patch, as exudates and haemorrhages are."""
    rng = np.random.default_rng(1)
    rgb = np.clip(np.array([170, 90, 40]) + rng.normal(0, 6, (400, 500, 1)), 0, 255)
    rgb[50:90, 50:120] = (235, 220, 150)
    rgb[200:260, 300:360] = (80, 25, 20)
    return rgb.astype(np.uint8)


@pytest.fixture
def masks() -> dict[str, np.ndarray]:
    shape = (400, 500)
    found = {lesion: np.zeros(shape, bool) for lesion in LESIONS}
    found["EX"][50:90, 50:120] = True
    found["SE"][300:340, 60:110] = True
    found["HE"][200:260, 300:360] = True
    found["MA"][100:108, 400:409] = True
    return found


def agreement(mask: np.ndarray, truth: np.ndarray) -> float:
    return float((mask & truth).sum() / (mask | truth).sum())


def test_nothing_to_paint_leaves_the_photograph(retina):
    assert np.array_equal(render_overlay(retina, {}), retina)
    assert np.array_equal(render_overlay(retina, {"EX": np.zeros((400, 500), bool)}), retina)


def test_the_photograph_is_not_written_to(retina, masks):
    before = retina.copy()
    render_overlay(retina, masks)
    assert np.array_equal(retina, before)


@pytest.mark.parametrize("lesion", LESIONS)
def test_fill_outline_and_surroundings(retina, masks, lesion):
    painted = render_overlay(retina, {lesion: masks[lesion]}, alpha=0.5)
    rows, columns = np.nonzero(masks[lesion])
    top, left = rows.min(), columns.min()
    centre = (int(rows.mean()), int(columns.mean()))
    assert tuple(painted[top, left]) == LESION_COLOURS[lesion]
    assert np.abs(painted[centre] - (retina[centre].astype(float) + LESION_COLOURS[lesion]) / 2).max() <= 1
    assert np.array_equal(painted[~masks[lesion]], retina[~masks[lesion]])


def test_mask_of_another_size_is_a_programming_error(retina):
    with pytest.raises(ValueError, match="EX"):
        render_overlay(retina, {"EX": np.zeros((40, 50), bool)})


def test_as_jpeg_it_still_looks_the_same(retina, masks):
    jpeg = np.asarray(Image.open(io.BytesIO(overlay_jpeg(retina, masks))), int)
    assert np.abs(jpeg - render_overlay(retina, masks)).mean() < 6


@pytest.mark.parametrize("lesion", LESIONS)
@pytest.mark.parametrize("as_jpeg", [False, True])
def test_masks_come_back_from_the_overlay(retina, masks, lesion, as_jpeg):
    painted = render_overlay(retina, masks)
    if as_jpeg:
        buffer = io.BytesIO()
        Image.fromarray(painted).save(buffer, "JPEG", quality=92, subsampling=0)
        painted = np.asarray(Image.open(buffer))
    assert agreement(decode_overlay(painted, retina, lesion), masks[lesion]) > (0.7 if as_jpeg else 0.98)


def test_strokes_of_pure_colour_are_added_and_restored_pixels_removed(retina, masks):
    edited = render_overlay(retina, masks)
    edited[150:170, 150:190] = LESION_COLOURS["HE"]
    edited[200:230] = retina[200:230]
    expected = masks["HE"].copy()
    expected[150:170, 150:190] = True
    expected[200:230] = False
    assert agreement(decode_overlay(edited, retina, "HE"), expected) > 0.97
    assert agreement(decode_overlay(edited, retina, "EX"), masks["EX"]) > 0.97


def test_an_untouched_photograph_holds_no_lesion(retina):
    assert not decode_overlay(retina, retina, "MA").any()


def test_strange_colours_are_no_lesion(retina):
    edited = retina.copy()
    edited[100:200, 100:200] = (255, 0, 255)
    assert not any(decode_overlay(edited, retina, lesion).any() for lesion in LESIONS)


def test_overlay_of_another_size(retina):
    with pytest.raises(ImageRejected) as caught:
        decode_overlay(retina[:-1], retina, "EX")
    assert caught.value.code == "wrong_mask_size"
