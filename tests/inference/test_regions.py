import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from inference.regions import find_regions


def labelled(mask: np.ndarray) -> list[tuple[float, ...]]:
    """What labelling every pixel says: area, box and centre of each area."""
    _, _, stats, centres = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    return sorted((area, *box, *centre) for (*box, area), centre in zip(stats[1:], centres[1:], strict=True))


def found(mask: np.ndarray) -> list[tuple[float, ...]]:
    regions = find_regions(mask)
    return sorted(
        (area, *box, *centre) for area, box, centre in zip(regions.areas, regions.boxes, regions.centres, strict=True)
    )


@settings(max_examples=300)
@given(arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=14)))
def test_regions_are_those_of_labelling_every_pixel(mask):
    assert found(mask) == labelled(mask)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.35, 0.5, 0.9, 1.0])
def test_so_they_are_in_crowded_masks(share):
    mask = np.random.default_rng(3).random((211, 307)) < share
    assert found(mask) == labelled(mask)


def test_regions_come_in_the_order_of_their_first_pixels():
    mask = np.zeros((20, 30), bool)
    mask[2:4, 20:24] = mask[2, 3] = mask[10:12, 1:3] = True
    assert find_regions(mask).boxes.tolist() == [[3, 2, 1, 1], [20, 2, 4, 2], [1, 10, 2, 2]]


def test_the_highest_value_of_each_region_is_told():
    mask = np.zeros((20, 30), bool)
    mask[2:4, 20:24] = mask[2, 3] = mask[10:12, 1:3] = True
    values = np.random.default_rng(5).integers(0, 256, mask.shape, np.uint8)
    expected = [values[2, 3], values[2:4, 20:24].max(), values[10:12, 1:3].max()]
    place = slice(2, 13), slice(1, 26)
    assert find_regions(mask, place, values[place]).peaks.tolist() == expected
    assert find_regions(~mask & False, place, values[place]).peaks.tolist() == []
