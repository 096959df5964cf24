import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
import torch
from filelock import FileLock

from inference.engines import base, openvino_engine, pytorch_engine, selection
from inference.engines.base import EngineUnavailable, thread_count
from inference.engines.equivalence import read_record
from inference.engines.openvino_engine import OpenVINOEngine, import_network, network_in, prepared, prepared_file
from inference.engines.pytorch_engine import PyTorchEngine
from inference.engines.selection import load_engine
from inference.errors import ModelUnavailable
from inference.registry import find_model
from tests.tiny_weights import record_measured, write_tiny_models

BATCH = np.random.default_rng(5).normal(size=(1, 3, 64, 64)).astype(np.float32)
BF16 = "openvino-bf16"
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def unet(tiny_weights):
    return find_model("unet")


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize(
    ("engine", "tolerance"), [("openvino-f32", 1e-4), ("openvino-bf16", 0.1), ("pytorch-bf16", 0.1)]
)
@pytest.mark.parametrize("name", ["unet", "grader"])
def test_engines_agree_with_pytorch_in_float32(tiny_weights, name, engine, tolerance):
    computes_in_bf16 = (openvino_engine if engine == BF16 else pytorch_engine).cpu_has_bf16
    if engine.endswith("bf16") and not computes_in_bf16():
        pytest.skip("this CPU does not compute in bfloat16")
    model = find_model(name)
    expected = PyTorchEngine(model, "pytorch").run(BATCH)
    found = load_engine(model, engine)
    assert found.name == engine
    logits = found.run(BATCH)
    assert logits.dtype == np.float32
    assert logits.shape == expected.shape == ((1, 4, 64, 64) if name == "unet" else (1, 5))
    assert relative_error(logits, expected) < tolerance
    assert relative_error(expected, expected * 0 + expected.mean()) > 0.2, (
        "the networks' outputs are too flat to compare"
    )


@pytest.mark.parametrize("name", ["unetplusplus", "manet"])
def test_conversion_at_another_size_keeps_the_network(tiny_weights, name):
    model = find_model(name)
    expected = PyTorchEngine(model, "pytorch").run(BATCH)
    assert relative_error(OpenVINOEngine(model, "openvino-f32").run(BATCH), expected) < 1e-4


def test_memory_that_was_given_back_is_taken_anew(unet):
    engine = OpenVINOEngine(unet, "openvino-f32")
    compiled = engine._compiled = Mock(wraps=engine._compiled, side_effect=engine._compiled)
    expected = engine.run(BATCH)
    engine.release()
    engine.release()
    assert compiled.release_memory.call_count == 2
    assert np.array_equal(engine.run(BATCH), expected)
    with engine._lock:  # one that runs: nobody waits for it
        engine.release()
    assert compiled.release_memory.call_count == 2
    assert np.array_equal(engine.run(BATCH), expected)


def test_number_format_is_pinned(unet):
    for precision, element in (("f32", "float32"), ("bf16", "bfloat16")):
        compiled = import_network(network_in(prepared(unet, precision)), precision)
        assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() in {element, element.replace("float", "f")}


def test_second_start_needs_neither_torch_nor_a_child(unet):
    load_engine(unet, "openvino-f32")
    program = (
        "import sys, subprocess\n"
        "def refuse(*a, **k): raise AssertionError('a child was started')\n"
        "subprocess.run = refuse\n"
        "from inference.engines.selection import load_engine\n"
        "from inference.registry import find_model\n"
        "load_engine(find_model('unet'), 'openvino-f32')\n"
        "print(sorted({'torch', 'timm', 'segmentation_models_pytorch'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_a_child_that_dies_while_compiling_leads_to_pytorch(unet, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("DRWEB_CACHE_DIR", str(tmp_path))
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\nkill -FPE $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr(openvino_engine.sys, "executable", str(dying))
    engine = load_engine(unet)
    assert engine.name.startswith("pytorch")
    assert "status -8" in caplog.text
    assert engine.run(BATCH).shape == (1, 4, 64, 64)


def test_a_forced_engine_that_fails_is_an_error_and_not_another_engine(unet, monkeypatch):
    monkeypatch.setattr(
        selection, "_open", lambda *_, **_told: (_ for _ in ()).throw(EngineUnavailable("no such device"))
    )
    monkeypatch.setenv("DRWEB_ENGINE", "cuda")
    with pytest.raises(ModelUnavailable, match="no such device") as caught:
        load_engine(unet)
    assert caught.value.code == "engine_unavailable"


def test_engine_by_environment(unet, monkeypatch):
    monkeypatch.setenv("DRWEB_ENGINE", "pytorch")
    assert load_engine(unet).name == "pytorch"


def test_unknown_engine_lists_the_known(unet, monkeypatch):
    monkeypatch.setenv("DRWEB_ENGINE", "abacus")
    with pytest.raises(ModelUnavailable, match=r"abacus.*openvino-bf16") as caught:
        load_engine(unet)
    assert caught.value.code == "unknown_engine"


def test_an_interrupted_preparation_leaves_nothing_half_made(unet, tmp_path, monkeypatch):
    from inference.engines import prepare

    def full_disk(*_args):
        raise OSError("No space left on device")

    monkeypatch.setattr(prepare.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        prepare.main(str(unet.folder), str(tmp_path / "cache" / "unet-1-f32.blob"), "f32")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_network_that_runs_outlives_its_file_in_the_cache(unet, tmp_path, monkeypatch):
    monkeypatch.setenv("DRWEB_CACHE_DIR", str(tmp_path))
    engine = load_engine(unet, "openvino-f32")
    expected = engine.run(BATCH)
    prepared_file(unet, "f32").unlink()
    engine.release()
    assert np.array_equal(engine.run(BATCH), expected)


def test_of_workers_that_start_together_one_prepares_a_network(unet, tmp_path, monkeypatch):
    monkeypatch.setenv("DRWEB_CACHE_DIR", str(tmp_path))
    made, prepare = [], openvino_engine._prepare

    def counting(*given):
        made.append(given)
        prepare(*given)

    monkeypatch.setattr(openvino_engine, "_prepare", counting)
    with ThreadPoolExecutor(3) as pool:
        contents = list(pool.map(lambda _: prepared(unet, "f32"), range(3)))
    assert len(made) == 1
    assert all(content[:] == contents[0][:] for content in contents)


def test_who_prepares_a_network_without_end_holds_nobody_up(unet, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("DRWEB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(openvino_engine, "PREPARE_SECONDS", 0.1)
    file = prepared_file(unet, "f32")
    file.parent.mkdir()
    with FileLock(file.with_suffix(".lock")):
        assert load_engine(unet).name.startswith("pytorch")
    assert "another process" in caplog.text


@pytest.mark.parametrize(
    ("told", "threads"),
    [
        ({}, None),
        ({"DRWEB_WORKERS": "1"}, None),
        ({"DRWEB_WORKERS": "2"}, 3),
        ({"DRWEB_WORKERS": "4"}, 1),
        ({"DRWEB_WORKERS": "9"}, 1),
        ({"DRWEB_WORKERS": "2", "DRWEB_THREADS": "5"}, 5),
    ],
)
def test_workers_of_one_machine_share_its_six_cores(monkeypatch, told, threads):
    for name in ("DRWEB_WORKERS", "DRWEB_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(base.os, "sched_getaffinity", lambda _pid: set(range(6)))
    assert thread_count() == threads


def test_all_libraries_keep_to_the_share(unet, monkeypatch):
    before = cv2.getNumThreads(), torch.get_num_threads()
    monkeypatch.setenv("DRWEB_THREADS", "1")
    try:
        load_engine(unet, "pytorch")
        assert (cv2.getNumThreads(), torch.get_num_threads()) == (1, 1)
        compiled = import_network(network_in(prepared(unet, "f32")), "f32")
        assert compiled.get_property("INFERENCE_NUM_THREADS") == 1
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


@pytest.mark.parametrize("damage", ["shorter", "one bit", "empty"])
def test_a_damaged_copy_in_the_cache_is_made_anew(unet, damage, caplog):
    expected = OpenVINOEngine(unet, "openvino-f32").run(BATCH)
    file = prepared_file(unet, "f32")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes({"shorter": content[: len(content) // 2], "one bit": content, "empty": b""}[damage])
    assert np.array_equal(OpenVINOEngine(unet, "openvino-f32").run(BATCH), expected)
    assert "damaged" in caplog.text


@pytest.mark.parametrize(
    "error", [ImportError("libtbb.so.12: cannot open"), OSError("bad ELF"), RuntimeError("plugin")]
)
def test_broken_libraries_do_not_stop_the_fallback(unet, monkeypatch, caplog, error):
    def broken(*_given):
        raise error

    monkeypatch.setattr(openvino_engine, "OpenVINOEngine", broken)
    assert load_engine(unet).name == "pytorch"
    assert str(error) in caplog.text


@pytest.fixture
def own_unet(tmp_path, monkeypatch):
    write_tiny_models(tmp_path, ["unet"], seed=4)
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tmp_path))
    return find_model("unet")


@pytest.fixture
def opened(monkeypatch):
    """Which engines are tried; none of them works."""
    names = []

    def unavailable(_model, name, **_told):
        names.append(name)
        raise EngineUnavailable("not here")

    monkeypatch.setattr(selection, "_open", unavailable)
    monkeypatch.delenv("DRWEB_ENGINE", raising=False)
    return names


def test_half_precision_runs_unasked_only_when_it_was_measured_to_change_nothing(own_unet, opened, caplog):
    caplog.set_level("INFO")
    candidates = {
        "nothing was measured": (None, False),
        "nothing changes": ({}, True),
        "a lesion changes": ({"dice": {"EX": 0.5, "SE": 0.5, "HE": 0.5, "MA": 0.506}}, False),
        "a grade changes": ({"grade_changes": 1}, False),
    }
    for case, (facts, runs) in candidates.items():
        if facts is not None:
            record_measured(own_unet, BF16, **facts)
        opened.clear()
        with pytest.raises(ModelUnavailable):
            load_engine(own_unet)
        assert ("openvino-bf16" in opened) == runs, case
        assert [name for name in opened if name.endswith(("-f32", "pytorch"))] == ["openvino-f32", "pytorch"], case
    assert "check_engines" in caplog.text


@pytest.mark.parametrize(("pays", "chosen"), [(True, "openvino-bf16"), (False, "openvino-f32")])
def test_half_precision_runs_unasked_only_where_it_is_faster(own_unet, monkeypatch, caplog, pays, chosen):
    monkeypatch.delenv("DRWEB_ENGINE", raising=False)
    record_measured(own_unet, BF16)
    monkeypatch.setattr(openvino_engine, "bf16_pays", lambda: pays)
    monkeypatch.setattr(openvino_engine, "cpu_has_bf16", lambda: True)
    caplog.set_level("INFO")
    assert load_engine(own_unet).name == chosen
    said = [record.levelname for record in caplog.records if "no faster in bfloat16" in record.message]
    assert said == ([] if pays else ["INFO"])  # nothing is wrong
    assert load_engine(own_unet, "openvino-bf16").name == "openvino-bf16"  # told to


def test_the_faster_of_two_is_told_by_trying_them():
    quick, slow = (lambda: None), (lambda: time.sleep(0.002))
    assert base.is_faster(quick, slow)
    assert not base.is_faster(slow, quick)


@pytest.mark.parametrize("engine", [openvino_engine, pytorch_engine])
def test_without_bfloat16_in_the_cpu_nothing_is_tried(engine, monkeypatch):
    monkeypatch.setattr(engine, "cpu_has_bf16", lambda: False)
    monkeypatch.setattr(engine, "is_faster", lambda *_: pytest.fail("tried"))
    assert not engine.bf16_pays.__wrapped__()


def test_a_record_of_other_weights_counts_for_nothing(own_unet, tmp_path):
    record_measured(own_unet, BF16)
    assert read_record(own_unet)["openvino-bf16"].within_bounds
    record = (own_unet.folder / "engines.json").read_text()
    write_tiny_models(tmp_path, ["unet"], seed=5)
    (own_unet.folder / "engines.json").write_text(record)
    assert read_record(find_model("unet")) == {}
    (own_unet.folder / "engines.json").write_text('{"sha256": 7, "engines": []}')
    assert read_record(find_model("unet")) == {}
