import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import label

from training.metrics.detection import (
    COVERAGE,
    FALSE_MARKS_PER_IMAGE,
    THRESHOLDS,
    count_lesions,
    froc_curve,
    froc_score,
    sensitivity_at,
)

SHAPE = (9, 11)
HALF = int(np.searchsorted(THRESHOLDS, 0.5 - 1e-9))


def boxes(*places, value=True, shape=(60, 60)):
    picture = np.zeros(shape, type(value))
    for rows, columns in places:
        picture[rows, columns] = value
    return picture


def at_half(probability, truth):
    counts = count_lesions(probability, truth)
    return counts.lesions, int(counts.found[HALF]), int(counts.false_marks[HALF])


def by_the_rule(probability, truth, threshold):
    """The rule of the module's docstring, region by region, with scikit-image."""
    lesions, marks = label(truth, connectivity=2), label(probability >= threshold, connectivity=2)
    good = [m for m in range(1, marks.max() + 1) if (lesions[marks == m] > 0).mean() >= COVERAGE]
    covered = np.isin(marks, good) & (marks > 0)
    found = sum(covered[lesions == each].mean() >= COVERAGE for each in range(1, lesions.max() + 1))
    return found, marks.max() - len(good)


@settings(max_examples=60)
@given(
    arrays(np.float32, SHAPE, elements=st.sampled_from(np.float32([0, 0.001, 0.2, 0.5, 0.8, 1]))),
    arrays(np.bool_, SHAPE),
    st.integers(0, len(THRESHOLDS) - 1),
)
def test_counts_are_those_of_the_rule(probability, truth, index):
    counts = count_lesions(probability, truth)
    assert counts.lesions == label(truth, connectivity=2).max()
    expected = by_the_rule(probability, truth, np.float32(THRESHOLDS[index]))
    assert (counts.found[index], counts.false_marks[index]) == expected


def test_a_mark_on_a_lesion_finds_it_and_one_beside_it_is_false():
    lesions = [(slice(5, 15), slice(5, 15)), (slice(30, 40), slice(30, 40))]
    truth = boxes(*lesions)
    assert at_half(boxes(lesions[0], value=0.9), truth) == (2, 1, 0)
    assert at_half(boxes((slice(50, 55), slice(5, 9)), value=0.9), truth) == (2, 0, 1)


def test_a_mark_that_floods_the_photograph_finds_nothing():
    truth = boxes((slice(5, 15), slice(5, 15)), (slice(30, 40), slice(30, 40)))
    assert at_half(np.full((60, 60), 0.9), truth) == (2, 0, 1)


def test_one_mark_may_find_two_lesions_and_a_touch_finds_none():
    near = [(slice(5, 15), slice(5, 15)), (slice(5, 15), slice(17, 27))]
    assert at_half(boxes((slice(5, 15), slice(5, 27)), value=0.9), boxes(*near)) == (2, 2, 0)
    touch = (slice(14, 16), slice(14, 16))
    assert at_half(boxes(touch, value=0.9), boxes(near[0])) == (1, 0, 0)


def test_empty_truth_and_empty_prediction():
    nothing = np.zeros((20, 20))
    assert at_half(nothing, np.zeros((20, 20), bool)) == (0, 0, 0)
    healthy = count_lesions(boxes((slice(2, 4), slice(2, 4)), value=0.9, shape=(20, 20)), np.zeros((20, 20), bool))
    assert (healthy.lesions, healthy.false_marks[HALF]) == (0, 1)
    assert np.isnan(froc_score([healthy]))
    blind = count_lesions(nothing, boxes((slice(2, 4), slice(2, 4)), shape=(20, 20)))
    assert froc_score([blind]) == 0


def test_a_perfect_network_scores_one_and_the_curve_is_per_photograph():
    truth = boxes((slice(5, 15), slice(5, 15)))
    perfect = count_lesions(truth.astype(float), truth)
    assert froc_score([perfect, perfect]) == 1
    wrong = count_lesions(boxes((slice(40, 50), slice(40, 50)), value=1.0), truth)
    false_marks, sensitivity = froc_curve([perfect, wrong])
    assert set(false_marks) == {0.5}
    assert set(sensitivity) == {0.5}
    assert sensitivity_at([perfect, wrong], 0.25) == 0
    assert froc_score([perfect, wrong]) == pytest.approx(0.5 * sum(x >= 0.5 for x in FALSE_MARKS_PER_IMAGE) / 7)


def test_more_false_marks_allowed_never_find_fewer_lesions():
    randomness = np.random.default_rng(3)
    truth = label(randomness.random((80, 80)) > 0.97, connectivity=2) > 0
    counts = [count_lesions(np.clip(randomness.normal(0.2 + 0.4 * truth, 0.2), 0, 1), truth) for _ in range(3)]
    found = [sensitivity_at(counts, marks) for marks in FALSE_MARKS_PER_IMAGE]
    assert found == sorted(found)


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match="truth is"):
        count_lesions(np.zeros((3, 3)), np.zeros((3, 4), bool))
