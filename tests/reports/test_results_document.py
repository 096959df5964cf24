"""The document of the Results page: what it says and shows, in both languages."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from cases.reports import published
from cases.services.results import results_build
from inference.cards import DataSource, ModelCard, Normalisation
from inference.networks.spec import NetworkSpec
from tests.reports.pdfs import glyphs, pages, pictures

pytestmark = pytest.mark.django_db
LANGUAGES = [code for code, _name in django_settings.LANGUAGES]
LESION = {
    "ap": 0.7111, "ap_interval": [0.6001, 0.8009], "aupr_33_points": 0.7123, "dice": 0.6543, "iou": 0.4862,
    "dice_per_image": 0.6321, "froc_score": 0.4321, "froc_interval": [0.3, 0.5],
    "precision_recall_curve": [[0, 1], [0.5, 0.8], [1, 0.1]], "froc_curve": [[0.2, 0.1], [2, 0.5], [8, 0.9]],
}  # fmt: skip
GRADES = {
    "images": 80, "patients": 40, "accuracy": 0.6123, "accuracy_interval": [0.5, 0.7], "quadratic_kappa": 0.5432,
    "macro_auc": None, "referable_auc": 0.8765, "ece": 0.0678, "ece_before_scaling": 0.0987,
    "recall_per_grade": [0.9, None, 0.5, 0.4, 0.3], "confusion": [[4, 1, 0, 0, 0]] * 5, "roc_curve": [[0, 0], [1, 1]],
    "operating_points": {
        "high_sensitivity": {"threshold": 0.2345, "sensitivity": 0.91, "sensitivity_interval": [0.8, 1.0],
                             "specificity": 0.56, "specificity_interval": [0.5, 0.6]},
    },
    "reliability": [[5, 0.4, 0.5], [9, 0.8, 0.7]], "reliability_before_scaling": [[5, 0.5, 0.5], [9, 0.9, 0.7]],
}  # fmt: skip


@pytest.fixture(autouse=True)
def folders(settings, tmp_path, monkeypatch):
    settings.DRWEB_DATA_DIR = tmp_path / "data"
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tmp_path / "weights"))
    return tmp_path


def install(folder: Path, name: str, validation: dict, notes: str = "") -> None:
    if name == "grader":
        spec = NetworkSpec("resnet50", "resnet50", head="classes")
    else:
        spec = NetworkSpec("unet", "se_resnet50", 5, (256, 128, 64, 32, 16))
    card = ModelCard(
        name=name, kind="segmentation" if spec.is_segmentation else "grading", version="3", network=spec,
        input_size=960, normalisation=Normalisation((0.4, 0.3, 0.2), (0.2, 0.2, 0.2)),
        sha256=hashlib.sha256(b"x").hexdigest(), date="2026-01-02", lesions=spec.lesions,
        thresholds=dict.fromkeys(spec.lesions, 0.3), validation=validation, notes=notes,
        training_data=(DataSource("Some <data> & more", "CC BY 4.0", "somewhere", 4500),),
    )  # fmt: skip
    path = folder / "weights" / name
    path.mkdir(parents=True, exist_ok=True)
    (path / "card.json").write_text(card.to_json())
    (path / "model.safetensors").write_bytes(b"x")


@pytest.fixture
def installed(folders):
    lesions = {**dict.fromkeys(("EX", "SE", "HE", "MA"), LESION), "mean": LESION, "images": 14}
    install(folders, "unet", {"lesions": lesions, "normal_eyes": {"false_positive_area_percent": {"EX": 0.0123}}})
    install(folders, "grader", GRADES)
    return folders


def document(language: str) -> bytes:
    path = results_build(language=language)
    assert path is not None
    return path.read_bytes()


@pytest.mark.parametrize("language", LANGUAGES)
def test_figures_are_those_of_the_cards_and_those_of_others_stand_beside(installed, language):
    words = " ".join(pages(document(language)))
    for figure in ("0.711 (0.600–0.801)", "0.712", "0.654", "0.486", "0.632", "0.432", "0.0123", "0.612 (0.500–0.700)",
                   "0.543", "0.876", "0.068", "0.099", "0.234", "0.910 (0.800–1.000)", "4,500"):  # fmt: skip
        assert figure in words, figure
    for other in (*published.SEED_DICE, *published.SEED_IOU, published.SEED_SINGLE_DICE, published.IDRID_CHALLENGE):
        for value in (*other.values, other.mean):
            assert f"{value:.3f}" in words
    for value in (published.SEED_ACCURACY, published.SEED_AUC, published.GULSHAN_AUC):
        assert f"{value:.3f}" in words
    assert "Porwal" in words
    assert "Some <data> & more" in words
    assert "None" not in words
    assert "nan" not in words


def test_grades_by_rule_stand_there_once_measured(folders):
    point = {"sensitivity": 0.777, "sensitivity_interval": [0.7, 0.8], "specificity": 0.444}
    stated = {"images": 93, "accuracy": 0.3212, "accuracy_interval": [0.2, 0.4], "quadratic_kappa": 0.2221,
              "operating_points": {"grade_2_and_above": point}}  # fmt: skip
    install(folders, "unet", {"rule_grades": stated})
    words = " ".join(pages(document("en")))
    for figure in ("Grades by rule", "0.321 (0.200–0.400)", "0.222", "0.777 (0.700–0.800)", "0.444", "93"):
        assert figure in words


def test_what_is_said_in_english_is_said_in_chinese(installed):
    english, chinese = (" ".join(pages(document(language))) for language in ("en", "zh-hans"))
    assert "Method and results" in english
    assert "Limits" in english
    for part in ("方法与结果", "局限性", "原始报告", "未获监管许可", "可转诊病变"):
        assert part in chinese.replace(" ", "")
    for part in ("Method", "Limits", "Lesion", "Grade of"):
        assert part not in chinese


@pytest.mark.parametrize("language", LANGUAGES)
def test_five_charts_are_drawn_in_ink(installed, language):
    drawn = pictures(document(language))
    assert len(drawn) == 5
    for picture in drawn:
        assert 0.005 < (picture.min(axis=2) < 160).mean() < 0.6
    assert len({picture.tobytes() for picture in drawn}) == 5


def test_chinese_letters_are_ink_and_not_boxes(installed):
    characters = "方法概要病灶分级局限性灵敏度"
    drawn = glyphs(document("zh-hans"), characters)
    assert set(drawn) == set(characters)
    for char, pixels in drawn.items():
        assert (pixels < 140).mean() > 0.04, f"{char} has no ink"
    assert len({pixels.tobytes() for pixels in drawn.values()}) == len(drawn)


def test_charts_of_the_two_languages_differ_in_their_words_alone(installed):
    first, second = (pictures(document(language))[0].astype(int) for language in LANGUAGES[:2])
    assert first.shape == second.shape
    middle = (slice(200, 500), slice(300, 600))
    assert np.abs(first - second).max() > 100
    assert np.abs(first[middle] - second[middle]).mean() < 20


def test_it_is_made_once_and_anew_when_a_card_changes(installed):
    path = results_build(language="en")
    made = path.stat().st_mtime_ns
    assert results_build(language="en") == path
    assert path.stat().st_mtime_ns == made
    install(installed, "unet", {}, notes="Fine-tuned on the clinic's own photographs.")
    assert "Fine-tuned on the clinic's own photographs." in " ".join(pages(document("en")))
    assert not path.exists()


def test_cards_without_figures_still_make_a_document(folders):
    install(folders, "unet", {})
    install(folders, "grader", {})
    words = " ".join(pages(document("en")))
    assert "0.689" in words
    assert pictures(document("en")) == []


def test_the_command_makes_both_languages_and_refuses_without_networks(installed, tmp_path, monkeypatch):
    out = tmp_path / "out"
    call_command("build_results", out=out)
    assert sorted(path.name for path in out.iterdir()) == sorted(f"{language}.pdf" for language in LANGUAGES)
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tmp_path / "nothing"))
    with pytest.raises(CommandError, match="No network is installed"):
        call_command("build_results")
