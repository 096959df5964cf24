import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from inference.errors import ImageRejected
from inference.masks import decode_mask, decode_runs, encode_mask, encode_probability
from inference.overlay import render_overlay
from inference.runs import Runs, runs_of


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def blob() -> np.ndarray:
    mask = np.zeros((60, 80), bool)
    mask[10:30, 15:50] = True
    return mask


@given(arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=70)))
def test_masks_survive_the_round_trip(mask):
    assert np.array_equal(decode_mask(encode_mask(mask), mask.shape), mask)


def painted(runs: Runs) -> np.ndarray:
    mask = np.zeros(runs.shape, bool)
    for row, left, right in zip(runs.rows, runs.left, runs.right, strict=True):
        assert not mask[row, max(0, left - 1) : right + 1].any()  # each run is a whole one
        mask[row, left:right] = True
    return mask


def same(first: Runs, second: Runs) -> bool:
    columns = ("rows", "left", "right")
    return first.shape == second.shape and all(
        getattr(first, name).tolist() == getattr(second, name).tolist() for name in columns
    )


@given(arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=70)), st.booleans())
def test_runs_read_from_a_file_are_those_of_its_pixels(mask, spoilt):
    written = encode_mask(mask)
    if spoilt:  # bits beyond the last column mean nothing
        rows = np.zeros((mask.shape[0], 1 + (mask.shape[1] + 7) // 8), np.uint8)
        padding = -mask.shape[1] % 8
        rows[:, 1:] = np.packbits(np.pad(mask, ((0, 0), (0, padding)), constant_values=True), axis=1)
        written = with_rows(written, rows)
    runs, kept = decode_runs(written, mask.shape)
    assert same(runs, runs_of(mask))
    assert np.array_equal(painted(runs), mask)
    assert kept == written


def test_a_picture_that_is_no_plain_mask_is_kept_as_one(blob):
    runs, kept = decode_runs(png(blob.astype(np.uint8)), blob.shape)
    assert same(runs, runs_of(blob))
    assert kept == encode_mask(blob)


def with_rows(written: bytes, rows: np.ndarray) -> bytes:
    """A written mask with other rows, packed and filtered, in place of its own."""
    return with_stream(written, zlib.compress(rows.tobytes()))


def with_stream(written: bytes, packed: bytes) -> bytes:
    """The same with what its rows were compressed to."""
    chunk = struct.pack(">I", len(packed)) + b"IDAT" + packed + struct.pack(">I", zlib.crc32(b"IDAT" + packed))
    return written[: written.index(b"IDAT") - 4] + chunk + written[-12:]


def test_encoded_mask_is_a_1_bit_png(blob):
    picture = Image.open(io.BytesIO(encode_mask(blob)))
    assert (picture.format, picture.mode, picture.size) == ("PNG", "1", (80, 60))


@pytest.mark.parametrize("filters", [0, 1, 2])
@pytest.mark.parametrize("width", [80, 77])
def test_one_bit_masks_are_read_alike_however_they_were_written(blob, filters, width):
    """Those of `encode_mask` are read by a way of their own, others by Pillow's."""
    mask = blob[:, :width]
    rows = np.zeros((60, 11), np.uint8)
    rows[:, 1:] = np.packbits(mask, axis=1)
    if filters == 1:  # each byte less the one before
        rows[:, 2:] -= rows[:, 1:-1].copy()
    elif filters == 2:  # less the one above
        rows[1:, 1:] -= rows[:-1, 1:].copy()
    rows[:, 0] = filters
    assert np.array_equal(decode_mask(with_rows(encode_mask(mask), rows), mask.shape), mask)


@pytest.mark.parametrize("harm", ["cut short", "too many rows", "wrong sum", "no zlib"])
def test_a_damaged_mask_is_refused(blob, harm):
    written = bytearray(encode_mask(blob))
    place = written.index(b"IDAT")
    if harm == "cut short":
        written = written[:-30]
    elif harm == "wrong sum":
        written[place + 8] ^= 255
    elif harm == "no zlib":
        written = with_stream(bytes(written), b"neither rows nor zlib")
    else:
        written = with_rows(bytes(written), np.zeros((6000, 11), np.uint8))
    if harm == "too many rows":  # what goes beyond the picture is not read
        assert not decode_mask(bytes(written), blob.shape).any()
    else:
        with pytest.raises(ImageRejected):
            decode_mask(bytes(written), blob.shape)


def test_encode_refuses_what_is_no_mask(blob):
    with pytest.raises(ValueError, match="bool"):
        encode_mask(blob.astype(np.uint8))


def test_probabilities_are_8_bit_grey():
    probability = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = Image.open(io.BytesIO(encode_probability(probability)))
    assert picture.mode == "L"
    assert np.array_equal(np.asarray(picture), probability)


def test_mask_painted_in_a_dark_blue(blob):
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[blob] = (0, 90, 255)
    assert np.array_equal(decode_mask(png(rgb), blob.shape), blob)


@pytest.mark.parametrize("hidden_colour", [0, 255])
def test_transparent_pixels_are_no_lesion(blob, hidden_colour):
    rgba = np.full((60, 80, 4), hidden_colour, np.uint8)
    rgba[..., 3] = 0
    rgba[blob] = 255
    assert np.array_equal(decode_mask(png(rgba), blob.shape), blob)


def test_opaque_rgba_is_read_by_its_colours(blob):
    rgba = np.zeros((60, 80, 4), np.uint8)
    rgba[blob, :3] = 255
    rgba[..., 3] = 255
    assert np.array_equal(decode_mask(png(rgba), blob.shape), blob)


def test_label_values_0_and_1(blob):
    assert np.array_equal(decode_mask(png(blob.astype(np.uint8)), blob.shape), blob)


def test_drawing_in_half_transparent_colour(blob):
    rgba = np.zeros((60, 80, 4), np.uint8)
    rgba[blob] = (0, 230, 150, 110)
    assert np.array_equal(decode_mask(png(rgba), blob.shape), blob)


def test_jpeg_mask(blob):
    buffer = io.BytesIO()
    Image.fromarray(blob).convert("L").save(buffer, "JPEG")
    assert np.array_equal(decode_mask(buffer.getvalue(), blob.shape), blob)


@pytest.fixture
def photograph() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 5, (60, 80, 1))
    return np.clip(np.array([180, 90, 40]) + noise, 0, 255).astype(np.uint8)


def test_edited_overlay(blob, photograph):
    overlay = render_overlay(photograph, {"HE": blob, "EX": np.roll(blob, 20, axis=0)})
    mask = decode_mask(png(overlay), blob.shape, lesion="HE", original=lambda: photograph)
    assert (mask != blob).mean() < 0.02


def test_colour_mask_is_not_taken_for_an_overlay(blob, photograph):
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[blob] = (255, 210, 0)
    mask = decode_mask(png(rgb), blob.shape, lesion="EX", original=lambda: photograph)
    assert np.array_equal(mask, blob)


@pytest.mark.parametrize("grey", [False, True])
def test_some_other_picture_is_refused(photograph, grey):
    other = np.ascontiguousarray(photograph[..., ::-1] - 30)
    other = other.max(axis=2) if grey else other
    with pytest.raises(ImageRejected, match="neither a mask nor an edited overlay") as caught:
        decode_mask(png(other), (60, 80), lesion="EX", original=lambda: photograph)
    assert caught.value.code == "bad_mask"


def test_16_bit_mask(blob):
    assert np.array_equal(decode_mask(png(blob.astype(np.uint16) * 65535), blob.shape), blob)


def test_empty_mask():
    assert not decode_mask(encode_mask(np.zeros((60, 80), bool)), (60, 80)).any()


@pytest.mark.parametrize("shape", [(80, 60), (60, 81), (6000, 8000)])
def test_wrong_size_names_the_right_one(blob, shape):
    with pytest.raises(ImageRejected, match=f"{shape[1]} x {shape[0]}") as caught:
        decode_mask(encode_mask(blob), shape)
    assert caught.value.code == "wrong_mask_size"


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_unreadable_masks(data):
    with pytest.raises(ImageRejected) as caught:
        decode_mask(data, (60, 80))
    assert caught.value.code == "bad_mask"
