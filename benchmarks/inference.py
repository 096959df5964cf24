"""How long an analysis takes, engine by engine, in one run on the same weights and the same photograph.

    python benchmarks/inference.py [--model unet] [--image PHOTOGRAPH] [--rounds 5] [--engines openvino-bf16 ...]
                                   [--clock wall|cpu] [--detail standard|high] [--flips]

The engines take turns within each round, so that whatever else the machine does hits all of them; medians are shown.
"whole" is `analyse()` as a worker calls it, from the bytes of the file, whose field of view was found at its upload, to
measured masks at the photograph's size; it is shown against the segmentation network alone and against both networks.
An engine is shown as `analyse()` would run it: the grader on the same engine as the lesion network, except in the rows
"as chosen", where each runs on the one that is chosen for it, and "openvino-int8", where the grader does.
"limit" is the segmentation network against the machine: its time over the time that its multiplications and additions
would take at the rate of a large bfloat16 matrix product, measured in the same rounds.

On a machine that is busy with other work, `--clock cpu` counts the processor time of all threads instead of the time of
day; set OMP_WAIT_POLICY=PASSIVE then, or waiting counts as work. `--detail high` and `--flips` apply to "whole": divide
it by that of a run without them for what they cost. Weights come from DRWEB_WEIGHTS_DIR or inference/weights.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.photograph import photograph
from inference.analysis import Analysis, LoadedNetwork, analyse, load_network
from inference.decoding import decode
from inference.engines.pytorch_engine import load_module
from inference.engines.selection import engine_for_grader
from inference.errors import InferenceError
from inference.field_of_view import find_field_of_view
from inference.networks.spec import lesion_probabilities
from inference.preprocessing import to_network
from inference.registry import GRADER, find_model, resolve_model_name
from inference.tiling import DETAILS

BASELINE = "pytorch, plain"
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
CHOSEN = "as chosen"
ENGINES = (CHOSEN, "openvino-int8", "openvino-bf16", "openvino-f32", "pytorch-bf16", "pytorch")


class PlainPyTorch:
    """What one writes first: eager, float32, contiguous."""

    name = BASELINE

    def __init__(self, name: str) -> None:
        self._module = load_module(find_model(name))

    def run(self, batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self._module(torch.from_numpy(batch)).numpy()


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float((2 * (first & second).sum() + 1e-9) / (first.sum() + second.sum() + 1e-9))


def multiplications(network: PlainPyTorch, pixels: np.ndarray) -> int:
    """Floating-point operations of one run: multiplications and additions."""
    counter = FlopCounterMode(display=False)
    with counter:
        network.run(pixels)
    return counter.get_total_flops()


MATRIX_SIDE = 4096


def matrix_product() -> Callable[[], object]:
    """The machine's limit: nothing but multiplications and additions in bfloat16."""
    left, right = (torch.rand(MATRIX_SIDE, MATRIX_SIDE).bfloat16() for _ in range(2))
    return lambda: left @ right


class Contest:
    """All engines on one photograph, turn by turn."""

    def __init__(self, name: str, engines: list[str], image: bytes, clock: str, **how: Any) -> None:
        self.name, self.engines, self.image = name, engines, image
        self.clock = CLOCKS[clock]
        self.rgb = decode(image).rgb
        self.how = {**how, "field_of_view": find_field_of_view(self.rgb)}
        self.segmenters = {engine: load_network(name, self._forced(engine)) for engine in engines}
        self.graders = {engine: load_network(GRADER, engine_for_grader(self._forced(engine))) for engine in engines}
        self.card = self.segmenters[engines[0]].card
        self.pixels = self._pixels_for(self.segmenters[engines[0]])
        self.grader_pixels = self._pixels_for(self.graders[engines[0]])
        self.plain, self.plain_grader = PlainPyTorch(name), PlainPyTorch(GRADER)
        self.operations = multiplications(self.plain, self.pixels)
        self.times: dict[tuple[str, str], list[float]] = defaultdict(list)

    def play(self, rounds: int) -> None:
        """Everything is done once unmeasured right before it is measured.

        A worker has its memory from the photograph before; here the networks of the other engines took it in between,
        and the large buffers of plain PyTorch went back to the system.
        """
        product = matrix_product()
        for number in range(rounds):
            self._time(BASELINE, "segmentation", lambda: self.plain.run(self.pixels))
            self._time(BASELINE, "grading", lambda: self.plain_grader.run(self.grader_pixels))
            self._time(BASELINE, "product", product)
            for engine in self.engines:
                segmenter, grader = self.segmenters[engine].engine, self.graders[engine].engine
                self._time(engine, "segmentation", lambda run=segmenter.run: run(self.pixels))
                self._time(engine, "grading", lambda run=grader.run: run(self.grader_pixels))
                self._time(engine, "whole", lambda engine=engine: self.whole(engine))
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)

    def _pixels_for(self, network: LoadedNetwork) -> np.ndarray:
        card = network.card
        fov = self.how["field_of_view"]
        return to_network(self.rgb, fov, card.input_size, card.normalisation.mean, card.normalisation.std)[0]

    def whole(self, engine: str) -> Analysis:
        """The analysis as a worker does it."""
        return analyse(self.image, self.name, engine=self._forced(engine), **self.how)

    def table(self) -> Iterator[str]:
        """Medians, and what follows from them."""
        median = {key: statistics.median(values) for key, values in self.times.items()}
        rate = 2 * MATRIX_SIDE**3 / median[BASELINE, "product"]
        plain = median[BASELINE, "segmentation"]
        yield (
            f"{'engine':<15} {'segm.':>7} {'grading':>8} {'whole':>7} {'/segm.':>7} {'/both':>6} "
            f"{'speed-up':>9} {'limit':>6}"
        )
        for engine in [BASELINE, *self.engines]:
            segmentation, grading = median[engine, "segmentation"], median[engine, "grading"]
            whole = median.get((engine, "whole"))
            row = f"{engine:<15} {segmentation:7.2f} {grading:8.2f} "
            if whole:
                row += f"{whole:7.2f} {whole / segmentation:7.2f} {whole / (segmentation + grading):6.2f} "
            else:
                row += f"{'-':>7} {'-':>7} {'-':>6} "
            yield row + f"{plain / segmentation:8.1f}x {segmentation / (self.operations / rate):6.2f}"
        yield f"{self.operations / 1e9:.0f} GFLOP; a bfloat16 matrix product runs at {rate / 1e9:.0f} GFLOP/s"

    def agreement(self) -> Iterator[str]:
        """Each engine's probabilities and masks against the plain network's."""
        cut = np.array([self.card.thresholds[lesion] for lesion in self.card.lesions])[:, None, None]
        expected = lesion_probabilities(self.plain.run(self.pixels)[0], self.card.network)
        for engine in self.engines:
            found = lesion_probabilities(self.segmenters[engine].engine.run(self.pixels)[0], self.card.network)
            yield (
                f"{engine:<15} {self.segmenters[engine].engine.name}, grader {self.graders[engine].engine.name}: "
                f"probabilities at most {np.abs(found - expected).max():.4f} from the plain network's, "
                f"Dice {dice(found >= cut, expected >= cut):.4f}"
            )

    def _time(self, engine: str, what: str, work: Callable[[], object]) -> None:
        work()
        started = self.clock()
        work()
        self.times[engine, what].append(self.clock() - started)

    @staticmethod
    def _forced(engine: str) -> str | None:
        return None if engine == CHOSEN else engine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="unet")
    parser.add_argument("--image", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--engines", nargs="+", default=list(ENGINES))
    parser.add_argument("--detail", choices=DETAILS, default="standard")
    parser.add_argument("--flips", action="store_true")
    options = parser.parse_args()
    how = {"detail": options.detail, "flips": options.flips}
    try:
        name = resolve_model_name(options.model)
        contest = Contest(name, options.engines, photograph(options.image), options.clock, **how)
        contest.play(options.rounds)
    except InferenceError as error:
        sys.exit(str(error))
    card = contest.card
    print(f"\n{name} {card.version} at {card.input_size} x {card.input_size}, {torch.get_num_threads()} threads, "
          f"median of {options.rounds} rounds, {options.clock} seconds")  # fmt: skip
    print(*contest.table(), "", *contest.agreement(), sep="\n")
    stages = contest.whole(options.engines[0]).timings
    print(f"\nstages of one analysis, {options.engines[0]}: " + ", ".join(f"{k} {v:.3f}" for k, v in stages.items()))


if __name__ == "__main__":
    main()
