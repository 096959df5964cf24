"""How sure a network must be for the grade by rule: chosen on training photographs, frozen, and used to measure."""

import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from inference.analysis import areas_of, lesion_maps, level_of, unsure_of
from inference.cards import ModelCard
from inference.field_of_view import find_field_of_view
from inference.field_view import field_view
from inference.landmarks import find_landmarks, point_of
from inference.lesions import LESIONS
from inference.preprocessing import Pyramid, crop_to_square, square_geometry
from inference.rules import grade_by_rule
from tests.tiny_weights import spec_of, write_tiny_model
from tests.training.conftest import photograph
from training.datasets.records import DatasetError, Record
from training.datasets.squares import read_rgb
from training.evaluation.rule import RuleView, grade_at, network_in, rule_figures, rule_view
from training.model_card import render
from training.rule_certainty import choose_certainty

MASKS = {"EX": 110, "SE": 114, "HE": 61, "MA": 85}


def view(number: int, grade: int, severe: int = 0, **surest: int) -> RuleView:
    return RuleView(
        f"{number}.png", f"s/{number // 2}", grade, {**dict.fromkeys(LESIONS, 0), **surest, "severe": severe}
    )


@pytest.fixture(autouse=True)
def _pytorch(monkeypatch):
    monkeypatch.setenv("DRWEB_ENGINE", "pytorch")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "unet"
    write_tiny_model(folder, spec_of("unet"))
    return folder


def test_levels_lie_above_what_eyes_without_disease_reach():
    healthy = [view(n, 0, EX=150 + n % 40, HE=70, MA=120 + n % 3) for n in range(200)]
    mild = [view(200 + n, 1, HE=70, MA=150) for n in range(20)]
    ill = [view(220 + n, 2, EX=210 + n % 30, HE=80) for n in range(40)]
    found = choose_certainty(healthy + mild + ill, MASKS)
    assert {lesion: level_of(level) for lesion, level in found.levels.items()} == {
        "EX": level_of(0.8),  # between 189 and 210
        "SE": MASKS["SE"],  # nothing was ever marked: the mask's own threshold
        "HE": level_of(0.3),  # between 70 and 80
        "MA": level_of(0.5),  # between 122 and 150
    }
    said = found.chosen["cross_validated"]
    assert (said["sensitivity"], said["specificity"], said["quadratic_kappa"], said["accuracy"]) == (1, 1, 1, 1)
    assert (found.chosen["without"]["sensitivity"], found.chosen["without"]["specificity"]) == (1, 0)
    assert (found.chosen["images"], found.chosen["patients"]) == (260, 130)


def test_cross_validation_does_not_flatter_what_is_chance():
    rng = np.random.default_rng(0)
    views = [
        view(n, 2 * (n % 8 < 2), EX=int(rng.integers(110, 256)), HE=int(rng.integers(61, 256))) for n in range(160)
    ]
    said = choose_certainty(views, MASKS).chosen["cross_validated"]
    assert said["sensitivity"] + said["specificity"] < 1.15


def test_too_few_patients_are_refused():
    with pytest.raises(DatasetError, match="5 patients with referable disease"):
        choose_certainty([view(n, 2 * (n % 2)) for n in range(8)], MASKS)


@pytest.mark.parametrize("level", [1, 90, 200, 255])
def test_figures_are_of_the_grades_at_the_levels(level):
    rng = np.random.default_rng(level)
    rows = rng.integers(0, 256, (120, 4)) * rng.integers(0, 2, (120, 4))  # half of them nowhere
    views = [
        view(
            number, number % 5, severe=int(row[2]) if number % 3 else 0, **dict(zip(LESIONS, row.tolist(), strict=True))
        )
        for number, row in enumerate(rows)
    ]
    levels = dict.fromkeys(LESIONS, level)
    figures = rule_figures(views, levels, rounds=2)
    expected = np.zeros((5, 5), int)
    for own in views:
        expected[own.grade, grade_at(own, levels)] += 1
    assert figures["confusion"] == expected.tolist()
    point = figures["operating_points"]["grade_2_and_above"]
    assert point["sensitivity"] == pytest.approx(expected[2:, 2:].sum() / expected[2:].sum())
    assert point["specificity"] == pytest.approx(expected[:2, :2].sum() / expected[:2].sum())


def test_photographs_are_ranked_by_their_surest_area():
    views = [view(2 * n, 2 * (n > 4), EX=120 + 10 * n, MA=255) for n in range(10)]
    assert rule_figures(views, MASKS, rounds=2)["referable_auc"] == 1  # although all of them have grade 2 by rule
    assert rule_figures(views, MASKS, rounds=2)["operating_points"]["grade_2_and_above"]["specificity"] == 0


def test_what_the_rule_sees_is_what_it_says_at_every_level(tiny, tmp_path):
    photograph(tmp_path / "a.png", 3)
    network = network_in(tiny)
    seen = rule_view(network, Record(tmp_path / "a.png", "s", "p", grade=2))
    assert (seen.patient, seen.grade) == ("s/p", 2)
    rgb = read_rgb(tmp_path / "a.png")
    fov = find_field_of_view(rgb)
    maps = lesion_maps(network, Pyramid(crop_to_square(rgb, fov)))
    areas = areas_of(maps, network.card, square_geometry(fov, network.card.input_size), fov, rgb.shape)
    landmarks = find_landmarks(field_view(rgb, fov))
    grades = set()
    for level in range(1, 256, 3):
        unsure = {lesion: unsure_of(regions, level / 255) for lesion, regions in areas.items()}
        said = grade_by_rule(areas, fov, point_of(landmarks.disc), point_of(landmarks.fovea), unsure).grade
        assert grade_at(seen, dict.fromkeys(LESIONS, level)) == said
        grades.add(said)
    assert len(grades) > 1


def test_the_command_freezes_the_levels_and_goes_on_where_it_was_stopped(tiny, tmp_path, monkeypatch, capsys):
    root, weights, table = tmp_path / "data", tmp_path / "unet", tmp_path / "table.jsonl"
    weights.mkdir()
    for file in tiny.iterdir():
        (weights / file.name).write_bytes(file.read_bytes())
    rows = ["image,patient,eye,grade"]
    for patient in range(24):
        photograph(root / "eyepacs400" / "images" / f"{patient}_left.png", patient)
        rows.append(f"{patient}_left.png,{patient},left,{(0, 2)[patient % 2]}")
    (root / "eyepacs400" / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    manifest = tmp_path / "split.csv"
    call_command("datasets", "merge", "eyepacs400=1/4", root=root, seed=1, out=manifest)
    data = {"model": str(weights), "dataset": "eyepacs400", "root": root, "manifest": manifest}
    chosen = {"table": table, "describe": tmp_path / "unet.md", **data}
    before = ModelCard.from_json((weights / "card.json").read_text())

    call_command("choose_rule_certainty", **chosen)
    card = ModelCard.from_json((weights / "card.json").read_text())
    assert set(card.rule_certainty.levels) == set(LESIONS)
    assert all(
        level_of(level) >= level_of(before.thresholds[name]) for name, level in card.rule_certainty.levels.items()
    )
    assert card.thresholds == before.thresholds
    facts = card.rule_certainty.chosen
    assert (facts["data"], facts["split"], facts["images"]) == (["eyepacs400"], "train", 18)
    assert (tmp_path / "unet.md").read_text() == render(card)
    assert "18 training photographs" in render(card)

    lines = table.read_text().splitlines(keepends=True)
    assert len(lines) == 18
    table.write_text("".join(lines[:-2]))
    seen = []
    monkeypatch.setattr("training.rule_certainty.rule_view", lambda *args: seen.append(1) or rule_view(*args))
    call_command("choose_rule_certainty", **chosen)
    assert len(seen) == 2
    assert ModelCard.from_json((weights / "card.json").read_text()) == card
    table.write_text(table.read_text().replace(card.sha256, "0" * 64))
    with pytest.raises(CommandError, match="made with other weights"):
        call_command("choose_rule_certainty", **chosen)

    out = tmp_path / "out"
    call_command("evaluate", rule=True, out=out, **data)
    figures = json.loads((out / "figures.json").read_text())["rule_grades"]
    network = network_in(weights)
    levels = {lesion: level_of(level) for lesion, level in card.rule_certainty.levels.items()}
    held = [row.split(",")[0] for row in manifest.read_text().splitlines() if row.endswith(",val")]
    expected = np.zeros((5, 5), int)
    for path in held:
        patient = int(path.rpartition("/")[2].partition("_")[0])
        record = Record(root / path, "eyepacs400", str(patient), grade=(0, 2)[patient % 2])
        expected[record.grade, grade_at(rule_view(network, record), levels)] += 1
    assert expected.sum() == 6
    assert figures["confusion"] == expected.tolist()
