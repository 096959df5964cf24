"""Figures of lesion networks from pixels: pooled, per photograph, over lesions, with their intervals."""

import json
import math

import numpy as np
import pytest
from sklearn import metrics as sk

from inference.cards import finite
from training.evaluation.segmentation import ImageScores, LesionScores, choose_thresholds, lesion_figures
from training.metrics.detection import count_lesions
from training.metrics.scores import LEVELS, ScoreHistogram

SHAPE = (40, 40)


def photograph(randomness, share, sharpness=0.3):
    truth = np.zeros(SHAPE, bool)
    for row, column in randomness.integers(0, 34, (round(share * 100), 2)):
        truth[row : row + 5, column : column + 5] = True
    scores = np.clip(randomness.normal(0.3 + sharpness * truth, 0.1), 0, 1)
    return np.rint(scores * (LEVELS - 1)) / (LEVELS - 1), truth


def scores_of(photographs, patients=None):
    images = {lesion: [] for lesion in photographs}
    for lesion, own in photographs.items():
        for scores, truth in own:
            pixels = ScoreHistogram()
            pixels.add(scores, truth)
            images[lesion].append(ImageScores(pixels, count_lesions(scores, truth)))
    count = len(next(iter(images.values())))
    return LesionScores(images, patients or [str(number) for number in range(count)])


@pytest.fixture
def photographs():
    randomness = np.random.default_rng(2)
    return {
        "EX": [photograph(randomness, 0.1) for _ in range(5)],
        "SE": [photograph(randomness, share) for share in (0.1, 0, 0, 0.05, 0)],
    }


def test_figures_are_scikit_learns_pooled_and_per_photograph(photographs):
    figures = lesion_figures(scores_of(photographs), {"EX": 0.42, "SE": 0.5}, rounds=20)
    for lesion, threshold in (("EX", 0.42), ("SE", 0.5)):
        truth = np.concatenate([t.ravel() for _, t in photographs[lesion]])
        scores = np.concatenate([s.ravel() for s, _ in photographs[lesion]])
        own = figures[lesion]
        assert own["ap"] == pytest.approx(sk.average_precision_score(truth, scores))
        assert own["dice"] == pytest.approx(sk.f1_score(truth, scores >= threshold))
        assert own["iou"] == pytest.approx(sk.jaccard_score(truth, scores >= threshold))
        assert own["dice_at_half"] == pytest.approx(sk.f1_score(truth, scores >= 0.5))
        with_lesion = [(t.ravel(), s.ravel()) for s, t in photographs[lesion] if t.any()]
        for name, cut, function in (
            ("dice_per_image", threshold, sk.f1_score),
            ("dice_per_image_at_half", 0.5, sk.f1_score),
            ("iou_per_image", threshold, sk.jaccard_score),
            ("iou_per_image_at_half", 0.5, sk.jaccard_score),
        ):
            assert own[name] == pytest.approx(np.mean([function(t, s >= cut) for t, s in with_lesion]))
        marked = [(s >= threshold).any() for s, _ in photographs[lesion]]
        present = [t.any() for _, t in photographs[lesion]]
        assert own["presence_sensitivity"] == pytest.approx(sk.recall_score(present, marked))
        assert own["images_with_lesion"] == sum(present)
    assert figures["SE"]["presence_specificity"] == pytest.approx(
        sk.recall_score(
            [not t.any() for _, t in photographs["SE"]], [not (s >= 0.5).any() for s, _ in photographs["SE"]]
        )
    )
    assert math.isnan(figures["EX"]["presence_specificity"])  # no photograph is without
    for name in ("ap", "dice", "iou_per_image", "froc_score"):
        assert figures["mean"][name] == pytest.approx((figures["EX"][name] + figures["SE"][name]) / 2)


def test_every_figure_lies_in_its_interval_and_curves_stay_small(photographs):
    figures = lesion_figures(scores_of(photographs), {"EX": 0.42, "SE": 0.5}, rounds=200)
    for own in (figures["EX"], figures["SE"], figures["mean"]):
        for name in ("ap", "dice", "iou", "dice_per_image", "froc_score"):
            low, high = own[f"{name}_interval"]
            assert low <= own[name] <= high
    assert all(len(figures["EX"][curve]) <= 60 for curve in ("precision_recall_curve", "froc_curve"))
    json.dumps(finite(figures), allow_nan=False)


def test_photographs_of_one_patient_are_drawn_together():
    randomness = np.random.default_rng(5)
    blurred = [photograph(randomness, 0.1, sharpness) for sharpness in (0.05, 0.4, 0.2)]
    twice = {"EX": [each for each in blurred for _ in range(6)]}
    single = lesion_figures(scores_of(twice), {"EX": 0.4}, rounds=200)["EX"]["ap_interval"]
    by_patient = lesion_figures(scores_of(twice, [str(i // 6) for i in range(18)]), {"EX": 0.4}, rounds=200)
    low, high = by_patient["EX"]["ap_interval"]
    assert high - low > 1.3 * (single[1] - single[0])
    assert (by_patient["images"], by_patient["patients"]) == (18, 3)


def test_a_mean_is_drawn_over_the_same_lesions_in_every_round():
    randomness = np.random.default_rng(7)
    sharp, blurred = (photograph(randomness, 0.1, sharpness) for sharpness in (1.0, 0.02))
    empty = (np.zeros(SHAPE), np.zeros(SHAPE, bool))
    # One lesion is perfect but in one photograph only: most rounds miss it, and must not count as a mean of the other.
    figures = lesion_figures(scores_of({"EX": [blurred] * 4, "SE": [sharp] + [empty] * 3}), {"EX": 0.4, "SE": 0.4}, 200)
    assert figures["mean"]["ap_interval"][0] == pytest.approx(figures["mean"]["ap"], abs=0.05)


def test_a_lesion_that_no_photograph_has_is_left_out_of_the_means(photographs):
    photographs["SE"] = [(np.zeros(SHAPE), np.zeros(SHAPE, bool))] * 5
    figures = lesion_figures(scores_of(photographs), {"EX": 0.42, "SE": 0.5}, rounds=10)
    nothing = figures["SE"]
    assert all(math.isnan(nothing[name]) for name in ("ap", "dice_per_image", "froc_score", "presence_sensitivity"))
    assert (nothing["dice"], nothing["presence_specificity"]) == (1.0, 1.0)
    assert nothing["precision_recall_curve"] == nothing["froc_curve"] == []
    assert figures["mean"]["ap"] == figures["EX"]["ap"]


def test_an_empty_prediction_finds_nothing(photographs):
    blind = {lesion: [(np.zeros(SHAPE), truth) for _, truth in own] for lesion, own in photographs.items()}
    figures = lesion_figures(scores_of(blind), {"EX": 0.5, "SE": 0.5}, rounds=10)
    assert figures["EX"]["dice"] == figures["EX"]["froc_score"] == figures["EX"]["presence_sensitivity"] == 0
    assert figures["SE"]["presence_specificity"] == 1


def test_thresholds_are_those_of_the_highest_pooled_dice(photographs):
    chosen = choose_thresholds(scores_of(photographs))
    truth = np.concatenate([t.ravel() for _, t in photographs["EX"]])
    scores = np.concatenate([s.ravel() for s, _ in photographs["EX"]])
    best = max(sk.f1_score(truth, scores >= cut) for cut in np.linspace(0.3, 0.7, 81))
    assert sk.f1_score(truth, scores >= chosen["EX"]) >= best - 2e-3
