import numpy as np
import pytest
from scipy import ndimage

from inference.tiling import HIGH_SCALE, averaged, mirrors_for, outlined, tiled

TILE = 64


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).random((3, 112, 150), dtype=np.float32)


@pytest.mark.parametrize(
    ("side", "detail", "sides", "runs"),
    [(3400, "standard", [TILE], 1), (3400, "high", [TILE, HIGH_SCALE * TILE], 5), (80, "high", [TILE, 80], 5),
     (40, "high", [TILE], 1)],
)  # fmt: skip
def test_high_detail_adds_four_tiles_and_never_goes_beyond_the_photographs_own_pixels(side, detail, sides, runs):
    asked, calls = [], []

    def pixels(size: int) -> np.ndarray:
        asked.append(size)
        return np.zeros((3, size, size), np.float32)

    found = outlined(lambda batch: calls.append(batch.shape) or batch[0], pixels, side, TILE, detail)
    assert asked == sides
    assert calls == [(1, 3, TILE, TILE)] * runs
    assert found.shape == (3, int(sides[-1]), int(sides[-1]))


def test_high_detail_is_the_mean_of_the_whole_and_its_tiles():
    def pixels(size: int) -> np.ndarray:
        return np.full((3, size, size), 0.2 if size == TILE else 0.6, np.float32)

    found = outlined(lambda batch: batch[0], pixels, 3400, TILE, "high")
    assert np.allclose(found, 0.4)


def test_tiles_of_a_pointwise_network_equal_the_whole(pixels):
    assert np.allclose(tiled(lambda batch: batch[0, :2] ** 2, pixels, TILE), pixels[:2] ** 2, atol=1e-6)


def test_what_a_network_makes_of_a_tiles_border_is_not_seen(pixels):
    def blur(picture: np.ndarray) -> np.ndarray:
        """Like a convolution with zero padding: wrong along each border of its input."""
        return ndimage.uniform_filter(picture, (0, 5, 5), mode="constant")

    inner = (..., slice(2, -2), slice(2, -2))
    worst = np.abs(tiled(lambda batch: blur(batch[0]), pixels, TILE) - blur(pixels))[inner].max()
    assert worst < 0.01


def test_tiles_that_disagree_meet_without_a_step(pixels):
    answers = iter(np.tile([0.0, 1.0, 0.0], 2))
    found = tiled(lambda batch: np.full((1, TILE, TILE), next(answers), np.float32), pixels, TILE)
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.abs(np.diff(found, axis=-1)).max() < 0.15


def test_one_tile_is_the_networks_own_answer(pixels):
    whole = pixels[:, :TILE, :TILE]
    assert np.array_equal(tiled(lambda batch: batch[0], whole, TILE), whole)


def test_fewer_pixels_than_a_tile_are_a_programming_error(pixels):
    with pytest.raises(ValueError, match="fewer than one tile"):
        tiled(lambda batch: batch[0], pixels[:, :40], TILE)


@pytest.mark.parametrize(
    ("how", "runs"),
    [({"half_turn": False, "flips": True}, 4), ({"half_turn": True, "flips": False}, 2),
     ({"half_turn": True, "flips": True}, 4), ({"half_turn": False, "flips": False}, 1)],
)  # fmt: skip
def test_answers_about_mirror_images_are_turned_back(pixels, how, runs):
    batch, seen = pixels[None], []
    mean = averaged(lambda given: seen.append(given.copy()) or given[0].copy(), mirrors_for(**how))
    assert np.allclose(mean(batch), pixels)
    assert len(seen) == runs
    assert np.array_equal(seen[0], batch)
    if runs == 2:
        assert np.array_equal(seen[1], batch[..., ::-1, ::-1])
    slope = np.linspace(0, 1, 150, dtype=np.float32) * np.ones((1, 112, 1), np.float32)
    assert np.allclose(averaged(lambda given: slope.copy(), mirrors_for(**how))(batch), 0.5 if runs > 1 else slope)
