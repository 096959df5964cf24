from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from inference.analysis import Analysis, analyse
from inference.decoding import decode
from inference.errors import InferenceError
from inference.field_of_view import Rgb
from inference.field_view import field_view
from inference.landmarks import Landmarks, find_landmarks, point_of
from inference.lesions import LESION_NAMES, LESIONS
from inference.masks import encode_mask, encode_probability
from inference.overlay import overlay_jpeg
from inference.quality import Quality, assess
from inference.rules import RuleGrade, grade_by_rule
from inference.tiling import DETAILS


class Command(BaseCommand):
    help = (
        "Grade fundus photographs and outline their lesions, without database or web. Exit code 0: all were analysed."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
        parser.add_argument(
            "--model", default=settings.DRWEB_DEFAULT_MODEL, help="segmentation network: unet, unetplusplus, manet ..."
        )
        parser.add_argument(
            "--out",
            type=Path,
            metavar="DIR",
            help="write STEM_{EX,SE,HE,MA}.png (1-bit masks of the photograph's size) and STEM_overlay.jpg here",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object per image, errors too")
        parser.add_argument(
            "--probabilities",
            action="store_true",
            help="with --out: also write STEM_{EX,SE,HE,MA}_p.png, 0-255 for 0-1",
        )

        parser.add_argument(
            "--detail",
            choices=DETAILS,
            default="standard",
            help="high: lesions on overlapping tiles, four times as long",
        )
        parser.add_argument("--flips", action="store_true", help="average over mirror images, four times as long")

    def handle(self, *, images: list[Path], out: Path | None, **options: Any) -> None:
        if options["probabilities"] and out is None:
            raise CommandError("--probabilities writes files: name a folder for them with --out DIR.")
        if out is not None:
            try:
                out.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CommandError(f"The folder {out} cannot be made: {error.strerror}.") from error
        failed = 0
        clashes = _clashes(images, out, options["probabilities"])
        for image in images:
            try:
                if image in clashes:
                    raise _Refused("name_clash", clashes[image])
                photograph = decode(image)
                how = {name: options[name] for name in ("model", "detail", "flips")}
                analysis = analyse(photograph, **how)
                files = _write(photograph.rgb, analysis, image.stem, out, options["probabilities"]) if out else {}
            except (InferenceError, _Refused, OSError) as error:
                failed += 1
                self._report_error(image, error, as_json=options["json"])
            else:
                self._report(image, photograph.rgb, analysis, files, as_json=options["json"])
        if failed:
            raise CommandError(f"{failed} of {len(images)} images could not be analysed.")

    def _report(self, image: Path, rgb: Rgb, analysis: Analysis, files: dict[str, str], *, as_json: bool) -> None:
        landmarks, quality, rules = _judged(rgb, analysis)
        if as_json:
            said = {"landmarks": landmarks.to_json(), "quality": {"verdict": quality.verdict, **quality.to_json()}}
            said["rules"] = asdict(rules)
            self.stdout.write(json.dumps({"image": str(image), **analysis.to_json(), **said, "files": files}))
            return
        share = analysis.grade_probabilities[analysis.grade]
        self.stdout.write(
            f"{image}: grade {analysis.grade}, {analysis.grading.label} ({share:.0%}); "
            f"{analysis.width} x {analysis.height} pixels in {analysis.timings['total']:.1f} s"
        )
        fired = ", ".join(f"{finding.code} {finding.count}" for finding in rules.findings)
        faults = "".join(f", {reason.code}" for reason in quality.reasons if reason.severity != "note")
        self.stdout.write(f"  by rule at least {rules.grade} ({fired}); quality {quality.verdict}{faults}")
        names = {str(lesion): name for lesion, name in LESION_NAMES.items()}
        for found in analysis.lesions:
            self.stdout.write(
                f"  {found.lesion} {names[found.lesion]:<15} {found.count:>5} areas {found.area_px:>9} px "
                f"{found.area_percent_of_fov:8.3f} % of the field of view {found.area_disc:8.3f} disc areas (assumed)"
            )

    def _report_error(self, image: Path, error: Exception, *, as_json: bool) -> None:
        code = getattr(error, "code", "unreadable_file")
        message = f"The file cannot be read or written: {error}." if isinstance(error, OSError) else str(error)
        if as_json:
            self.stdout.write(json.dumps({"image": str(image), "error": {"code": code, "message": message}}))
        else:
            self.stderr.write(f"{image}: {message}")


def _judged(rgb: Rgb, analysis: Analysis) -> tuple[Landmarks, Quality, RuleGrade]:
    """What is said of the photograph without a network, and of its lesions by rule."""
    view = field_view(rgb, analysis.field_of_view)
    landmarks = find_landmarks(view)
    places = point_of(landmarks.disc), point_of(landmarks.fovea)
    rules = grade_by_rule(analysis.areas, analysis.field_of_view, *places, analysis.unsure)
    return landmarks, assess(view, landmarks), rules


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _clashes(images: list[Path], out: Path | None, probabilities: bool) -> dict[Path, str]:
    """Images whose files would overwrite another image of this run, or another image's files; with the reason."""
    if out is None:
        return {}
    inputs = {image.resolve(): image for image in images}
    writers: dict[str, Path] = {}
    reasons: dict[Path, str] = {}
    for image in images:
        earlier = writers.setdefault(image.stem.casefold(), image)
        if earlier is not image:
            reasons[image] = (
                f"Its files would overwrite those of {earlier}: rename it, or analyse it with another --out."
            )
        for path in _targets(image.stem, out, probabilities):
            if path.resolve() in inputs:
                reasons[image] = f"Its files would overwrite the image {inputs[path.resolve()]}: choose another --out."
    return reasons


def _targets(stem: str, out: Path, probabilities: bool) -> Iterator[Path]:
    yield out / f"{stem}_overlay.jpg"
    for lesion in LESIONS:
        yield out / f"{stem}_{lesion}.png"
        if probabilities:
            yield out / f"{stem}_{lesion}_p.png"


def _write(rgb: Rgb, analysis: Analysis, stem: str, out: Path, probabilities: bool) -> dict[str, str]:
    contents = {"overlay.jpg": overlay_jpeg(rgb, analysis.masks)}
    contents |= {f"{lesion}.png": encode_mask(mask) for lesion, mask in analysis.masks.items()}
    if probabilities:
        contents |= {f"{lesion}_p.png": encode_probability(each) for lesion, each in analysis.probabilities.items()}
    files = {}
    for name, content in contents.items():
        path = out / f"{stem}_{name}"
        path.write_bytes(content)
        files[name.partition(".")[0]] = str(path)
    return files
