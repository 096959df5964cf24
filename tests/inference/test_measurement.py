import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from inference.field_of_view import FieldOfView
from inference.measurement import DISC_PER_FIELD_DIAMETER, fov_area, measure_one

ROUND = FieldOfView(box=(100, 50, 1100, 1050), centre=(600.0, 550.0), radius=500.0)


def test_count_area_and_shares():
    mask = np.zeros((1100, 1200), bool)
    mask[300:310, 300:320] = True
    mask[400:405, 400:405] = True
    mask[405, 405] = True  # touches the square's corner: one lesion
    found = measure_one("HE", mask, ROUND)
    assert (found.lesion, found.count, found.area_px) == ("HE", 2, 226)
    assert found.area_percent_of_fov == pytest.approx(100 * 226 / (math.pi * 500**2), rel=1e-3)


def test_a_lesion_of_the_assumed_disc_size_has_area_one():
    rows, columns = np.ogrid[:1100, :1200]
    radius = DISC_PER_FIELD_DIAMETER * 500
    disc = (rows - 500) ** 2 + (columns - 600) ** 2 <= radius**2
    assert measure_one("SE", disc, ROUND).area_disc == pytest.approx(1.0, rel=0.01)


@settings(max_examples=200)
@given(arrays.arrays(bool, (9, 12)))
def test_count_is_that_of_the_connected_areas(pattern):
    mask = np.zeros((1100, 1200), bool)
    mask[500:509, 600:612] = pattern
    assert measure_one("MA", mask, ROUND).count == cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1


def test_no_lesion():
    found = measure_one("EX", np.zeros((1100, 1200), bool), ROUND)
    assert (found.count, found.area_px, found.area_percent_of_fov, found.area_disc) == (0, 0, 0.0, 0.0)


@pytest.mark.parametrize(
    "fov",
    [
        ROUND,
        FieldOfView(box=(100, 150, 1100, 900), centre=(600.0, 550.0), radius=500.0),
        FieldOfView(box=(0, 0, 400, 300), centre=(200.0, 150.0), radius=250.0),
    ],
    ids=["round", "clipped", "without a frame"],
)
def test_field_area_is_that_of_its_mask(fov):
    assert fov_area(fov) == pytest.approx(fov.mask_for((1100, 1200)).sum(), rel=2e-3)
