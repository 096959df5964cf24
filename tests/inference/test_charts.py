"""Charts of a card's figures: drawn where there are figures, with the words and letters of the caller."""

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inference.cards import ModelCard, Normalisation
from inference.charts import ChartWords, card_charts
from inference.networks.spec import NetworkSpec
from tests.conftest import REPOSITORY

CHINESE = ChartWords(
    recall="召回率", precision="精确率", lesions={"EX": "硬性渗出", "SE": "软性渗出", "HE": "出血", "MA": "微动脉瘤"},
    font=REPOSITORY / "static" / "fonts" / "DroidSansFallbackFull.ttf",
)  # fmt: skip


def card(spec, validation):
    return ModelCard(
        name="some", kind="segmentation" if spec.is_segmentation else "grading", version="1", network=spec,
        input_size=960, normalisation=Normalisation((0.5,) * 3, (0.5,) * 3), sha256=hashlib.sha256(b"").hexdigest(),
        date="2026-01-02", lesions=spec.lesions, thresholds=dict.fromkeys(spec.lesions, 0.5), validation=validation,
    )  # fmt: skip


@pytest.fixture
def lesions():
    curve = {"precision_recall_curve": [[0, 1], [0.5, 0.8], [1, 0.1]], "froc_curve": [[0.0, 0.1], [2, 0.5], [8, 0.9]]}
    spec = NetworkSpec("unet", "se_resnet50", 5, (256, 128, 64, 32, 16))
    return card(spec, {"lesions": {"EX": curve, "MA": {"precision_recall_curve": [], "froc_curve": []}}})


@pytest.fixture
def grades():
    return card(
        NetworkSpec("resnet50", "resnet50", head="classes"),
        {
            "confusion": [[9, 1, 0, 0, 0], [1, 2, 0, 0, 0], [0, 1, 4, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]],
            "roc_curve": [[0, 0], [0.2, 0.7], [1, 1]],
            "operating_points": {"high_sensitivity": {"threshold": 0.3, "sensitivity": 0.9, "specificity": 0.5}},
            "reliability": [[5, 0.4, 0.5], [9, 0.8, 0.7]],
            "reliability_before_scaling": [[5, 0.5, 0.5], [9, 0.9, 0.7]],
        },
    )


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def coloured(png, colour):
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return int((np.abs(pixels(png) - wanted).max(axis=2) < 12).sum())


def test_a_lesion_network_has_two_charts_with_a_line_per_measured_lesion(lesions):
    charts = card_charts(lesions, ChartWords())
    assert set(charts) == {"precision_recall", "froc"}
    for chart in charts.values():
        assert coloured(chart, "#e69f00") > 500
        assert coloured(chart, "#009e73") == 0


def test_a_grader_has_three(grades):
    charts = card_charts(grades, ChartWords())
    assert set(charts) == {"roc", "confusion", "reliability"}
    assert coloured(charts["roc"], "#d55e00") > 20  # the operating point
    assert coloured(charts["reliability"], "#8a97a3") > 100


def test_the_picture_follows_the_figures(grades):
    other = [[0, 0, 0, 0, 10], *grades.validation["confusion"][1:]]
    first = card_charts(grades, ChartWords())["confusion"]
    second = card_charts(replace(grades, validation=grades.validation | {"confusion": other}), ChartWords())[
        "confusion"
    ]
    assert np.abs(pixels(first) - pixels(second)).max() > 100


def test_what_was_not_measured_is_not_drawn(lesions, grades):
    assert card_charts(replace(lesions, validation={}), ChartWords()) == {}
    assert card_charts(replace(grades, validation={}), ChartWords()) == {}
    without = {"operating_points": {"high_sensitivity": {"threshold": 1, "sensitivity": None, "specificity": None}}}
    assert "roc" in card_charts(replace(grades, validation=grades.validation | without), ChartWords())


def test_words_and_letters_are_the_callers(lesions, recwarn):
    english = card_charts(lesions, ChartWords())["precision_recall"]
    chinese = card_charts(lesions, CHINESE)["precision_recall"]
    assert not [w for w in recwarn if "Glyph" in str(w.message)]
    bottom = slice(-45, None)  # the name of the axis
    ink = [(pixels(png)[bottom].min(axis=2) < 100).sum() for png in (english, chinese)]
    assert min(ink) > 100
    assert np.abs(pixels(english)[bottom] - pixels(chinese)[bottom]).max() > 100
