"""The commands, from photographs to measured weights, with networks and data of toy size."""

import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image
from safetensors.torch import save_file

from inference.cards import ModelCard
from inference.field_of_view import find_field_of_view
from inference.networks import NetworkSpec, build
from training.datasets.squares import read_rgb
from training.evaluation.weights import load_weights
from training.model_card import render


def configuration(tmp_path, data_root, manifest, name, body):
    path = tmp_path / f"{name}.toml"
    path.write_text(
        f"name = '{name}'\n{body}\n"
        f"[optimiser]\nbatch = 2\n[budget]\nsteps = 2\nvalidate_every = 100.0\n"
        f"[data]\nroot = '{data_root}'\nmanifest = '{manifest}'\n",
        encoding="utf-8",
    )
    return path


SEGMENTATION = """
[network]
architecture = "unet"
encoder = "se_resnet50"
encoder_depth = 4
decoder_channels = [8, 8, 8, 8]
head = "multilabel"
[input]
size = 128
crop = 64
"""
GRADING = """
[network]
architecture = "resnet50"
encoder = "resnet50"
head = "classes"
[input]
size = 64
scale = [0.9, 1.1]
"""


def test_a_lesion_network_from_photographs_to_measured_weights(tmp_path, data_root, manifest, monkeypatch):
    config = configuration(tmp_path, data_root, manifest, "toy", SEGMENTATION)
    data = "labelled = ['idrid']\nnegatives = ['normal400']\nnegatives_share = 0.3\n"
    config.write_text(config.read_text() + data)
    run, weights = tmp_path / "runs" / "toy", tmp_path / "weights" / "toy"
    call_command("train_segmentation", config=config, run=run, threads=1)
    text = tmp_path / "toy.md"
    call_command("export_weights", run=run, out=weights, weights_version="7", describe=text)

    card = ModelCard.from_json((weights / "card.json").read_text())
    assert (card.name, card.version, card.kind) == ("toy", "7", "segmentation")
    assert {source.name.split(" ")[0]: source.images for source in card.training_data} == {"IDRiD": 2, "Photographs": 4}
    assert text.read_text() == render(card)
    lesions = card.validation["lesions"]
    assert lesions["images"] == 2
    assert 0 < lesions["EX"]["ap"] <= 1
    assert lesions["EX"]["threshold"] == card.thresholds["EX"]
    assert card.validation["normal_eyes"]["images"] == 4

    out, arguments = tmp_path / "out", {"model": str(weights), "root": data_root, "manifest": manifest}
    call_command("evaluate", dataset="idrid", out=out, **arguments)
    measured = json.loads((out / "figures.json").read_text())
    assert measured["sha256"] == card.sha256
    assert measured["lesions"]["EX"]["ap"] == pytest.approx(lesions["EX"]["ap"], abs=1e-3)
    assert "EX, hard exudates" in (out / "card.md").read_text()
    assert {path.name for path in out.glob("*.png")} == {"precision_recall.png", "froc.png"}
    pages = [Image.open(path) for path in (out / "panels").iterdir()]
    assert len(pages) == 2
    assert all(page.width > 3 * page.height for page in pages)
    call_command("evaluate", dataset="idrid", out=out, detail="high", flips=True, **arguments)
    finer = json.loads((out / "figures.json").read_text())
    assert (finer["detail"], finer["flips"]) == ("high", True)
    assert finer["lesions"]["EX"]["ap"] != measured["lesions"]["EX"]["ap"]
    assert "in high detail, averaged over mirror images" in (out / "card.md").read_text()
    for dataset, normal in (("normal400", 4), ("eyepacs400", 2)):  # of the graded ones, those without disease
        call_command("evaluate", dataset=dataset, out=out, **arguments)
        assert json.loads((out / "figures.json").read_text())["normal_eyes"]["images"] == normal

    described = tmp_path / "described.md"
    monkeypatch.setenv("DRWEB_ENGINE", "pytorch")
    call_command("evaluate", dataset="eyepacs400", out=out, rule=True, record=True, describe=described, **arguments)
    by_rule = json.loads((out / "figures.json").read_text())["rule_grades"]
    assert np.sum(by_rule["confusion"]) == 4
    assert by_rule["confusion"][4] == [0] * 5
    recorded = ModelCard.from_json((weights / "card.json").read_text())
    assert recorded.validation["lesions"] == card.validation["lesions"]
    assert recorded.validation["rule_grades"]["accuracy"] == by_rule["accuracy"]
    assert described.read_text() == render(recorded)
    with pytest.raises(CommandError, match="no grades"):
        call_command("evaluate", dataset="idrid", out=out, rule=True, **arguments)
    with pytest.raises(CommandError, match="--record keeps"):
        call_command("evaluate", dataset="idrid", out=out, record=True, **arguments)

    student = configuration(tmp_path, data_root, manifest, "student", SEGMENTATION.replace("[input]", "[input]"))
    student.write_text(
        student.read_text() + "labelled = ['idrid']\nunlabelled = ['eyepacs400']\nunlabelled_share = 0.5\n"
        f"[distillation]\nteacher = '{weights}'\nfeature_weight = 0.5\n"
    )
    call_command("train_segmentation", config=student, run=tmp_path / "runs" / "student", threads=1)
    assert (tmp_path / "runs" / "student" / "best.safetensors").is_file()


def test_a_grader_from_photographs_to_measured_weights(tmp_path, data_root, manifest):
    config = configuration(tmp_path, data_root, manifest, "toy-grader", GRADING)
    config.write_text(config.read_text() + "labelled = ['eyepacs400']\n")
    run, weights = tmp_path / "runs" / "toy-grader", tmp_path / "weights" / "toy-grader"
    call_command("train_grading", config=config, run=run, threads=1)
    text = tmp_path / "toy.md"
    call_command("export_weights", run=run, out=weights, describe=text)
    card = ModelCard.from_json((weights / "card.json").read_text())
    assert card.kind == "grading"
    assert text.read_text() == render(card)
    assert card.validation["images"] == 4
    assert card.validation["patients"] == 4
    assert "competition rules" in card.training_data[0].licence
    assert 0.2 <= card.temperature <= 10
    out, arguments = tmp_path / "out", {"model": str(weights), "root": data_root, "manifest": manifest}
    call_command("evaluate", dataset="eyepacs400", out=out, **arguments)
    measured = json.loads((out / "figures.json").read_text())
    assert np.sum(measured["confusion"]) == 4
    frozen = card.validation["operating_points"]
    assert {name: point["threshold"] for name, point in measured["operating_points"].items()} == {
        name: point["threshold"] for name, point in frozen.items()
    }
    assert {path.name for path in out.glob("*.png")} == {"roc.png", "confusion.png", "reliability.png"}
    with pytest.raises(CommandError, match="no grades"):
        call_command("evaluate", dataset="idrid", out=out, **arguments)
    with pytest.raises(CommandError, match="is a grader"):
        call_command("evaluate", dataset="eyepacs400", out=out, rule=True, **arguments)
    with pytest.raises(CommandError, match="names a folder"):
        call_command("evaluate", dataset="eyepacs400", out=text, **arguments)


def test_photographs_of_ones_own_are_learnt_from_and_measured_on(tmp_path, data_root, manifest):
    own = data_root / "own"
    (data_root / "idrid").rename(own)
    (own / "dataset.toml").write_text(
        'title = "Our photographs"\nlicence = "internal use"\nmask_folders = { EX = "masks/EX" }\n'
    )
    call_command("datasets", "merge", "own=1/2", "normal400=1/2", root=data_root, out=manifest)
    config = configuration(tmp_path, data_root, manifest, "own", SEGMENTATION.replace("multilabel", "single:EX"))
    start = tmp_path / "start.safetensors"
    save_file(build(NetworkSpec("unet", "se_resnet50", 4, (8, 8, 8, 8))).state_dict(), start)
    config.write_text(f"initial_weights = '{start}'\n{config.read_text()}labelled = ['own']\n")
    run, weights = tmp_path / "runs" / "own", tmp_path / "weights" / "own"
    call_command("train_segmentation", config=config, run=run, threads=1)
    start.unlink()
    call_command("train_segmentation", config=config, run=run, threads=1)  # a run that has begun needs it no more
    call_command("export_weights", run=run, out=weights)
    card = ModelCard.from_json((weights / "card.json").read_text())
    assert [(source.name, source.licence, source.images) for source in card.training_data] == [
        ("Our photographs", "internal use", 2)
    ]
    out = tmp_path / "measured"
    call_command("evaluate", model=str(weights), root=data_root, dataset="own", split="all", out=out)
    assert json.loads((out / "figures.json").read_text())["lesions"]["images"] == 4


def test_an_ordinal_grader_from_photographs_to_measured_weights(tmp_path, data_root, manifest):
    config = configuration(tmp_path, data_root, manifest, "ordinal", GRADING.replace('"classes"', '"ordinal"'))
    config.write_text(config.read_text() + "labelled = ['eyepacs400']\n")
    run, weights = tmp_path / "runs" / "ordinal", tmp_path / "weights" / "ordinal"
    call_command("train_grading", config=config, run=run, threads=1)
    call_command("export_weights", run=run, out=weights)
    loaded = load_weights(weights)
    assert loaded.network.fc.out_features == 4
    rgb = read_rgb(data_root / "eyepacs400" / "images" / "1_left.png")
    probability = loaded.grades(rgb, find_field_of_view(rgb))
    assert probability.shape == (5,)
    assert probability.sum() == pytest.approx(1.0, abs=1e-5)
    assert (probability >= 0).all()
    assert sum(map(sum, loaded.card.validation["confusion"])) == 4


def test_a_run_that_cannot_go_on_says_why(tmp_path, data_root, manifest):
    body = SEGMENTATION.replace("size = 128", "size = 64").replace("crop = 64", "crop = 32")
    config = configuration(tmp_path, data_root, manifest, "toy", body)
    config.write_text(config.read_text().replace("batch = 2", "batch = 2\nlr = 1e38") + "labelled = ['idrid']\n")
    run = tmp_path / "runs" / "toy"
    with pytest.raises(CommandError, match=r"step 1: the loss is (nan|inf)"):
        call_command("train_segmentation", config=config, run=run, threads=1)
    config.write_text(config.read_text().replace("1e38", "1e-3"))
    with pytest.raises(CommandError, match=r"begun with other settings.*optimiser\.lr: 1e\+38, 0\.001"):
        call_command("train_segmentation", config=config, run=run, threads=1)
    config.write_text(config.read_text().replace("1e-3", "1e38"))
    manifest.write_text(manifest.read_text().replace(",val\n", ",train\n", 1))
    with pytest.raises(CommandError, match="begun on another split"):
        call_command("train_segmentation", config=config, run=run, threads=1)


@pytest.mark.parametrize(
    ("command", "labelled", "body", "message"),
    [
        ("train_segmentation", "['eyepacs400']", SEGMENTATION, "nobody outlined the lesions of eyepacs400"),
        ("train_segmentation", "[]", SEGMENTATION, "data.labelled: name a data set"),
        (
            "train_segmentation",
            "['idrid']",
            SEGMENTATION.replace("multilabel", "softmax"),
            "'focal_dice' is no loss of",
        ),
        ("train_segmentation", "['tjdr']", SEGMENTATION, "folder not found: .*tjdr"),
        ("train_grading", "['idrid']", GRADING, "nobody graded idrid"),
        ("train_grading", "['idrid']", SEGMENTATION, "unet is not trained by train_grading"),
    ],
)
def test_a_training_on_the_wrong_data_is_refused(tmp_path, data_root, manifest, command, labelled, body, message):
    config = configuration(tmp_path, data_root, manifest, "toy", body)
    config.write_text(config.read_text() + f"labelled = {labelled}\n")
    with pytest.raises(CommandError, match=message):
        call_command(command, config=config, run=tmp_path / "runs" / "toy", threads=1)


def test_altered_weights_are_refused(tmp_path, data_root, manifest):
    config = configuration(tmp_path, data_root, manifest, "toy-grader", GRADING)
    config.write_text(config.read_text() + "labelled = ['eyepacs400']\n")
    call_command("train_grading", config=config, run=tmp_path / "runs" / "g", threads=1)
    weights = tmp_path / "weights"
    call_command("export_weights", run=tmp_path / "runs" / "g", out=weights)
    file = weights / "model.safetensors"
    altered = bytearray(file.read_bytes())
    altered[-1] ^= 1
    file.write_bytes(bytes(altered))
    with pytest.raises(ValueError, match="sha256 differs"):
        load_weights(weights)


def test_missing_things_are_named(tmp_path, data_root, manifest):
    config = configuration(tmp_path, tmp_path / "nowhere", manifest, "toy", SEGMENTATION)
    config.write_text(config.read_text() + "labelled = ['idrid']\n")
    with pytest.raises(CommandError, match="nowhere"):
        call_command("train_segmentation", config=config, run=tmp_path / "runs" / "x", threads=1)
    with pytest.raises(CommandError, match=r"none\.toml"):
        call_command("train_segmentation", config=tmp_path / "none.toml")
    with pytest.raises(CommandError, match="configuration not found"):
        call_command("export_weights", run=tmp_path / "no-run")
    (tmp_path / "begun").mkdir()
    config.rename(tmp_path / "begun" / "config.toml")
    with pytest.raises(CommandError, match=r"begun.best\.safetensors"):
        call_command("export_weights", run=tmp_path / "begun")
    with pytest.raises(CommandError, match=r"no-trunk.model\.safetensors"):
        call_command("fit_grader", trunk=tmp_path / "no-trunk")
    with pytest.raises(CommandError, match=r"card\.json"):
        call_command("evaluate", model="nothing", dataset="idrid", root=data_root, manifest=manifest)
