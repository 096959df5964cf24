"""Many users at once: upload, poll, correct, report; beside what the bare networks do on the same machine.

    python benchmarks/load.py [--users 50] [--photographs 2] [--image PHOTOGRAPH] [--model unet-lite] [--workers 1]
                              [--rounds 3]
    python benchmarks/load.py --url http://HOST:8000 --token "$(python manage.py create_token reader)"

Without --url it starts a system of its own (DRWEB_... of the environment reach it, so that PostgreSQL, Redis and S3 can
be measured too) and stops it. "bare" is the segmentation network and the grader of one photograph back to back on the
engine that the worker uses, tensors ready, measured before the load, after it, and between the rounds: what a shared
machine does may differ by a tenth from one minute to the next. A photograph that ends without exactly one result is
lost. Being told to come back later (429, 503 with Retry-After) is no error, and is obeyed.

Two ratios are printed. The first compares photographs per second: it needs a machine that does nothing else. The second
compares processor seconds per photograph, those of clients, web process and workers together (the clients run on the
same machine), and stays true where other programs run beside it.
"""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from operator import truediv
from pathlib import Path
from statistics import fmean

from processor_time import processor_seconds, spent
from system import REPOSITORY, Answer, Client, System, percentiles, sample_photograph, started

STEPS = ("upload", "ask", "poll", "result", "correct", "report", "whole")
BARE = """
import sys, time
import numpy as np
from inference.analysis import load_network
from inference.registry import GRADER, resolve_model_name
from inference.tiling import mirrors_for
networks = [load_network(name) for name in (resolve_model_name(sys.argv[1]), GRADER)]
batches = [np.zeros((1, 3, network.card.input_size, network.card.input_size), np.float32) for network in networks]
def both():
    for network, batch in zip(networks, batches):
        for _ in mirrors_for(half_turn=network.card.half_turn, flips=False):
            network.engine.run(batch)
both()
start, used, rounds = time.perf_counter(), time.process_time(), 0
while time.perf_counter() - start < float(sys.argv[2]):
    both()
    rounds += 1
print(rounds / (time.perf_counter() - start), (time.process_time() - used) / rounds, networks[0].engine.name)
"""


@dataclass(frozen=True)
class Bare:
    """What the networks do alone."""

    rate: float
    """Photographs per second."""
    cost: float
    """Processor seconds of one."""
    engine: str


def bare(model: str, seconds: float) -> Bare:
    """Run the networks alone, in a process of their own."""
    cache = os.environ.get("DRWEB_CACHE_DIR", str(REPOSITORY / "var" / "cache"))
    command = [sys.executable, "-c", BARE, model, str(seconds)]
    environment = {**os.environ, "DRWEB_CACHE_DIR": cache}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, check=True, capture_output=True, text=True)
    rate, cost, engine = done.stdout.split()
    return Bare(float(rate), float(cost), engine)


@dataclass
class Measured:
    """What all users saw; lists are appended to by many threads."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    told_to_wait: list[str] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    results_at: list[float] = field(default_factory=list)


class User(threading.Thread):
    """Brings photographs one after the other, each through the whole job."""

    def __init__(self, system: System, measured: Measured, photograph: bytes, model: str, photographs: int) -> None:
        super().__init__(daemon=True)
        self.client = Client(system.url, {"Authorization": f"Token {system.token}"})
        self.measured, self.photograph, self.model, self.photographs = measured, photograph, model, photographs

    def run(self) -> None:
        for _photograph in range(self.photographs):
            try:
                self.whole_job()
            except (OSError, http.client.HTTPException, RuntimeError, KeyError) as error:
                self.measured.errors.append(f"{type(error).__name__}: {error}")

    def whole_job(self) -> None:
        begun = time.perf_counter()
        stored = self.step("upload", lambda: self.client.send("/api/upload_image", self.photograph, "eye.jpg")).json
        image_id = stored["image_id"]
        self.measured.images.append(image_id)
        result = self.analysed(image_id)
        mask = next(row["mask_url"] for row in result["lesions"] if row["mask_url"])
        content = self.checked(self.client.call("GET", mask)).content
        fields = {"image_id": image_id, "lesion": "EX"}
        self.step("correct", lambda: self.client.send("/api/edit_image", content, "mask.png", **fields))
        words = {"name": "Load", "age": 58, "diagnosis": "Review in 6 months.", "grade": result["grade"]}
        self.step("report", lambda: self.client.post("/api/generate_report", image_id=image_id, **words))
        self.measured.seconds["whole"].append(time.perf_counter() - begun)

    def analysed(self, image_id: int) -> dict:
        """Ask for the analysis and poll as often as the server says."""
        begun = time.perf_counter()
        how = {"selectedModel": self.model, "image_id": image_id, "wait": False}
        answer = self.step("ask", lambda: self.client.post("/api/choose_model", **how))
        path = f"/api/predictions/{answer.json['prediction_id']}"
        while True:
            time.sleep(float(answer.headers.get("retry-after", 0)))
            answer = self.step("poll", lambda: self.client.call("GET", path))
            told = answer.json
            if told["state"] not in ("queued", "running"):
                break
        if told["state"] != "succeeded":
            raise RuntimeError(f"{told['state']}: {told['error']}")
        self.measured.seconds["result"].append(time.perf_counter() - begun)
        self.measured.results_at.append(time.perf_counter())
        return told["result"]

    def step(self, name: str, call) -> Answer:  # noqa: ANN001 - of no arguments
        """One request, timed; again where the server says so."""
        while True:
            begun = time.perf_counter()
            answer = call()
            if answer.status not in (429, 503) or "retry-after" not in answer.headers:
                self.measured.seconds[name].append(time.perf_counter() - begun)
                return self.checked(answer)
            self.measured.told_to_wait.append(answer.json["error"]["code"])
            time.sleep(float(answer.headers["retry-after"]))

    def checked(self, answer: Answer) -> Answer:
        if answer.status >= 400:
            raise RuntimeError(f"{answer.status} {answer.content[:200]!r}")
        return answer


def lost(system: System, images: list[int]) -> list[int]:
    """Photographs without exactly one result."""
    client = Client(system.url, {"Authorization": f"Token {system.token}"})

    def results(image_id: int) -> int:
        answer = client.call("GET", f"/api/images/{image_id}")
        rows = answer.json["predictions"] if answer.status == 200 else []
        return len(rows) if all(row["state"] == "succeeded" for row in rows) else 0

    return [image_id for image_id in images if results(image_id) != 1]


def load(system: System, photograph: bytes, options: argparse.Namespace) -> tuple[float, float]:
    """Let all users loose, print what they saw; photographs with a result per second, processor seconds of each."""
    measured = Measured()
    users = [User(system, measured, photograph, options.model, options.photographs) for _user in range(options.users)]
    before, begun = processor_seconds(system.process), time.perf_counter()
    for user in users:
        user.start()
    for user in users:
        user.join()
    everything = time.perf_counter() - begun
    used = spent(before, processor_seconds(system.process))
    rate = len(measured.results_at) / (max(measured.results_at, default=begun + 1) - begun)
    gone = lost(system, measured.images)
    print(f"{'seconds':<10} {'number':>7} {'p50':>8} {'p95':>8} {'p99':>8} {'max':>8}")
    for step in STEPS:
        print(f"{step:<10} {len(measured.seconds[step]):>7} {percentiles(measured.seconds[step])}")
    print(f"\n{len(measured.results_at)} photographs in {everything:.1f} s with all their corrections and reports")
    print(f"errors {len(measured.errors)}, lost {len(gone)}, told to come back later {len(measured.told_to_wait)}")
    for error in sorted(set(measured.errors))[:5]:
        print(f"  {error}")
    done = max(1, len(measured.results_at))
    parts = ", ".join(f"{part} {seconds / done:.2f}" for part, seconds in used.items())
    print(f"\nprocessor seconds per photograph: {parts}")
    return rate, sum(used.values()) / done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--photographs", type=int, default=2, help="of each user")
    parser.add_argument("--image", type=Path)
    parser.add_argument("--model", default=os.environ.get("DRWEB_DEFAULT_MODEL", "unet-lite"))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1, help="of the whole load, with the bare networks in between")
    parser.add_argument("--bare-seconds", type=float, default=20)
    parser.add_argument("--url")
    parser.add_argument("--token")
    options = parser.parse_args()
    photograph = options.image.read_bytes() if options.image else sample_photograph()
    rates, costs = [], []
    alone = [bare(options.model, options.bare_seconds)]
    print(f"{options.users} users, {options.photographs} photographs each, {options.model} on {alone[0].engine}\n")
    with nullcontext(System(options.url, options.token)) if options.url else started(options.workers) as system:
        for _round in range(options.rounds):
            rate, cost = load(system, photograph, options)
            rates.append(rate)
            costs.append(cost)
            alone.append(bare(options.model, options.bare_seconds))
    # Each round beside what was measured just before it and just after it.
    bare_rates = [(first.rate + then.rate) / 2 for first, then in pairwise(alone)]
    bare_costs = [(first.cost + then.cost) / 2 for first, then in pairwise(alone)]
    print(f"photographs per second: system {listed(rates)}, bare networks {listed([each.rate for each in alone])}")
    print(f"processor seconds per photograph: system {listed(costs)}, bare networks {listed([a.cost for a in alone])}")
    print(f"ratio by photographs per second: system / bare networks {fmean(map(truediv, rates, bare_rates)):.2f}")
    if system.process:
        print(f"ratio by processor seconds: bare networks / system {fmean(map(truediv, bare_costs, costs)):.2f}")


def listed(values: Iterable[float]) -> str:
    return " ".join(f"{value:.3f}" for value in values)


if __name__ == "__main__":
    main()
