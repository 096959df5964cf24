from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.reports.figures import FIGURE_SIDE, decode_preview, overlay_jpeg, shrunk_mask
from inference.runs import runs_of
from tests.factories import fundus_jpeg


@settings(max_examples=40)
@given(
    st.tuples(st.integers(300, 3000), st.integers(300, 4300)), st.floats(0, 1), st.floats(0, 1), st.integers(150, 1400)
)
def test_a_single_pixel_survives_any_shrinking(shape, down, across, side):
    row, column = int(down * (shape[0] - 1)), int(across * (shape[1] - 1))
    mask = np.zeros(shape, bool)
    mask[row, column] = True
    scale = min(1.0, side / max(shape))
    small_shape = (max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale)))
    small = shrunk_mask(runs_of(mask), small_shape)
    assert small.shape == small_shape
    rows, columns = np.nonzero(small)
    assert len(rows)
    assert abs(rows - row * small_shape[0] / shape[0]).max() <= 2
    assert abs(columns - column * small_shape[1] / shape[1]).max() <= 2


def test_an_empty_mask_stays_empty_and_an_equal_size_is_left_alone():
    assert not shrunk_mask(runs_of(np.zeros((2848, 4288), bool)), (930, 1400)).any()
    mask = np.random.default_rng(1).random((240, 320)) > 0.9
    assert (shrunk_mask(runs_of(mask), (240, 320)) == mask).all()


def test_previews_are_shrunk_never_enlarged():
    assert decode_preview(fundus_jpeg()).shape == (240, 320, 3)
    for shape, shrunk in (((1360, 2048), (680, FIGURE_SIDE)), ((1411, 1411), (FIGURE_SIDE, FIGURE_SIDE))):
        large = cv2.imencode(".jpg", np.zeros((*shape, 3), np.uint8))[1].tobytes()
        assert decode_preview(large).shape == (*shrunk, 3)


def test_a_single_pixel_can_be_seen_in_the_printed_picture():
    rgb = np.full((930, 1400, 3), (190, 90, 40), np.uint8)
    mask = np.zeros((2848, 4288), bool)
    mask[1500, 2000] = True
    painted = overlay_jpeg(rgb, {"MA": shrunk_mask(runs_of(mask), rgb.shape)})
    decoded = cv2.cvtColor(cv2.imdecode(np.frombuffer(painted, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    changed = abs(decoded.astype(int) - rgb).max(axis=2) > 60
    assert changed.sum() >= 9


def test_what_is_no_picture_is_an_error():
    with pytest.raises(ValueError, match="not a picture"):
        decode_preview(b"no picture at all")
