import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data as pictures

from inference.field_of_view import FieldOfView
from inference.preprocessing import Pyramid, crop_to_square, normalise, resize_square, square_geometry, to_network


def field(x0, y0, x1, y1):
    return FieldOfView(box=(x0, y0, x1, y1), centre=((x0 + x1) / 2, (y0 + y1) / 2), radius=max(x1 - x0, y1 - y0) / 2)


def test_the_square_is_padded_with_black_on_both_sides_alike():
    image = np.full((100, 200, 3), 7, np.uint8)
    square = crop_to_square(image, field(20, 0, 180, 100))
    assert square.shape == (160, 160, 3)
    assert (square[30:130] == 7).all()
    assert not square[:30].any()
    assert not square[130:].any()


@settings(max_examples=60)
@given(st.integers(40, 300), st.integers(40, 300), st.data())
def test_maps_return_to_where_they_came_from(height, width, data):
    x0 = data.draw(st.integers(0, width - 30))
    y0 = data.draw(st.integers(0, height - 30))
    x1 = data.draw(st.integers(x0 + 25, width))
    y1 = data.draw(st.integers(y0 + 25, height))
    fov = field(x0, y0, x1, y1)
    marks = np.zeros((height, width), np.float32)
    marks[(y0 + y1) // 2, (x0 + x1) // 2] = 1.0
    square = crop_to_square(marks, fov)
    back = square_geometry(fov, square.shape[0]).to_original(square[None], (height, width))
    assert np.allclose(back[0], marks, atol=1e-6)


@settings(max_examples=60)
@given(st.integers(20, 150), st.integers(20, 150), st.data())
def test_a_copy_of_half_the_size_is_cut_at_the_same_place(height, width, data):
    x0, y0 = data.draw(st.integers(0, 2 * width - 30)), data.draw(st.integers(0, 2 * height - 30))
    x1, y1 = data.draw(st.integers(x0 + 25, 2 * width)), data.draw(st.integers(y0 + 25, 2 * height))
    fov = field(x0, y0, x1, y1)
    marks = np.zeros((height, width), np.float32)
    marks[(y0 + y1) // 4, (x0 + x1) // 4] = 1.0
    square = crop_to_square(marks, fov, reduced=2)
    geometry = square_geometry(fov, square.shape[0], reduced=2)
    assert geometry.side == 2 * square.shape[0]
    assert geometry.side - max(x1 - x0, y1 - y0) <= 5
    # Half as many pixels as the square has, each twice as wide: the mark comes back where it was on the photograph.
    back = np.kron(square, np.ones((2, 2), np.float32))
    ys, xs = np.nonzero(back)
    expected = np.nonzero(np.kron(marks, np.ones((2, 2), np.float32)))
    assert (ys + geometry.y0).tolist() == expected[0].tolist()
    assert (xs + geometry.x0).tolist() == expected[1].tolist()


def test_a_lesion_lands_within_a_pixel_of_the_networks_grid():
    rgb = np.zeros((900, 1400, 3), np.uint8)
    rgb[300:312, 700:712] = 255
    fov = field(250, 0, 1150, 900)
    batch, geometry = to_network(rgb, fov, 320, (0.0,) * 3, (1.0,) * 3)
    assert batch.shape == (1, 3, 320, 320)
    assert batch.dtype == np.float32
    original = geometry.to_original(batch[0], rgb.shape)
    assert original.shape == (3, 900, 1400)
    ys, xs = np.nonzero(original[0] > 0.5)
    assert abs(ys.mean() - 305.5) < 900 / 320
    assert abs(xs.mean() - 705.5) < 900 / 320
    assert not original[:, :, :250].any()


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(8, 40), st.integers(41, 170), st.integers(1, 5))
def test_enlarging_around_marked_cells_leaves_nothing_of_them_out(seed, size, side, cells):
    random = np.random.default_rng(seed)
    grid = random.integers(0, 100, (size, size), dtype=np.uint8)
    grid[random.integers(0, size, cells), random.integers(0, size, cells)] = 200
    geometry = square_geometry(field(10, 5, 10 + side, 5 + side), size)
    shape = (side + 20, side + 30)
    whole = geometry.to_original(grid[None], shape)[0]
    place, values = geometry.enlarged(grid, shape, around=grid >= 200)
    assert np.array_equal(values, whole[place])
    whole[place] = 0
    assert whole.max() < 200
    assert values.size <= geometry.side**2


def test_bytes_stay_bytes_on_the_way_back():
    geometry = square_geometry(field(0, 0, 50, 50), 25)
    maps = np.full((4, 25, 25), 200, np.uint8)
    back = geometry.to_original(maps, (50, 60, 3))
    assert back.dtype == np.uint8
    assert (back[:, :, :50] == 200).all()
    assert not back[:, :, 50:].any()


def test_normalisation_is_its_formula():
    square = np.random.default_rng(1).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    expected = ((square / 255.0 - np.array(mean)) / np.array(std)).transpose(2, 0, 1)
    assert np.allclose(normalise(square, mean, std), expected, atol=1e-5)


def test_shrinking_keeps_the_light_of_a_small_lesion():
    square = np.zeros((96, 96, 3), np.uint8)
    square[40, 40] = 252
    assert resize_square(square, 32).max() == pytest.approx(252 / 9, abs=1)


def test_every_network_gets_the_same_pixels_whichever_asked_first():
    square = np.random.default_rng(2).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    shared = Pyramid(square)
    for size in (90, 200, 330, 400, 500, 90):
        assert np.array_equal(shared.scaled(size), Pyramid(square).scaled(size))


def test_halving_first_changes_next_to_nothing():
    square = pictures.retina()[:1400, :1400]
    direct = cv2.resize(square, (400, 400), interpolation=cv2.INTER_AREA)
    difference = np.abs(resize_square(square, 400).astype(int) - direct)
    assert difference.max() <= 12
    assert difference.mean() < 0.7
