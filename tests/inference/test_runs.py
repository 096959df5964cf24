import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from inference.field_of_view import FieldOfView
from inference.runs import Runs, mask_of, packed, packed_runs, runs_of

MASKS = arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=70))


@given(MASKS)
def test_runs_give_the_mask_back(mask):
    assert np.array_equal(mask_of(runs_of(mask)), mask)
    assert np.array_equal(packed_runs(runs_of(mask)), packed(mask))


def test_no_runs_are_an_empty_mask():
    empty = mask_of(Runs.none((3, 17)))
    assert empty.shape == (3, 17)
    assert not empty.any()


@given(MASKS, st.integers(0, 9), st.integers(0, 9))
def test_a_part_is_put_where_it_belongs(mask, top, left):
    height, width = mask.shape
    whole = np.zeros((top + height + 2, left + width + 3), bool)
    whole[top : top + height, left : left + width] = mask
    assert np.array_equal(mask_of(runs_of(mask).placed(whole.shape, top, left)), whole)


@given(MASKS, st.floats(-9, 80), st.floats(-9, 80), st.floats(1, 60), st.data())
def test_between_the_columns_of_a_field_of_view_lies_what_is_inside_it(mask, x, y, radius, data):
    height, width = mask.shape
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = x0, y0, data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    fov = FieldOfView(box=box, centre=(x, y), radius=radius)
    runs = runs_of(mask)
    assert np.array_equal(mask_of(runs.between(*fov.columns_of(runs.rows))), mask & fov.mask_for(mask.shape))


@given(st.floats(-9, 80), st.floats(-9, 80), st.floats(1, 60))
def test_a_field_of_view_is_a_disc_inside_a_box(x, y, radius):
    height, width = 50, 70
    fov = FieldOfView(box=(3, 5, 66, 48), centre=(x, y), radius=radius)
    rows, columns = np.mgrid[:height, :width]
    away = np.hypot(columns + 0.5 - x, rows + 0.5 - y) - radius
    inside = (columns >= 3) & (columns < 66) & (rows >= 5) & (rows < 48)
    told = fov.mask_for((height, width))
    assert not told[~inside | (away > 1e-6)].any()
    assert told[inside & (away < -1e-6)].all()
