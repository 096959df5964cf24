import numpy as np
import pytest

from inference.lesions import LESIONS
from training.bleeds import COVER, add_bleed

HE, MA = LESIONS.index("HE"), LESIONS.index("MA")


@pytest.fixture
def crop():
    """A lively retina with other lesions all over it, whose upper quarter lies outside the field of view."""
    image = np.random.default_rng(3).integers(60, 200, (96, 96, 3), dtype=np.uint8)
    target = np.zeros((len(LESIONS), 96, 96), np.float32)
    target[MA, ::4, ::4] = 1
    inside = np.ones((96, 96), np.float32)
    inside[:24] = 0
    return image, target, inside


@pytest.mark.parametrize("seed", range(12))
def test_a_bleed_is_dark_marked_and_hides_what_lies_beneath(crop, seed):
    image, target, inside = crop
    before = image.copy(), target.copy()
    bled, outlined = add_bleed(image, target, inside, np.random.default_rng(seed))
    assert np.array_equal(image, before[0])
    assert np.array_equal(target, before[1])

    marked = outlined[HE] > 0
    assert 0 < marked.mean() <= COVER[1]
    assert not outlined[MA][marked].any()
    assert np.array_equal(outlined[MA][~marked], target[MA][~marked])
    if marked.sum() > 100:  # less than that is all soft border
        assert bled[marked][:, 1].mean() < 0.9 * image[marked][:, 1].mean()


@pytest.mark.parametrize("seed", range(12))
def test_nothing_bleeds_outside_the_field_of_view(crop, seed):
    image, target, inside = crop
    bled, outlined = add_bleed(image, target, inside, np.random.default_rng(seed))
    assert np.array_equal(bled[:24], image[:24])
    assert np.array_equal(outlined[:, :24], target[:, :24])
