"""What the seed report did, to be repeated: its transforms, and its trainings from configuration to run folder."""

import json
import re

import albumentations as albu
import cv2
import numpy as np
import pytest
import torch
from django.core.management import call_command
from PIL import Image
from torchvision.transforms import v2

from tests.conftest import REPOSITORY
from training.config import OptimiserConfig, load_config
from training.loop import lr_factor
from training.optimiser import make_optimiser
from training.transforms import retina_radius, scale_to_radius, seed_grading, seed_segmentation

CONFIGS = REPOSITORY / "training" / "configs"


def retina(radius, height, width):
    """A textured disc on black, as any camera may frame it."""
    ys, xs = np.mgrid[:height, :width]
    disc = np.hypot(xs - width / 2 + 0.5, ys - height / 2 + 0.5) < radius
    colour = np.array([180, 90, 40]) * (1 + 0.2 * np.sin(xs / 9)[..., None])
    return (disc[..., None] * colour).astype(np.uint8)


def test_the_list_for_segmentation_has_its_steps_and_strengths():
    steps = {type(step).__name__: step for step in seed_segmentation(480).transforms}
    assert list(steps) == [
        "Resize", "HorizontalFlip", "Affine", "PadIfNeeded", "RandomCrop", "GaussNoise", "CLAHE", "OneOf",
    ]  # fmt: skip
    assert (steps["Resize"].height, steps["RandomCrop"].width, steps["PadIfNeeded"].min_height) == (480, 480, 480)
    assert steps["HorizontalFlip"].p == 0.5
    affine = steps["Affine"]
    assert (affine.p, affine.rotate, affine.border_mode) == (1, (-45, 45), cv2.BORDER_CONSTANT)
    assert affine.scale == {"x": (0.95, 1.05), "y": (0.95, 1.05)}
    assert affine.translate_percent == {"x": (-0.05, 0.05), "y": (-0.05, 0.05)}
    assert affine.keep_ratio
    assert steps["GaussNoise"].p == 0.2
    assert np.square(np.array(steps["GaussNoise"].std_range) * 255) == pytest.approx([10, 50])
    assert steps["CLAHE"].p == 1
    assert steps["OneOf"].p == 0.9
    assert [type(step) for step in steps["OneOf"].transforms] == [albu.Sharpen, albu.Blur, albu.MotionBlur]
    assert all(step.blur_limit == (3, 3) for step in steps["OneOf"].transforms[1:])


@pytest.mark.parametrize(("radius", "height", "width"), [(200, 480, 640), (60, 130, 150), (300, 500, 900)])
def test_every_retina_is_brought_to_one_radius(radius, height, width):
    photograph = retina(radius, height, width)
    assert retina_radius(photograph) == pytest.approx(radius, abs=1)
    scaled = scale_to_radius(photograph, 256)
    assert retina_radius(scaled) == pytest.approx(256, abs=2)
    assert scaled.shape[1] / scaled.shape[0] == pytest.approx(width / height, abs=0.01)


def test_a_black_photograph_has_no_radius_to_scale():
    black = np.zeros((40, 50, 3), np.uint8)
    assert retina_radius(black) == 0
    assert np.array_equal(scale_to_radius(black, 256), black)


def test_the_list_for_grading_is_the_reports(monkeypatch):
    made = []
    compose = v2.Compose
    monkeypatch.setattr(v2, "Compose", lambda steps: made.append(steps) or compose(steps))
    before = torch.random.get_rng_state()
    photograph = retina(200, 480, 640)
    results = [seed_grading(photograph, 512, seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.random.get_rng_state(), before)  # nobody else's chances are touched
    assert results[0].shape == (512, 512, 3)
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])
    crop, left_right, turn, upside_down, _ = made[0]
    assert (left_right.p, upside_down.p) == (0.5, 0.3)
    assert isinstance(left_right, v2.RandomHorizontalFlip)
    assert isinstance(upside_down, v2.RandomVerticalFlip)
    assert turn.degrees == [-30.0, 30.0]
    assert crop.size == (512, 512)
    strengths = np.array([[j[4].brightness[1] - 1, j[4].contrast[1] - 1, j[4].saturation[1] - 1, j[4].hue[1]]
                          for j in made])  # fmt: skip
    assert (strengths >= 0).all()
    assert strengths.max() < 0.05  # .01 |N(0, 1)|


def test_the_strength_of_the_jitter_is_a_hundredth_of_a_normal_number(monkeypatch):
    strengths = []
    jitter = v2.ColorJitter
    monkeypatch.setattr(v2, "ColorJitter", lambda *own: strengths.append(own) or jitter(*own))
    for seed in range(200):
        seed_grading(retina(14, 32, 32), 32, seed)
    assert np.mean(strengths) == pytest.approx(0.01 * np.sqrt(2 / np.pi), rel=0.1)  # E|N(0, 1)|


def test_adam_is_plain():
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    config = load_config(CONFIGS / "seed-grader.toml")
    optimiser = make_optimiser(network, config)
    assert type(optimiser) is torch.optim.Adam
    assert {group["weight_decay"] for group in optimiser.param_groups} == {0.0}
    settings = config.optimiser
    assert [lr_factor(x, settings.warmup, settings.schedule) for x in (0.0, 0.5, 1.0)] == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match=r"optimiser\.name 'sgd'; known: adamw, adam"):
        OptimiserConfig(name="sgd")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["seed-unet", "seed-unet-single", "seed-grader"])
def test_the_reports_trainings_run_from_end_to_end(tmp_path, data_root, manifest, name):
    text = (CONFIGS / f"{name}.toml").read_text(encoding="utf-8")
    smaller = {"size": 64, "batch": 2, "steps": 2, "validate_every_steps": 2}
    smaller |= {"encoder_depth": 4, "decoder_channels": [8, 8, 8, 8]}
    for setting, value in smaller.items():
        text = re.sub(rf"^{setting} = .*$", f"{setting} = {value}", text, flags=re.MULTILINE)
    text = text.replace("[data]", f"[data]\nroot = '{data_root}'\nmanifest = '{manifest}'")
    config, run = tmp_path / f"{name}.toml", tmp_path / "runs" / name
    config.write_text(text, encoding="utf-8")
    call_command("train_grading" if name == "seed-grader" else "train_segmentation", config=config, run=run, threads=1)
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 2
    wanted = {"seed-unet": {"dice/EX", "dice/MA", "iou/HE"}, "seed-unet-single": {"dice/EX", "iou/EX"},
              "seed-grader": {"accuracy", "macro_auc"}}  # fmt: skip
    assert {f"val/{figure}" for figure in wanted[name]} <= set(last)
    for picture in ("curves.png", "panels.png"):
        with Image.open(run / picture) as file:
            assert min(file.size) > 300
    call_command("export_weights", run=run, out=tmp_path / "weights" / name)
