import numpy as np
import pytest
from sklearn import metrics as sk

from training.metrics import grades
from training.metrics.bootstrap import bootstrap_interval


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
    assert "operating_points" not in figures


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
    for wanted in ({"sensitivity": 0.9}, {"specificity": 0.9}):
        point = grades.operating_point(positive, score, **wanted)
        predicted = score >= point["threshold"]
        assert sk.recall_score(positive, predicted) == pytest.approx(point["sensitivity"])
        assert sk.recall_score(~positive, ~predicted) == pytest.approx(point["specificity"])
        name, value = next(iter(wanted.items()))
        assert point[name] >= value


def test_bootstrap_draws_whole_patients():
    # Both eyes of a patient agree, so resampling eyes would give a narrower interval than resampling patients.
    values = np.repeat(np.random.default_rng(3).normal(size=40), 2)
    by_patient = bootstrap_interval(lambda i: float(values[i].mean()), np.repeat(np.arange(40), 2), rounds=400)
    by_eye = bootstrap_interval(lambda i: float(values[i].mean()), range(80), rounds=400)
    assert by_patient[1] - by_patient[0] > 1.2 * (by_eye[1] - by_eye[0])
    assert by_patient[0] < values.mean() < by_patient[1]


def test_bootstrap_leaves_out_undefined_rounds():
    assert np.isnan(bootstrap_interval(lambda _: float("nan"), range(4), rounds=5)).all()
