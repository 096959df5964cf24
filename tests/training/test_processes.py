"""Runs as processes of their own: several that share a batch, and one that is killed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from tests.conftest import REPOSITORY
from training.config import ConfigError
from training.processes import Processes
from training.runs import load_tensors

TINY_RUN = ("-m", "tests.training.tiny_run")


def start(*arguments, processes=1):
    launcher = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}")
    command = [sys.executable, *(launcher if processes > 1 else ()), *TINY_RUN, *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | {"OMP_NUM_THREADS": "1"})


def finish(*arguments, processes=1):
    assert start(*arguments, processes=processes).wait(timeout=240) == 0


def weights(folder, rank=0):
    return load_tensors(folder / f"rank-{rank}.safetensors")[0]


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def assert_close(one, other, atol):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.allclose(tensor, other[name], atol=atol, rtol=0), name


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    finish(folder, 20)
    return folder


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path, unbroken):
    folder = tmp_path / "run"
    finish(folder, 20, processes=2)
    assert_close(weights(folder, 0), weights(folder, 1), atol=0)
    assert_close(weights(folder), weights(unbroken), atol=1e-5)
    (ours,), (theirs,) = ([x for x in lines(f) if "loss" in x] for f in (folder, unbroken))
    assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-5)
    assert [x["step"] for x in lines(folder) if "val/score" in x] == [3, 6, 9, 12, 15, 18, 20]  # the first alone writes


def kill_after_a_checkpoint(folder):
    """Start the run, and kill it outright some steps after it saved."""
    checkpoint = folder / "checkpoint.safetensors"
    before = load_tensors(checkpoint)[1]["step"] if checkpoint.is_file() else 0
    victim = start(folder, 20, 0.1)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if checkpoint.is_file() and load_tensors(checkpoint)[1]["step"] > before:
            break
        time.sleep(0.02)
    time.sleep(0.15)
    os.kill(victim.pid, signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert before < load_tensors(checkpoint)[1]["step"] < 20


def without_time(folder):
    return [{k: v for k, v in line.items() if k != "minutes"} for line in lines(folder)]


@pytest.mark.slow
def test_a_run_killed_twice_is_the_same_as_an_unbroken_one(tmp_path, unbroken):
    folder = tmp_path / "run"
    kill_after_a_checkpoint(folder)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 19, "loss": 5.0}\n{"step": 20, "lo')  # logged, but never saved; and half a line
    kill_after_a_checkpoint(folder)
    finish(folder, 20)
    assert without_time(folder) == without_time(unbroken)
    for name in ("rank-0", "best", "checkpoint"):
        ours, our_facts = load_tensors(folder / f"{name}.safetensors")
        theirs, their_facts = load_tensors(unbroken / f"{name}.safetensors")
        assert_close(ours, theirs, atol=0)
        assert {k: v for k, v in our_facts.items() if "second" not in k} == {
            k: v for k, v in their_facts.items() if "second" not in k
        }


@pytest.mark.slow
def test_a_killed_run_may_go_on_in_more_processes(tmp_path, unbroken):
    folder = tmp_path / "run"
    kill_after_a_checkpoint(folder)
    finish(folder, 20, processes=2)
    assert_close(weights(folder), weights(unbroken), atol=1e-5)


def test_a_batch_is_shared_evenly(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", "1")
    processes = Processes(torch.device("cpu"))
    assert processes.share_of(12) == 4
    assert not processes.is_first
    with pytest.raises(ConfigError, match=r"optimiser\.batch is 4, which 3 processes cannot share"):
        processes.share_of(4)
