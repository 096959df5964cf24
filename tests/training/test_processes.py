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
    assert start(*arguments, processes=processes).wait(timeout=120) == 0


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
    assert len([x for x in lines(folder) if "val/score" in x]) == 1  # the first process alone writes


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_killed_outright_ends_where_an_unbroken_one_does(tmp_path, unbroken, processes):
    folder = tmp_path / "run"
    victim = start(folder, 20, 0.2)
    deadline = time.monotonic() + 60
    while not (folder / "checkpoint.safetensors").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    os.kill(victim.pid, signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    _, facts = load_tensors(folder / "checkpoint.safetensors")
    assert 0 < facts["step"] < 20
    finish(folder, 20, processes=processes)
    assert_close(weights(folder), weights(unbroken), atol=1e-5)


def test_a_batch_is_shared_evenly(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", "1")
    processes = Processes(torch.device("cpu"))
    assert processes.share_of(12) == 4
    assert not processes.is_first
    with pytest.raises(ConfigError, match=r"optimiser\.batch is 4, which 3 processes cannot share"):
        processes.share_of(4)
