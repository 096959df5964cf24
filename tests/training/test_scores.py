import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from torchmetrics.functional.classification import (
    binary_average_precision,
    binary_f1_score,
    binary_jaccard_index,
    binary_stat_scores,
)

from training.metrics.scores import LEVELS, ScoreHistogram


def histogram_of(scores, truth):
    histogram = ScoreHistogram()
    histogram.add(np.asarray(scores, np.float32), np.asarray(truth, bool))
    return histogram


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, LEVELS - 1), st.booleans()), min_size=1, max_size=60).filter(
        lambda rows: any(positive for _, positive in rows)
    )
)
def test_average_precision_is_scikit_learns_ties_included(rows):
    levels, truth = zip(*rows, strict=True)
    scores = np.array(levels) / (LEVELS - 1)
    expected = sk.average_precision_score(truth, scores)
    assert histogram_of(scores, truth).average_precision() == pytest.approx(expected, abs=1e-12)


def test_average_precision_of_many_random_pixels_is_scikit_learns():
    randomness = np.random.default_rng(1)
    truth = randomness.random(20_000) < 0.03
    scores = np.clip(randomness.normal(0.2 + 0.3 * truth, 0.2), 0, 1)
    expected = sk.average_precision_score(truth, np.rint(scores * (LEVELS - 1)))
    assert histogram_of(scores, truth).average_precision() == pytest.approx(expected, abs=1e-7)


def test_average_precision_without_a_positive_pixel_is_not_a_number():
    assert np.isnan(histogram_of([0.1, 0.9], [False, False]).average_precision())
    assert np.isnan(histogram_of([0.1, 0.9], [False, False]).aupr(33))


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 0.73, 1.0])
def test_dice_and_iou_are_scikit_learns(threshold):
    randomness = np.random.default_rng(2)
    scores, truth = np.rint(randomness.random(3000) * 100) / 100, randomness.random(3000) < 0.3
    histogram, predicted = histogram_of(scores, truth), scores >= threshold
    assert histogram.dice(threshold) == pytest.approx(sk.f1_score(truth, predicted, zero_division=0))
    assert histogram.iou(threshold) == pytest.approx(sk.jaccard_score(truth, predicted, zero_division=0))


def test_dice_of_empty_truth_is_one_for_an_empty_prediction_and_else_nothing():
    empty = histogram_of([0.1, 0.2, 0.3], [False] * 3)
    assert empty.dice(0.5) == 1.0
    assert empty.iou(0.5) == 1.0
    assert empty.dice(0.2) == 0.0


def test_best_dice_is_the_best_of_all_thresholds():
    randomness = np.random.default_rng(4)
    truth = randomness.random(2000) < 0.2
    scores = np.clip(randomness.normal(0.3 + 0.3 * truth, 0.15), 0.03, 0.97)
    histogram = histogram_of(scores, truth)
    threshold, dice = histogram.best_dice()
    assert histogram.dice(threshold) == pytest.approx(dice)
    assert dice >= max(histogram.dice(t) for t in np.linspace(0.03, 0.97, 400)) - 1e-12


@pytest.mark.parametrize("points", [11, 33])
def test_aupr_is_the_trapezoid_over_that_many_thresholds(points):
    randomness = np.random.default_rng(5)
    truth = randomness.random(4000) < 0.1
    scores = np.clip(randomness.normal(0.3 + 0.3 * truth, 0.2), 0, 1)
    rounded = np.rint(scores * (LEVELS - 1)) / (LEVELS - 1)
    recall, precision = [], []
    for threshold in np.linspace(0, 1, points):
        predicted = rounded >= np.rint(threshold * (LEVELS - 1)) / (LEVELS - 1)
        recall.append(sk.recall_score(truth, predicted))
        precision.append(sk.precision_score(truth, predicted, zero_division=1.0))
    assert histogram_of(scores, truth).aupr(points) == pytest.approx(sk.auc(recall, precision), abs=1e-9)


def test_pooling_two_photographs_is_the_histogram_of_all_their_pixels():
    randomness = np.random.default_rng(6)
    scores, truth = randomness.random(500), randomness.random(500) < 0.4
    parts = ScoreHistogram.pooled([histogram_of(scores[:200], truth[:200]), histogram_of(scores[200:], truth[200:])])
    assert parts.average_precision() == histogram_of(scores, truth).average_precision()


pixels = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=40)


@settings(max_examples=80)
@given(pixels, st.integers(0, 8))
def test_figures_of_any_pixels_are_those_of_torchmetrics(rows, level):
    """Ties everywhere, and often one class only, an empty truth or an empty prediction."""
    scores, truth = np.array([s for s, _ in rows]) / 8, np.array([t for _, t in rows])
    histogram, threshold = histogram_of(scores, truth), level / 8
    tensors = torch.tensor(scores), torch.tensor(truth).int()
    predicted = torch.tensor(scores >= threshold).int()
    if truth.any():
        assert histogram.average_precision() == pytest.approx(float(binary_average_precision(*tensors)), abs=1e-6)
    if truth.any() or predicted.any():
        assert histogram.dice(threshold) == pytest.approx(float(binary_f1_score(predicted, tensors[1])))
        assert histogram.iou(threshold) == pytest.approx(float(binary_jaccard_index(predicted, tensors[1])))
    else:
        assert histogram.dice(threshold) == histogram.iou(threshold) == 1.0
    counts = binary_stat_scores(predicted, tensors[1]).tolist()
    assert histogram.confusion(threshold) == (counts[0], counts[1], counts[3])


@settings(max_examples=40)
@given(pixels, st.integers(2, 12))
def test_points_of_the_curve_lie_on_scikit_learns(rows, points):
    scores, truth = np.array([s for s, _ in rows]) / 8, np.array([t for _, t in rows])
    found = histogram_of(scores, truth).precision_recall(points)
    assert len(found) <= points
    if not truth.any():
        assert found == []
        return
    precision, recall, _ = sk.precision_recall_curve(truth, scores)
    exact = {(round(r, 9), round(p, 9)) for r, p in zip(recall, precision, strict=True)}
    assert {(round(r, 9), round(p, 9)) for r, p in found} <= exact
    assert found[-1][0] == 1.0
    assert [recall for recall, _ in found] == sorted(recall for recall, _ in found)


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match="truth is"):
        ScoreHistogram().add(np.zeros(3, np.float32), np.zeros(4, bool))
