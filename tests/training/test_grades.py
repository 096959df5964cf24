import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from torchmetrics.functional.classification import (
    binary_auroc,
    multiclass_auroc,
    multiclass_calibration_error,
    multiclass_cohen_kappa,
    multiclass_confusion_matrix,
    multiclass_recall,
)

from training.metrics import grades
from training.metrics.bootstrap import bootstrap_intervals


@pytest.fixture
def answers():
    randomness = np.random.default_rng(8)
    truth = randomness.choice(5, size=300, p=[0.6, 0.1, 0.2, 0.06, 0.04])
    logits = randomness.normal(size=(300, 5))
    logits[np.arange(300), truth] += 1.5
    return truth, logits


def test_figures_are_scikit_learns(answers):
    truth, logits = answers
    probability = grades.softmax(logits)
    figures = grades.grade_figures(truth, probability, range(len(truth)), rounds=50)
    predicted = probability.argmax(1)
    assert figures["accuracy"] == pytest.approx(sk.accuracy_score(truth, predicted))
    assert figures["quadratic_kappa"] == pytest.approx(sk.cohen_kappa_score(truth, predicted, weights="quadratic"))
    assert figures["macro_auc"] == pytest.approx(sk.roc_auc_score(truth, probability, multi_class="ovr"))
    assert figures["referable_auc"] == pytest.approx(sk.roc_auc_score(truth >= 2, probability[:, 2:].sum(1)))
    assert figures["confusion"] == sk.confusion_matrix(truth, predicted).tolist()
    assert figures["recall_per_grade"] == pytest.approx(sk.recall_score(truth, predicted, average=None).tolist())
    low, high = figures["accuracy_interval"]
    assert low < figures["accuracy"] < high


def test_one_class_only_gives_no_auc_and_no_crash():
    probability = grades.softmax(np.random.default_rng(1).normal(size=(10, 5)))
    figures = grades.grade_figures(np.zeros(10, int), probability, range(10), rounds=20)
    assert np.isnan(figures["referable_auc"])
    assert np.isnan(figures["macro_auc"])
    assert np.isnan(figures["recall_per_grade"][4])
    assert figures["operating_points"] == {}
    assert figures["roc_curve"] == []


def test_kappa_of_a_single_agreed_grade_is_not_a_number():
    assert np.isnan(grades.quadratic_kappa(np.full(5, 2), np.full(5, 2)))


def test_expected_calibration_error_by_hand():
    # Two answers of confidence .9, one right: a gap of .4; two of .6, both right: a gap of .4; each half the answers.
    rows = [[0.9, 0.1, 0, 0, 0], [0.9, 0.1, 0, 0, 0], [0.4, 0.6, 0, 0, 0], [0.4, 0.6, 0, 0, 0]]
    error = grades.expected_calibration_error(np.array([0, 1, 1, 1]), np.array(rows))
    assert error == pytest.approx(0.4)


def test_temperature_undoes_overconfidence(answers):
    truth, logits = answers
    right = grades.fit_temperature(logits, truth)
    assert grades.fit_temperature(logits * 4, truth) == pytest.approx(4 * right, rel=0.02)
    scaled = grades.expected_calibration_error(truth, grades.softmax(logits * 4, 4 * right))
    assert scaled < grades.expected_calibration_error(truth, grades.softmax(logits * 4))


def test_operating_points_reach_what_they_promise(answers):
    truth, logits = answers
    positive, score = truth >= 2, grades.referable_score(grades.softmax(logits))
    chosen = grades.choose_operating_points(positive, score)
    for name, rate in (("high_sensitivity", 0), ("high_specificity", 1)):
        found = grades.rates(positive, score, chosen[name])
        predicted = score >= chosen[name]
        assert found[0] == pytest.approx(sk.recall_score(positive, predicted))
        assert found[1] == pytest.approx(sk.recall_score(~positive, ~predicted))
        assert found[rate] >= 0.9
        # The best such threshold: no other reaches the aim with a better other rate.
        others = [grades.rates(positive, score, threshold) for threshold in np.unique(score)]
        assert found[1 - rate] == max(other[1 - rate] for other in others if other[rate] >= 0.9)


def test_frozen_operating_points_are_used_and_not_chosen_anew(answers):
    truth, logits = answers
    probability = grades.softmax(logits)
    frozen = {"high_sensitivity": 0.123, "high_specificity": 0.987}
    figures = grades.grade_figures(truth, probability, range(300), operating_points=frozen, rounds=20)
    positive, score = truth >= 2, grades.referable_score(probability)
    for name, threshold in frozen.items():
        point = figures["operating_points"][name]
        assert point["threshold"] == threshold
        assert (point["sensitivity"], point["specificity"]) == grades.rates(positive, score, threshold)
        low, high = point["sensitivity_interval"]
        assert low <= point["sensitivity"] <= high


five = st.lists(st.integers(0, 3), min_size=5, max_size=5)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), five), min_size=1, max_size=25))
def test_figures_of_any_answers_are_those_of_torchmetrics(answers):
    """Ties everywhere, and often one class only."""
    truth, logits = np.array([g for g, _ in answers]), np.array([row for _, row in answers], float)
    probability = grades.softmax(logits)
    tensors = torch.tensor(probability), torch.tensor(truth)
    figures = grades.grade_figures(truth, probability, range(len(truth)), rounds=2)
    # argmax of ties: the lowest grade in numpy, whichever in torch
    predicted = torch.tensor(probability.argmax(1))
    assert figures["accuracy"] == pytest.approx(float((predicted == tensors[1]).double().mean()))
    assert figures["confusion"] == multiclass_confusion_matrix(predicted, tensors[1], 5).tolist()
    if len(set(truth.tolist()) | set(predicted.tolist())) > 1:
        kappa = float(multiclass_cohen_kappa(predicted, tensors[1], 5, weights="quadratic"))
        assert figures["quadratic_kappa"] == pytest.approx(kappa, abs=1e-5)
    referable = torch.tensor(truth >= 2).int()
    if 0 < referable.sum() < len(truth):
        expected = float(binary_auroc(torch.tensor(grades.referable_score(probability)), referable))
        assert figures["referable_auc"] == pytest.approx(expected, abs=1e-5)
    recall = multiclass_recall(predicted, tensors[1], 5, average=None)
    for grade in set(truth.tolist()):
        assert figures["recall_per_grade"][grade] == pytest.approx(float(recall[grade]))


def test_calibration_error_and_areas_are_those_of_torchmetrics(answers):
    truth, logits = answers
    probability = grades.softmax(logits)
    tensors = torch.tensor(probability), torch.tensor(truth)
    error = float(multiclass_calibration_error(*tensors, 5, n_bins=15, norm="l1"))
    assert grades.expected_calibration_error(truth, probability) == pytest.approx(error, abs=1e-6)
    assert grades.macro_auc(truth, probability) == pytest.approx(float(multiclass_auroc(*tensors, 5)), abs=1e-6)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40))
def test_area_and_points_of_the_roc_curve_are_scikit_learns(rows):
    score, positive = np.array([s for s, _ in rows]) / 6, np.array([p for _, p in rows])
    if positive.all() or not positive.any():
        assert np.isnan(grades.auc(positive, score))
        assert grades.choose_operating_points(positive, score) == {}
        return
    assert grades.auc(positive, score) == pytest.approx(sk.roc_auc_score(positive, score))
    points = grades.roc_points(positive, score, 50)
    assert (points[0], points[-1]) == ((0, 0), (1, 1))
    assert np.trapezoid([y for _, y in points], [x for x, _ in points]) == pytest.approx(grades.auc(positive, score))
    for threshold in grades.choose_operating_points(positive, score).values():
        assert np.isfinite(threshold)


def mean_of(values):
    return lambda indices: {"mean": float(values[indices].mean())}


def test_bootstrap_draws_whole_patients():
    # Both eyes of a patient agree, so resampling eyes would give a narrower interval than resampling patients.
    values = np.repeat(np.random.default_rng(3).normal(size=40), 2)
    by_patient = bootstrap_intervals(mean_of(values), np.repeat(np.arange(40), 2), rounds=400)["mean"]
    by_eye = bootstrap_intervals(mean_of(values), range(80), rounds=400)["mean"]
    assert by_patient[1] - by_patient[0] > 1.2 * (by_eye[1] - by_eye[0])
    assert by_patient[0] < values.mean() < by_patient[1]


def test_bootstrap_of_a_mean_is_the_interval_of_the_normal_distribution():
    values = np.random.default_rng(4).normal(size=400)
    low, high = bootstrap_intervals(mean_of(values), range(400), rounds=2000)["mean"]
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.012)


def test_bootstrap_leaves_out_undefined_rounds():
    defined = iter(range(1000))
    intervals = bootstrap_intervals(
        lambda _: {"never": float("nan"), "sometimes": 1.0 if next(defined) % 2 else float("nan")}, range(4), rounds=50
    )
    assert np.isnan(intervals["never"]).all()
    assert intervals["sometimes"] == (1.0, 1.0)
