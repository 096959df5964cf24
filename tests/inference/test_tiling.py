import numpy as np
import pytest
from scipy import ndimage

from inference.tiling import HIGH_SCALE, averaged, mirrors_for, sampled_side, tiled

TILE = 64


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).random((3, 112, 150), dtype=np.float32)


def test_high_detail_never_goes_beyond_the_photographs_own_pixels():
    assert sampled_side(3400, 960, "standard") == 960
    assert sampled_side(3400, 960, "high") == HIGH_SCALE * 960
    assert sampled_side(1200, 960, "high") == 1200
    assert sampled_side(500, 960, "high") == 960


def test_high_detail_takes_four_tiles():
    calls = []
    side = sampled_side(3400, TILE, "high")
    tiled(lambda batch: calls.append(batch.shape) or batch[0], np.zeros((3, side, side), np.float32), TILE)
    assert calls == [(1, 3, TILE, TILE)] * 4


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
    assert np.allclose(averaged(lambda given: seen.append(given) or given[0], mirrors_for(**how))(batch), pixels)
    assert len(seen) == runs
    assert np.array_equal(seen[0], batch)
    if runs == 2:
        assert np.array_equal(seen[1], batch[..., ::-1, ::-1])
    slope = np.linspace(0, 1, 150, dtype=np.float32) * np.ones((1, 112, 1), np.float32)
    assert np.allclose(averaged(lambda given: slope, mirrors_for(**how))(batch), 0.5 if runs > 1 else slope)
