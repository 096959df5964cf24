import dataclasses
import json

import pytest

from inference.cards import DataSource, ModelCard, Normalisation, RuleCertainty
from inference.networks import NetworkSpec


@pytest.fixture
def card():
    return ModelCard(
        name="unet",
        kind="segmentation",
        version="1",
        network=NetworkSpec("unet", "se_resnet50", 4, (128, 64, 32, 16)),
        input_size=960,
        normalisation=Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        sha256="ab" * 32,
        date="2026-05-04",
        lesions=("EX", "SE", "HE", "MA"),
        thresholds={"EX": 0.5, "SE": 0.4, "HE": 0.3, "MA": 0.2},
        training_data=(DataSource("IDRiD", "CC BY 4.0", "doi", 45),),
        validation={"mean": {"ap": 0.5}},
    )


def test_a_card_survives_its_file(card):
    assert ModelCard.from_json(card.to_json()) == card


def test_so_does_how_sure_a_network_must_be_for_the_rule(card):
    sure = dataclasses.replace(
        card, rule_certainty=RuleCertainty({"EX": 0.9, "SE": 0.8, "HE": 0.7, "MA": 0.6}, {"split": "train"})
    )
    assert ModelCard.from_json(sure.to_json()) == sure


def test_a_graders_card_survives_its_file(card):
    grader = dataclasses.replace(
        card, name="grader", kind="grading", network=NetworkSpec("resnet50", "resnet50", head="classes"),
        input_size=384, lesions=(), thresholds={}, temperature=1.3,
    )  # fmt: skip
    assert ModelCard.from_json(grader.to_json()) == grader


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "xyz"}, "sha256"),
        ({"input_size": 950}, "input_size 950 is not a positive multiple of 16"),
        ({"thresholds": {"EX": 0.5}}, "thresholds"),
        ({"thresholds": {"EX": 0.5, "SE": 0.4, "HE": 0.3, "MA": 1.2}}, "between 0 and 1"),
        ({"rule_certainty": {"levels": {"EX": 0.5}}}, "rule_certainty needs exactly one level per lesion"),
        ({"rule_certainty": {"levels": {"EX": 0.5, "SE": 0.5, "HE": 0.5, "MA": 2}}}, "levels of certainty"),
        ({"rule_certainty": {"least": {}}}, "unknown fields least"),
        ({"temperature": 0}, "temperature"),
        ({"kind": "grading"}, "kind and network"),
        ({"kind": "poetry"}, "poetry"),
        ({"lesions": ["EX"]}, "lesions"),
        ({"normalisation": {"mean": [0, 0], "std": [1, 1, 1]}}, "normalisation"),
        ({"date": "yesterday"}, "yesterday"),
        ({"author": "me"}, "unknown fields author"),
        ({"network": {"architecture": "unet"}}, "missing fields encoder"),
        ({"network": 3}, "expected an object"),
    ],
)
def test_a_wrong_card_is_refused_with_its_fault(card, change, message):
    raw = json.loads(card.to_json()) | change
    with pytest.raises(ValueError, match=message):
        ModelCard.from_json(json.dumps(raw))


def test_a_grade_is_not_asked_of_a_half_turn(card):
    with pytest.raises(ValueError, match="half_turn is for lesion networks"):
        dataclasses.replace(
            card, kind="grading", network=NetworkSpec("resnet50", "resnet50", head="classes"),
            lesions=(), thresholds={}, half_turn=True,
        )  # fmt: skip


def test_a_card_with_a_missing_field_is_refused(card):
    raw = json.loads(card.to_json())
    del raw["sha256"]
    with pytest.raises(ValueError, match="missing fields sha256"):
        ModelCard.from_json(json.dumps(raw))


def test_figures_that_are_not_defined_are_null_in_the_file(card):
    undefined = dataclasses.replace(card, validation={"EX": {"presence_specificity": float("nan"), "interval": (0, 1)}})
    text = undefined.to_json()
    assert "NaN" not in text
    assert ModelCard.from_json(text).validation == {"EX": {"presence_specificity": None, "interval": [0, 1]}}


def test_no_card_yields_a_number_that_json_cannot_hold(card):
    text = card.to_json().replace('"ap": 0.5', '"ap": NaN')
    assert ModelCard.from_json(text).validation == {"mean": {"ap": None}}
