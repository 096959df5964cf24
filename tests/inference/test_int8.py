"""The engine in 8-bit integers: what its ranges do, which of them count, and when it is chosen."""

import json
import shutil

import numpy as np
import openvino
import pytest
from django.core.management import CommandError, call_command
from PIL import Image
from safetensors import safe_open
from skimage import data

from inference import analyse
from inference.engines import openvino_engine, prepare, selection
from inference.engines.base import EngineUnavailable
from inference.engines.equivalence import read_record
from inference.engines.openvino_engine import OpenVINOEngine, compile_options, prepared_file
from inference.engines.prepare import converted
from inference.engines.ranges import Range, insert, operations, read_ranges, write_ranges
from inference.engines.selection import load_engine
from inference.errors import ModelUnavailable
from inference.field_of_view import find_field_of_view
from inference.installation import ModelRefused, check_model, unpack
from inference.preprocessing import to_network
from inference.registry import InstalledModel, find_model
from tests.tiny_weights import INPUT_SIZE, NORMALISATION, record_measured, write_tiny_models

INT8 = "openvino-int8"
IN_A_CHILD = openvino_engine._prepare


def retina() -> np.ndarray:
    rgb = data.retina()
    return to_network(rgb, find_field_of_view(rgb), INPUT_SIZE, NORMALISATION.mean, NORMALISATION.std)[0]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("DRWEB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("DRWEB_ENGINE", raising=False)
    monkeypatch.setattr(openvino_engine, "cpu_has_vnni", lambda: True)


@pytest.fixture(autouse=True)
def _without_children(monkeypatch):
    """Each child would take seconds to import torch."""
    monkeypatch.setattr(
        openvino_engine,
        "_prepare",
        lambda model, file, precision: prepare.main(str(model.folder), str(file), precision),
    )


@pytest.fixture
def unet(tmp_path) -> InstalledModel:
    write_tiny_models(tmp_path / "weights", ["unet"], seed=4)
    return find_model("unet")


def by_hand(model: InstalledModel, width: float = 8.0) -> None:
    """Ranges of the last three convolutions, as wide as their values may be; their weights by channel."""
    network = converted(model)
    found = [(place, each) for place, each in enumerate(operations(network)) if each.get_type_name() == "Convolution"]
    ranges = []
    for place, convolution in found[-3:]:
        weights = convolution.input_value(1).get_node().get_data()
        ranges += [
            Range("values", ((place, 0),), np.float32(-width), np.float32(width)),
            Range("weights", ((place, 1),), -(high := np.abs(weights).max((1, 2, 3), keepdims=True)), high),
        ]
    write_ranges(model, ranges, network, {"photographs": "none"})


def recorded(model: InstalledModel, change: float = 0.0) -> None:
    record_measured(model, INT8, dice=dict.fromkeys(model.card.lesions, 0.5) | {"EX": 0.5 + change})


def refused(model: InstalledModel) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        load_engine(model, INT8)
    assert caught.value.code == "engine_unavailable"
    return str(caught.value)


def test_ranges_round_what_they_are_for_and_nothing_else(unet):
    expected = load_engine(unet, "openvino-f32").run(retina())
    by_hand(unet)
    fine = np.abs(load_engine(unet, INT8).run(retina()) - expected).max()
    by_hand(unet, width=400.0)
    coarse = np.abs(load_engine(unet, INT8).run(retina()) - expected).max()
    assert 0 < fine < 0.2 * np.abs(expected).max()
    assert coarse > 2 * fine, "the copy of other ranges was taken from the cache"


def test_layers_between_ranges_run_in_integers(unet):
    by_hand(unet)
    network = converted(unet)
    insert(unet, network)
    compiled = openvino.Core().compile_model(network, "CPU", compile_options("int8"))
    convolutions = [
        each for each in compiled.get_runtime_model().get_ops() if each.get_rt_info()["layerType"] == "Convolution"
    ]
    formats = [each.get_rt_info()["runtimePrecision"].astype(str) for each in convolutions]
    assert sum("8" in one for one in formats) == 3, formats
    assert sum(one in ("f32", "FP32") for one in formats) == len(formats) - 3


def test_ranges_are_found_by_place_whatever_else_was_converted_before(unet):
    """OpenVINO numbers the layers of all networks of a process in one row."""
    by_hand(unet)
    first, second = converted(unet), converted(unet)
    assert [each.get_friendly_name() for each in operations(first)] != [
        each.get_friendly_name() for each in operations(second)
    ]
    insert(unet, second)


def test_the_cached_copy_is_one_of_these_ranges(unet):
    by_hand(unet)
    before, float32 = prepared_file(unet, "int8"), prepared_file(unet, "f32")
    by_hand(unet, width=9.0)
    assert prepared_file(unet, "int8") != before
    assert prepared_file(unet, "f32") == float32


def spoilt(model: InstalledModel, how: str) -> None:
    path = model.folder / "int8.safetensors"
    network = converted(model)
    if how == "missing":
        path.unlink()
    elif how == "cut short":
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "no safetensors":
        path.write_bytes(b"\x80\x04nonsense")
    elif how == "of other weights":
        write_tiny_models(model.folder.parent, ["unet"], seed=5)
    elif how == "not a number":
        write_ranges(model, [Range("values", ((5, 0),), np.float32(-1), np.float32(np.nan))], network, {})
    elif how == "empty":
        write_ranges(model, [Range("values", ((5, 0),), np.float32(1), np.float32(1))], network, {})
    elif how == "of no kind":
        write_ranges(model, [Range("sums", ((5, 0),), np.float32(1), np.float32(2))], network, {})


FAULTS = {
    "missing": "no int8.safetensors",
    "cut short": "damaged",
    "no safetensors": "damaged",
    "of other weights": "other weights",
    "not a number": "no range",
    "empty": "empty",
    "of no kind": "no range",
}


@pytest.mark.parametrize(("how", "says"), FAULTS.items())
def test_ranges_that_cannot_be_used_are_an_error_where_they_are_told(unet, how, says):
    by_hand(unet)
    spoilt(unet, how)
    assert says in refused(find_model("unet"))


def test_ranges_of_a_network_that_was_converted_otherwise_are_not_guessed_at(unet, tmp_path, monkeypatch):
    monkeypatch.setattr(openvino_engine, "_prepare", IN_A_CHILD)
    by_hand(unet)
    write_tiny_models(tmp_path / "weights", ["manet"], seed=4)
    manet = find_model("manet")
    other, _ = read_ranges(unet)
    write_ranges(manet, other, converted(unet), {})
    assert "another OpenVINO" in refused(manet)


def test_a_cpu_that_would_overflow_is_not_used(unet, monkeypatch):
    by_hand(unet)
    monkeypatch.setattr(openvino_engine, "cpu_has_vnni", lambda: False)
    assert "VNNI" in refused(unet)


@pytest.fixture
def opened(monkeypatch):
    """Which engines are tried; none of them works."""
    names: list[str] = []

    def unavailable(_model, name, **_told):
        names.append(name)
        raise EngineUnavailable("not here")

    monkeypatch.setattr(selection, "_open", unavailable)
    return names


@pytest.mark.parametrize(("change", "runs"), [(0.004, True), (0.006, False), (None, False)])
def test_as_a_setting_it_runs_what_it_was_measured_to_change_little_in(unet, opened, monkeypatch, change, runs):
    if change is not None:
        recorded(unet, change)
    monkeypatch.setenv("DRWEB_ENGINE", INT8)
    with pytest.raises(ModelUnavailable):
        load_engine(unet)
    assert (opened[0] == INT8) is runs
    assert opened[-2:] == ["openvino-f32", "pytorch"]


def test_it_is_never_chosen_by_itself(unet, opened):
    recorded(unet)
    with pytest.raises(ModelUnavailable):
        load_engine(unet)
    assert INT8 not in opened


def test_told_it_runs_or_nothing_does(unet, opened, monkeypatch):
    monkeypatch.setenv("DRWEB_ENGINE", INT8)
    assert "not here" in refused(unet)
    assert opened == [INT8]


def test_as_a_setting_it_says_which_networks_run_otherwise_and_why(unet, tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    write_tiny_models(tmp_path / "weights", ["grader"])
    monkeypatch.setenv("DRWEB_ENGINE", INT8)
    by_hand(unet)
    recorded(unet)
    assert load_engine(unet).name == INT8
    assert load_engine(find_model("grader")).name == "openvino-f32"
    assert "network grader: no record that these weights give the same results on openvino-int8" in caplog.text
    spoilt(unet, "missing")
    assert load_engine(unet).name == "openvino-f32"
    assert "network unet does not run on openvino-int8: there is no int8.safetensors" in caplog.text


def test_an_analysis_that_is_told_outlines_in_integers_and_grades_otherwise(unet, tmp_path):
    write_tiny_models(tmp_path / "weights", ["grader"])
    by_hand(unet)
    analysis = analyse(data.retina(), engine=INT8)
    assert analysis.segmentation.engine == INT8
    assert analysis.grader.engine == "openvino-f32"


def test_a_model_may_bring_its_ranges_if_they_are_for_its_weights(unet, tmp_path):
    by_hand(unet)
    target = tmp_path / "unpacked"
    target.mkdir()
    unpack(unet.folder, target)
    assert {path.name for path in target.iterdir()} == {"card.json", "model.safetensors", "int8.safetensors"}
    assert check_model(target).sha256 == unet.card.sha256
    write_tiny_models(tmp_path / "other", ["unet"], seed=5)
    shutil.copy(target / "int8.safetensors", tmp_path / "other" / "unet")
    with pytest.raises(ModelRefused, match="other weights") as caught:
        check_model(tmp_path / "other" / "unet")
    assert caught.value.code == "network_unfit"
    (target / "int8.safetensors").write_bytes(b"0" * (1024 * 1024 + 1))
    (tmp_path / "again").mkdir()
    with pytest.raises(ModelRefused) as caught:
        unpack(target, tmp_path / "again")
    assert caught.value.code == "file_too_large"


@pytest.mark.parametrize("name", ["unet", "unetplusplus", "manet"])
def test_the_engine_computes_what_nncf_has_made(tmp_path, name):
    pytest.importorskip("nncf")
    from training.quantisation import quantised, ranges_of

    write_tiny_models(tmp_path / "weights", [name], seed=4)
    model = find_model(name)
    made = quantised(converted(model), INPUT_SIZE, [retina(), retina()[..., ::-1].copy()])
    write_ranges(model, ranges_of(made), converted(model), {})
    expected = openvino.Core().compile_model(made, "CPU", compile_options("int8"))(retina())[0]
    found = OpenVINOEngine(model, INT8).run(retina())
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    float32 = OpenVINOEngine(model, "openvino-f32").run(retina())
    assert 1e-3 < np.abs(found - float32).max() / np.abs(float32).max() < 0.3


def test_the_command_writes_ranges_and_takes_back_what_was_measured_with_others(unet, tmp_path):
    pytest.importorskip("nncf")
    (tmp_path / "data" / "normal400").mkdir(parents=True)
    lines = ["file,sha256,source,patient,split"]
    for number, split in enumerate(["train", "val", "train"]):
        name = f"normal400/{number}_left.png"
        Image.fromarray(np.roll(data.retina()[::4, ::4], number, axis=2)).save(tmp_path / "data" / name)
        lines.append(f"{name},{number},normal400,{number},{split}")
    (tmp_path / "split.csv").write_text("\n".join(lines) + "\n")
    recorded(unet)
    where = {"root": tmp_path / "data", "manifest": tmp_path / "split.csv", "datasets": ["normal400"]}
    call_command("quantise_network", "unet", **where)
    assert read_record(unet) == {}
    assert load_engine(unet, INT8).run(retina()).shape == (1, 4, INPUT_SIZE, INPUT_SIZE)
    with safe_open(unet.folder / "int8.safetensors", "numpy") as file:
        assert json.loads(file.metadata()["photographs"]) == ["0_left.png", "2_left.png"]
    with pytest.raises(CommandError, match="normal400"):
        call_command("quantise_network", "unet", **where, photographs=0)
