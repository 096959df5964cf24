"""What the quality gate and the search for landmarks say of real photographs, and of good ones spoilt by a program.

    python benchmarks/quality.py DATA [--every 1]

DATA holds `idrid/images` with `idrid/masks/OD`, `eyepacs400` with `labels.csv`, `normal400` and `samples`, or some of
them. `--every 4` takes each fourth photograph of the large sets. The times are processor time per photograph after
decoding.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from inference.decoding import SCREEN_SIDE, copy_to_judge, decode
from inference.field_of_view import find_field_of_view
from inference.field_view import FieldView, field_view
from inference.landmarks import Landmarks, find_landmarks
from inference.measurement import DISC_PER_FIELD_DIAMETER
from inference.quality import Quality, assess

EYES = {"left": "OS", "right": "OD"}


@dataclass
class Judged:
    path: Path
    view: FieldView
    landmarks: Landmarks
    quality: Quality
    seconds: float


def judged(path: Path) -> Judged:
    decoded = decode(path, longest=SCREEN_SIDE)  # as at upload
    small = copy_to_judge(decoded.rgb)
    fov = find_field_of_view(small)
    started = time.process_time()
    view = field_view(small, fov, copied_at=small.shape[1] / decoded.width)
    return judge(path, view, started)


def judge(path: Path, view: FieldView, started: float = 0.0) -> Judged:
    landmarks = find_landmarks(view)
    return Judged(path, view, landmarks, assess(view, landmarks), time.process_time() - started)


def photographs(data: Path, every: int) -> Iterator[tuple[str, list[Path]]]:
    for name, folder, step in (("IDRiD", "idrid/images", 1), ("EyePACS-400", "eyepacs400/images", every),
                               ("normal-400", "normal400/images", every), ("samples", "samples", 1)):  # fmt: skip
        found = sorted(path for path in (data / folder).glob("*") if path.is_file())
        if found:
            yield name, found[::step]


def verdicts(name: str, rows: list[Judged]) -> None:
    counts = Counter(row.quality.verdict for row in rows)
    # Small copies are of limited use for their size alone; what the camera did is told apart from that.
    apart = Counter(
        "limited" if {"limited", "ungradable"} & {r.severity for r in row.quality.reasons if r.code != "low_resolution"}
        else "gradable" for row in rows
    )  # fmt: skip
    codes = Counter(f"{r.code}:{r.severity[0]}" for row in rows for r in row.quality.reasons)
    print(f"{name:<22} {len(rows):5d} {counts['gradable']:6d} {counts['limited']:6d} {counts['ungradable']:6d} "
          f"{apart['gradable']:8d}   " + ", ".join(f"{code} {n}" for code, n in codes.most_common()))  # fmt: skip


def spoilt() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    rng = np.random.default_rng(0)

    def dark(share: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda rgb: np.clip(rgb * share + rng.normal(0, 2, rgb.shape), 0, 255).astype(np.uint8)

    def covered(rgb: np.ndarray, share: float) -> np.ndarray:
        rgb = rgb.copy()
        rgb[int((1 - share) * len(rgb)) :] //= 12
        return rgb

    veil = lambda rgb, share: cv2.addWeighted(rgb, 1 - share, np.full_like(rgb, (150, 150, 130)), share, 0)  # noqa: E731
    return {
        **{f"blur, sigma 1/{n}": lambda rgb, n=n: cv2.GaussianBlur(rgb, (0, 0), len(rgb) / n) for n in (400, 200, 100)},
        **{f"darkened to {share:.0%}": dark(share) for share in (0.5, 0.25, 0.1)},
        **{f"veil of {share:.0%}": lambda rgb, share=share: veil(rgb, share) for share in (0.5, 0.75)},
        **{f"covered to {share:.0%}": lambda rgb, share=share: covered(rgb, share) for share in (0.35, 0.6)},
        "overexposed 2.4 times": lambda rgb: np.minimum(rgb.astype(int) * 2.4, 255).astype(np.uint8),
    }


def disc_errors(data: Path, rows: list[Judged]) -> None:
    errors = []
    for row in rows:
        mask = np.asarray(Image.open(data / "idrid/masks/OD" / f"{row.path.stem}_OD.png"))
        ys, xs = np.nonzero(mask if mask.ndim == 2 else mask[..., :3].max(axis=2))
        diameter = DISC_PER_FIELD_DIAMETER * row.view.side / row.view.scale
        place = row.landmarks.disc
        errors.append(np.hypot(place.x - xs.mean(), place.y - ys.mean()) / diameter if place else np.inf)
    found = np.asarray(errors)
    print(f"optic disc on IDRiD, error in disc diameters: median {np.median(found):.2f}, largest {found.max():.2f}, "
          f"within 0.5: {(found < 0.5).sum()} of {len(found)}")  # fmt: skip


def lateralities(name: str, rows: list[Judged]) -> None:
    counts: Counter[str] = Counter()
    for row in rows:
        truth = next((eye for word, eye in EYES.items() if word in row.path.stem), None)
        if truth is None:
            return
        said = row.landmarks.laterality
        counts["unknown" if said == "unknown" else "right" if said == truth else "wrong"] += 1
        counts["upside_down"] += row.landmarks.upside_down
    print(f"eye on {name}: right {counts['right']}, wrong {counts['wrong']}, not proposed {counts['unknown']}; "
          f"told to be upside down {counts['upside_down']}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    print(f"{'photographs':<22} {'n':>5} {'good':>6} {'lim.':>6} {'ungr.':>6} {'good but':>8}   reasons (n: note, l: "
          f"limited, u: ungradable)\n{'':<42} {'for size':>8}")  # fmt: skip
    sets = {name: [judged(path) for path in paths] for name, paths in photographs(options.data, options.every)}
    for name, rows in sets.items():
        verdicts(name, rows)
    for name, change in spoilt().items():
        changed = []
        for row in sets.get("IDRiD", []):
            rgb = change(row.view.rgb) * row.view.inside[..., None]
            view = FieldView(rgb, row.view.inside, row.view.left, row.view.top, row.view.scale)
            changed.append(judge(row.path, view))
        verdicts(f"IDRiD, {name}"[:22], changed)
    print()
    if "IDRiD" in sets:
        disc_errors(options.data, sets["IDRiD"])
    for name, rows in sets.items():
        lateralities(name, rows)
    times = [1000 * row.seconds for rows in sets.values() for row in rows]
    print(f"processor time per photograph: median {np.median(times):.0f} ms, largest {max(times):.0f} ms")


if __name__ == "__main__":
    main()
