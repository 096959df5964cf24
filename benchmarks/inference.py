"""How long an analysis takes, engine by engine, in one run on the same weights and the same photograph.

    python benchmarks/inference.py [--model unet] [--image PHOTOGRAPH] [--rounds 5] [--engines openvino-bf16 ...]
                                   [--clock wall|cpu] [--detail standard|high] [--flips]

The engines take turns within each round, so that whatever else the machine does hits all of them; medians are shown.
"bare" is the two networks alone (segmentation and grading, tensors ready); "whole" is `analyse()` from the bytes of the
file to measured masks at the photograph's size. On a machine that is busy with other work, `--clock cpu` counts the
processor time of all threads instead of the time of day; set OMP_WAIT_POLICY=PASSIVE then, or waiting counts as work.
`--detail high` and `--flips` apply to "whole": divide it by that of a run without them for what they cost.
Weights come from DRWEB_WEIGHTS_DIR or inference/weights.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from inference.analysis import LoadedNetwork, analyse, load_network
from inference.engines.pytorch_engine import load_module
from inference.errors import InferenceError
from inference.networks.spec import lesion_probabilities
from inference.registry import GRADER, find_model, resolve_model_name
from inference.tiling import DETAILS

BASELINE = "pytorch, plain"
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
ENGINES = ("openvino-bf16", "openvino-f32", "pytorch-bf16", "pytorch")


class PlainPyTorch:
    """What one writes first: eager, float32, contiguous."""

    name = BASELINE

    def __init__(self, name: str) -> None:
        self._module = load_module(find_model(name))

    def run(self, batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self._module(torch.from_numpy(batch)).numpy()


def sample_photograph() -> bytes:
    """scikit-image's retina, scaled into the frame of a 12-megapixel fundus camera."""
    from skimage import data

    eye = cv2.resize(data.retina(), (3400, 3400), interpolation=cv2.INTER_CUBIC)[276:-276]
    frame = cv2.copyMakeBorder(eye, 0, 0, 444, 444, cv2.BORDER_CONSTANT)
    return cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def batch_for(network: LoadedNetwork, image: bytes) -> np.ndarray:
    from inference.decoding import decode
    from inference.field_of_view import find_field_of_view
    from inference.preprocessing import to_network

    rgb = decode(image).rgb
    card = network.card
    pixels = to_network(rgb, find_field_of_view(rgb), card.input_size, card.normalisation.mean, card.normalisation.std)
    return pixels[0]


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    work()
    return clock() - started


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float((2 * (first & second).sum() + 1e-9) / (first.sum() + second.sum() + 1e-9))


def measure(name: str, engines: list[str], image: bytes, rounds: int, clock_name: str, **how: Any) -> None:
    clock = CLOCKS[clock_name]
    segmenters = {engine: load_network(name, engine) for engine in engines}
    graders = {engine: load_network(GRADER, engine) for engine in engines}
    card = next(iter(segmenters.values())).card
    pixels = batch_for(next(iter(segmenters.values())), image)
    grader_pixels = batch_for(next(iter(graders.values())), image)
    plain, plain_grader = PlainPyTorch(name), PlainPyTorch(GRADER)

    reference = lesion_probabilities(plain.run(pixels)[0], card.network)
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for engine in engines:  # once unmeasured: lazy allocations
        segmenters[engine].engine.run(pixels)
        graders[engine].engine.run(grader_pixels)
    for number in range(rounds):
        times[BASELINE, "segmentation"].append(seconds(lambda: plain.run(pixels), clock))
        times[BASELINE, "grading"].append(seconds(lambda: plain_grader.run(grader_pixels), clock))
        for engine in engines:
            segmenter, grader = segmenters[engine].engine, graders[engine].engine
            times[engine, "segmentation"].append(seconds(lambda run=segmenter.run: run(pixels), clock))
            times[engine, "grading"].append(seconds(lambda run=grader.run: run(grader_pixels), clock))
            times[engine, "whole"].append(
                seconds(lambda engine=engine: analyse(image, name, engine=engine, **how), clock)
            )
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)

    print(f"\n{name} {card.version} at {card.input_size} x {card.input_size}, {torch.get_num_threads()} threads, "
          f"median of {rounds} rounds, {clock_name} seconds")  # fmt: skip
    print(f"{'engine':<15} {'segm.':>7} {'grading':>8} {'bare':>7} {'whole':>7} {'whole/bare':>10} "
          f"{'segm. speed-up':>14} {'max |dp|':>9} {'Dice':>6}")  # fmt: skip
    median = {key: statistics.median(values) for key, values in times.items()}
    for engine in [BASELINE, *engines]:
        bare = median[engine, "segmentation"] + median[engine, "grading"]
        whole = median.get((engine, "whole"))
        row = f"{engine:<15} {median[engine, 'segmentation']:7.2f} {median[engine, 'grading']:8.2f} {bare:7.2f} "
        row += f"{whole:7.2f} {whole / bare:10.2f} " if whole else f"{'-':>7} {'-':>10} "
        row += f"{median[BASELINE, 'segmentation'] / median[engine, 'segmentation']:13.1f}x "
        if engine != BASELINE:
            found = lesion_probabilities(segmenters[engine].engine.run(pixels)[0], card.network)
            cut = np.array([card.thresholds[lesion] for lesion in card.lesions])[:, None, None]
            row += f"{np.abs(found - reference).max():9.4f} {dice(found >= cut, reference >= cut):6.4f}"
        print(row)
    stages = analyse(image, name, engine=engines[0], **how).timings
    print(f"\nstages of one analysis on {engines[0]}: " + ", ".join(f"{k} {v:.3f}" for k, v in stages.items()))


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
    image = options.image.read_bytes() if options.image else sample_photograph()
    try:
        how = {"detail": options.detail, "flips": options.flips}
        measure(resolve_model_name(options.model), options.engines, image, options.rounds, options.clock, **how)
    except InferenceError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
