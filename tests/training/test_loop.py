import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from inference.networks import NetworkSpec
from tests.conftest import REPOSITORY
from training.config import (
    BudgetConfig,
    ConfigError,
    InputConfig,
    OptimiserConfig,
    TrainingConfig,
    TrainingError,
    load_config,
)
from training.cpu_kernels import large_depthwise_in_float32
from training.loop import Average, lr_factor, train
from training.runs import RunFolder, load_tensors, save_tensors


class Numbers(torch.utils.data.Dataset):
    def __len__(self):
        return 10_000

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        x = torch.randn(3, generator=generator)
        return {"x": x, "y": x.sum()[None]}


class Regression:
    """A task small enough to train in a moment; ``stop_at`` plays a kill."""

    def __init__(self, stop_at=None):
        self.stop_at, self.calls, self.validated = stop_at, 0, 0

    def loss(self, network, batch):
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        return (network(batch["x"]).float() - batch["y"]).square().mean()

    def validate(self, network, pictures=None):
        self.validated += 1
        return {"score": -float((network[1].weight - 1).abs().sum())}


def config(steps=12):
    return TrainingConfig(
        name="tiny",
        network=NetworkSpec("unet", "se_resnet50", 4, (8, 8, 8, 8)),
        input=InputConfig(size=128),
        optimiser=OptimiserConfig(batch=2, lr=0.05, ema=0.9),
        budget=BudgetConfig(steps=steps, checkpoint_every=0.0, validate_every=1000.0),
    )


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text("name = 'tiny'\n", encoding="utf-8")
    return path


def run_training(folder: Path, config_file: Path, task, steps=12, **changes):
    torch.manual_seed(0)
    return train(
        config=dataclasses.replace(config(steps), **changes),
        network=nn.Sequential(nn.Dropout(0.3), nn.Linear(3, 1)),
        dataset=Numbers(),
        task=task,
        run=RunFolder(folder, config_file),
        device=torch.device("cpu"),
    )


def test_a_killed_run_ends_where_an_unbroken_one_does_whatever_the_network_draws(tmp_path, config_file):
    unbroken = run_training(tmp_path / "a", config_file, Regression())
    with pytest.raises(KeyboardInterrupt):
        run_training(tmp_path / "b", config_file, Regression(stop_at=6))
    resumed_task = Regression()
    resumed = run_training(tmp_path / "b", config_file, resumed_task)
    assert resumed_task.calls == 12 - 5
    for one, other in zip(unbroken.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_finished_run_is_left_alone(tmp_path, config_file):
    run_training(tmp_path / "a", config_file, Regression())
    before = (tmp_path / "a" / "metrics.jsonl").read_text()
    again = Regression()
    run_training(tmp_path / "a", config_file, again)
    assert (again.calls, again.validated) == (0, 0)
    assert (tmp_path / "a" / "metrics.jsonl").read_text() == before


class Diverging(Regression):
    """Its loss is no number from the sixth step on; or only the loss's gradient is none."""

    def __init__(self, *, in_gradient):
        super().__init__()
        self.in_gradient = in_gradient

    def loss(self, network, batch):
        loss = super().loss(network, batch)
        if self.calls < 6:
            return loss
        return loss + (network[1].weight * 0).sum().abs().sqrt() if self.in_gradient else loss * math.nan


@pytest.mark.parametrize("in_gradient", [False, True])
def test_a_loss_that_is_no_number_stops_the_run_and_spoils_nothing(tmp_path, config_file, in_gradient):
    with pytest.raises(TrainingError, match=r"step 5: .*nan.*lower optimiser\.lr"):
        run_training(
            tmp_path / "a",
            config_file,
            Diverging(in_gradient=in_gradient),
            budget=BudgetConfig(steps=12, validate_every_steps=1),
        )
    for name in ("checkpoint", "best"):
        tensors, facts = load_tensors(tmp_path / "a" / f"{name}.safetensors")
        assert all(tensor.isfinite().all() for tensor in tensors.values())
        assert facts["step"] <= 5


SETTINGS = """
name = "tiny"
[network]
architecture = "unet"
encoder = "se_resnet50"
encoder_depth = 4
decoder_channels = [8, 8, 8, 8]
[input]
size = 128
[optimiser]
lr = 1e-3
"""


def test_a_run_is_not_continued_with_other_settings_or_on_another_split(tmp_path):
    first, second, split = tmp_path / "a.toml", tmp_path / "b.toml", tmp_path / "split.csv"
    first.write_text(SETTINGS, encoding="utf-8")
    split.write_text("one", encoding="utf-8")
    RunFolder(tmp_path / "run", first, split)
    second.write_text("# the same, with a remark\n" + SETTINGS + "[data]\nroot = 'elsewhere'\n", encoding="utf-8")
    RunFolder(tmp_path / "run", second, split)
    second.write_text(SETTINGS.replace("1e-3", "2e-3").replace("8, 8]", "8, 4]"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"network\.decoder_channels: .*; optimiser\.lr: 0\.001, 0\.002\. Continue"):
        RunFolder(tmp_path / "run", second, split)
    split.write_text("two", encoding="utf-8")
    with pytest.raises(ConfigError, match="another split: its manifest had sha256"):
        RunFolder(tmp_path / "run", first, split)


def test_every_run_has_its_curves(tmp_path, config_file):
    run_training(tmp_path / "a", config_file, Regression(), budget=BudgetConfig(steps=25, validate_every_steps=10))
    with Image.open(tmp_path / "a" / "curves.png") as picture:
        assert picture.size == (1144, 440)  # loss and validation
        assert len(picture.convert("RGB").getcolors(100_000)) > 50


def test_a_run_folder_says_where_its_figures_come_from(tmp_path, config_file):
    network = run_training(tmp_path / "a", config_file, Regression(), steps=60)
    facts = json.loads((tmp_path / "a" / "run.json").read_text())
    assert len(facts["git_revision"]) == 40 or facts["git_revision"] == "unknown"
    assert (tmp_path / "a" / "config.toml").read_text() == config_file.read_text()
    lines = [json.loads(line) for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [20, 40, 60]
    assert lines[-1]["val/score"] > lines[0].get("val/score", -10)
    best, facts = load_tensors(tmp_path / "a" / "best.safetensors")
    assert facts["validation"]["score"] == pytest.approx(lines[-1]["val/score"], abs=1e-5)
    assert torch.allclose(best["1.weight"], network[1].weight)


def test_the_average_remembers_with_its_decay():
    network = nn.Linear(2, 1)
    average = Average(network, decay=0.5)
    before = network.weight.detach().clone()
    with torch.no_grad():
        network.weight += 1
    average.update(network, step=10_000)
    assert torch.allclose(average.network.weight, before + 0.5)
    assert not average.network.weight.requires_grad


def test_learning_rate_warms_up_and_falls_along_a_cosine():
    assert lr_factor(0.0, 0.1) == pytest.approx(0.01)
    assert lr_factor(0.05, 0.1) == pytest.approx(0.5)
    assert lr_factor(0.1, 0.1) == pytest.approx(1.0)
    assert lr_factor(0.55, 0.1) == pytest.approx(0.505)
    assert lr_factor(1.0, 0.1) == pytest.approx(0.01)


def test_saving_is_atomic_and_keeps_channels_last_values(tmp_path):
    tensor = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    save_tensors(tmp_path / "x.safetensors", {"t": tensor}, {"step": 3})
    tensors, facts = load_tensors(tmp_path / "x.safetensors")
    assert torch.equal(tensors["t"], tensor)
    assert facts == {"step": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_wide_depthwise_convolutions_give_the_same_answer_and_copies_stay_apart():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(8, 8, 5, padding=2, groups=8), nn.Conv2d(8, 8, 3, padding=1, groups=8))
    image = torch.randn(1, 8, 16, 16)
    before = network(image)
    large_depthwise_in_float32(network)
    assert torch.allclose(network(image), before, atol=1e-5)
    copy = Average(network, 0.9).network
    with torch.no_grad():
        network[0].weight.zero_()
    assert torch.allclose(copy(image), before, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert network[0](image).dtype == image.dtype


@pytest.mark.parametrize("path", sorted((REPOSITORY / "training" / "configs").glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_configurations_are_valid(path):
    loaded = load_config(path)
    # The flywheel's configuration is named after its purpose, and trains a network under that network's own name.
    assert path.stem in (loaded.name, "clinic")
    assert loaded.input.size % loaded.network.stride == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 'x'", "missing setting network, input"),
        ("nam = 'x'", "unknown setting nam"),
        (
            "name = 3\n[network]\narchitecture='resnet50'\nencoder='r'\nhead='classes'\n[input]\nsize=64",
            "name must be str",
        ),
        ("name = 'x'\n[network]\narchitecture='vgg'\nencoder='r'\n[input]\nsize=64", "unknown architecture 'vgg'"),
        (
            "name = 'x'\n[network]\narchitecture='resnet50'\nencoder='r'\nhead='classes'\n[input]\nsize='a'",
            r"input\.size",
        ),
        (
            (
                "name = 'x'\n[network]\narchitecture='resnet50'\nencoder='r'\nhead='classes'\n[input]\nsize=64\n"
                "[distillation]\nflips=1"
            ),
            r"distillation\.flips must be true or false, not 1",
        ),
        ("name = ", "not TOML"),
    ],
)
def test_faults_of_a_configuration_are_named(tmp_path, text, message):
    path = tmp_path / "c.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_a_missing_configuration_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load_config(tmp_path / "none.toml")
