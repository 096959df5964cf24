"""One photograph in, everything that the networks say about it out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.cards import ModelCard
from inference.decoding import DecodedImage, decode
from inference.engines.base import Engine, FloatArray
from inference.engines.selection import engine_for_grader, load_engine
from inference.errors import ModelUnavailable, gettext_noop
from inference.explanation import explain_grade
from inference.field_of_view import FieldOfView, Rgb, find_field_of_view
from inference.grading import Grading, grade_of
from inference.measurement import LesionMeasurement, measure_regions
from inference.networks.spec import lesion_probabilities
from inference.preprocessing import Geometry, Pyramid, crop_to_square, normalise, square_geometry
from inference.regions import Regions, find_regions
from inference.registry import GRADER, find_model, resolve_model_name, verify_weights
from inference.runs import Runs, mask_of, runs_of
from inference.screening import check_is_fundus
from inference.tiling import Detail, averaged, mirrors_for, outlined, pixels_seen

STAGES = ("decode", "field_of_view", "grade", "segment", "measure")


@dataclass(frozen=True, slots=True)
class NetworkIdentity:
    """Which weights said something, and how they were run."""

    name: str
    version: str
    sha256: str
    engine: str
    input_size: int
    thresholds: dict[str, float]
    rule_certainty: dict[str, float] = field(default_factory=dict)
    """By lesion, the probability that a marked area must reach to count for the grade by rule; empty: all count."""
    detail: Detail = "standard"
    flips: bool = False


@dataclass(frozen=True, slots=True)
class LoadedNetwork:
    """A network's card and the engine that runs it."""

    card: ModelCard
    engine: Engine

    @property
    def identity(self) -> NetworkIdentity:
        """For the record."""
        card = self.card
        certainty = dict(card.rule_certainty.levels) if card.rule_certainty else {}
        return NetworkIdentity(
            card.name, card.version, card.sha256, self.engine.name, card.input_size, dict(card.thresholds), certainty
        )

    def logits(self, batch: FloatArray) -> FloatArray:
        """As `Engine.run`. Raises ModelUnavailable (not_finite) for what would pass for a healthy eye."""
        logits = self.engine.run(batch)
        if not np.isfinite(logits).all():
            raise ModelUnavailable(
                "not_finite",
                gettext_noop(
                    "The network %(name)s computed no usable numbers for this photograph on %(engine)s: "
                    "choose another network, and tell your administrator."
                ),
                name=self.card.name,
                engine=self.engine.name,
            )
        return logits


@dataclass(frozen=True)
class Analysis:
    """The result for one photograph; masks and maps have its upright height and width, whatever the network's input.

    `areas` are, by lesion, the connected areas of its mask, nothing outside the field of view, and `lesions` measures
    them; `unsure` has, by lesion, the numbers (see `Regions`) of the areas that do not count for the grade by
    rule; `timings` are seconds by stage, with "load" (of networks, 0 once they are loaded) and "total".
    """

    segmentation: NetworkIdentity
    grader: NetworkIdentity
    width: int
    """Of the upright photograph, in pixels."""
    height: int
    field_of_view: FieldOfView
    grading: Grading
    areas: dict[str, Regions] = field(repr=False)
    lesions: list[LesionMeasurement]
    unsure: dict[str, list[int]] = field(repr=False)
    timings: dict[str, float]
    explanation: NDArray[np.uint8] | None = field(repr=False)
    _maps: NDArray[np.uint8] = field(repr=False)
    _geometry: Geometry = field(repr=False)

    @property
    def grade(self) -> int:
        """ICDR, 0-4."""
        return self.grading.grade

    @property
    def grade_probabilities(self) -> list[float]:
        """One per grade; they sum to 1."""
        return self.grading.probabilities

    @cached_property
    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """Per lesion bool HxW, made when first asked for: most callers need `areas` alone, and their runs."""
        return {lesion: mask_of(regions.runs) for lesion, regions in self.areas.items()}

    @property
    def probabilities(self) -> dict[str, NDArray[np.uint8]]:
        """Per lesion uint8 HxW, 0-255 for 0-1; made anew at each access, since few callers need 4 x HxW bytes."""
        inside = self.field_of_view.mask_for((self.height, self.width)).view(np.uint8)
        return {
            lesion: _on_original(self._maps[channel], self._geometry, inside)
            for channel, lesion in enumerate(self.areas)
        }

    def networks(self) -> dict[str, dict[str, Any]]:
        """Name, version, weights sha256, engine, input size and thresholds of both networks, for the record."""
        return {"segmentation": asdict(self.segmentation), "grader": asdict(self.grader)}

    def to_json(self) -> dict[str, Any]:
        """Everything but the pixels."""
        return {
            "width": self.width,
            "height": self.height,
            "field_of_view": asdict(self.field_of_view),
            "grade": self.grade,
            "grade_label": self.grading.label,
            "probabilities": self.grade_probabilities,
            "lesions": [asdict(lesion) for lesion in self.lesions],
            "networks": self.networks(),
            "timings": self.timings,
        }


def analyse(
    image: bytes | str | Path | Rgb | DecodedImage,
    model: str = "unet",
    *,
    weights: Mapping[str, str] | None = None,
    engine: str | None = None,
    detail: Detail = "standard",
    flips: bool = False,
    explain: bool = False,
    field_of_view: FieldOfView | None = None,
    on_stage: Callable[[str], None] | None = None,
) -> Analysis:
    """Grade a photograph and outline its lesions with the segmentation network `model`.

    `image` is a file's content, a path, upright RGB pixels (uint8 HxWx3), or what `decode` gave. A caller that gives
    the field of view has found it, and screened the picture, before. `weights` names exact versions: the sha256 by
    network name; those it leaves out are taken from the weights folder. `engine` forces one of
    `inference.engines.selection.ENGINES`; `on_stage` hears each of STAGES as it begins, and may raise to stop the work.
    `detail="high"` outlines lesions on finer, overlapping tiles, `flips` averages over mirror images: see `tiling`.
    `explain` adds a map of what speaks for the grade (and a stage "explain"): see `explanation`.

    Raises ImageRejected for what is no readable fundus photograph, ModelUnavailable for a network that cannot be run.
    """
    clock = _Clock(on_stage)
    with clock.stage("load", announce=False):
        segmenter, grader = _load_both(model, weights or {}, engine)
    with clock.stage("decode"):
        photograph = _decoded(image, halved=_half_is_enough(field_of_view, segmenter.card, grader.card, detail))
        rgb, shape = photograph.rgb, (photograph.height, photograph.width)
        reduced = photograph.width // rgb.shape[1]
    with clock.stage("field_of_view"):
        if field_of_view is None:
            field_of_view = find_field_of_view(rgb)
            check_is_fundus(rgb, field_of_view)
        square = Pyramid(cast(Rgb, crop_to_square(rgb, field_of_view, reduced=reduced)), reduced=reduced)
        geometry = square_geometry(field_of_view, segmenter.card.input_size, reduced=reduced)
    with clock.stage("grade"):
        graded = _pixels_for(grader.card, square, grader.card.input_size)[None]
        grading = grade_of(grader.logits(graded), grader.card)
    with clock.stage("segment"):
        maps = lesion_maps(segmenter, square, detail, flips)
    with clock.stage("measure"):
        areas = areas_of(maps, segmenter.card, geometry, field_of_view, shape)
        certainty = segmenter.identity.rule_certainty
        lesions = [measure_regions(lesion, regions, field_of_view) for lesion, regions in areas.items()]
    explanation = None
    if explain:
        with clock.stage("explain"):
            explanation = explain_grade(find_model(GRADER, grader.card.sha256), graded, field_of_view, shape)
    return Analysis(
        segmentation=replace(segmenter.identity, detail=detail, flips=flips),
        grader=grader.identity,
        width=photograph.width,
        height=photograph.height,
        field_of_view=field_of_view,
        grading=grading,
        areas=areas,
        lesions=lesions,
        unsure={lesion: unsure_of(areas[lesion], least) for lesion, least in certainty.items()},
        timings=clock.total(),
        explanation=explanation,
        _maps=maps,
        _geometry=geometry,
    )


def warm_up(model: str = "unet", *, weights: Mapping[str, str] | None = None, engine: str | None = None) -> None:
    """Load the networks of an analysis and run each once, so that the first photograph does not wait for that."""
    for network in _load_both(model, weights or {}, engine):
        size = network.card.input_size
        network.engine.run(np.zeros((1, 3, size, size), np.float32))


_loaded: dict[tuple[str, str, str, str | None], LoadedNetwork] = {}
_loading = threading.Lock()


def load_network(name: str, engine: str | None = None, sha256: str | None = None) -> LoadedNetwork:
    """The installed network of this exact name, kept in the process; weights that changed on disk are seen at once.

    One version of a network is kept: another one, named by its `sha256`, takes its place.
    """
    model = find_model(name, sha256)
    verify_weights(model)
    key = (name, str(model.folder), model.card.sha256, engine)
    with _loading:
        if key not in _loaded:
            for stale in [each for each in _loaded if each[0] == name and each[1:3] != key[1:3]]:
                del _loaded[stale]
            _loaded[key] = LoadedNetwork(card=model.card, engine=load_engine(model, engine))
        return _loaded[key]


def _load_both(model: str, weights: Mapping[str, str], engine: str | None) -> tuple[LoadedNetwork, LoadedNetwork]:
    """The segmentation network and the grader."""
    name = model if model in weights else resolve_model_name(model)
    segmenter = load_network(name, engine, weights.get(name))
    both = segmenter, load_network(GRADER, engine_for_grader(engine), weights.get(GRADER))
    for network in list(_loaded.values()):
        if network not in both:  # kept ready, but with little memory: several networks may be in use
            network.engine.release()
    return both


def loaded_networks() -> dict[str, str]:
    """Names of the networks that this process keeps ready, each with the engine that runs it."""
    return {network.card.name: network.engine.name for network in list(_loaded.values())}


def _decoded(image: bytes | str | Path | Rgb | DecodedImage, *, halved: bool) -> DecodedImage:
    if isinstance(image, DecodedImage):
        if image.rgb.shape[:2] != (image.height, image.width):
            raise ValueError(f"a copy of {image.rgb.shape[:2]} pixels is not the photograph")
        return image
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"pixels must be uint8 of shape H x W x 3, not {image.dtype} {image.shape}")
        height, width = image.shape[:2]
        return DecodedImage(rgb=image, width=width, height=height, format="")
    return decode(image, halved=halved)


def _half_is_enough(fov: FieldOfView | None, segmenter: ModelCard, grader: ModelCard, detail: Detail) -> bool:
    """Whether no network sees more of the photograph than a copy of half its size has.

    Where the field of view is still to be found, that is not known.
    """
    if fov is None:
        return False
    side = square_geometry(fov, size=1).side
    seen = max(grader.input_size, pixels_seen(side, segmenter.input_size, detail))
    return side >= 2 * seen


def _pixels_for(card: ModelCard, square: Pyramid, size: int) -> FloatArray:
    return normalise(square.scaled(size), card.normalisation.mean, card.normalisation.std)


def level_of(probability: float) -> int:
    """The lowest of the map's values 1-255 that stands for at least this probability."""
    return max(1, round(probability * 255))


def lesion_maps(
    segmenter: LoadedNetwork, square: Pyramid, detail: Detail = "standard", flips: bool = False
) -> NDArray[np.uint8]:
    """Probabilities of the card's lesions on the square, 0-255 for 0-1."""
    card = segmenter.card

    def probabilities(batch: FloatArray) -> FloatArray:
        return lesion_probabilities(segmenter.logits(batch)[0], card.network, overwrite=True)

    network = averaged(probabilities, mirrors_for(half_turn=card.half_turn, flips=flips))
    return _quantised(
        outlined(network, lambda size: _pixels_for(card, square, size), square.side, card.input_size, detail)
    )


def _quantised(probabilities: FloatArray) -> NDArray[np.uint8]:
    channels, height, width = probabilities.shape
    grid = cv2.convertScaleAbs(probabilities.reshape(channels * height, width), alpha=255)  # rounds, in one pass
    return cast(NDArray[np.uint8], grid.reshape(probabilities.shape))


def areas_of(
    maps: NDArray[np.uint8], card: ModelCard, geometry: Geometry, fov: FieldOfView, shape: tuple[int, ...]
) -> dict[str, Regions]:
    """What a network marks of the photograph, by lesion, with the highest probability in each area.

    Probabilities are scaled to the photograph first and cut at the threshold then: edges stay smooth.
    """
    whole = shape[0], shape[1]
    buffer = np.empty((geometry.side, geometry.side), np.uint8)
    areas = {}
    for grid, lesion in zip(maps, card.lesions, strict=True):
        level = level_of(card.thresholds[lesion])
        marked = grid >= level
        if not marked.any():  # scaling never makes more of it
            areas[lesion] = find_regions(Runs.none(whole))
            continue
        place, enlarged = geometry.enlarged(grid, shape, buffer, around=marked)
        values = cast(NDArray[np.uint8], enlarged)
        runs = runs_of(values >= level).placed(whole, place[0].start, place[1].start)
        areas[lesion] = find_regions(runs.between(*fov.columns_of(runs.rows)), place, values)
    return areas


def unsure_of(regions: Regions, probability: float) -> list[int]:
    """The numbers (see `Regions`) of the areas that nowhere reach this probability."""
    return np.flatnonzero(regions.peaks < level_of(probability)).tolist()


def _on_original(channel: NDArray[np.uint8], geometry: Geometry, inside: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scaled = geometry.to_original(channel[None], inside.shape)[0]
    return cast(NDArray[np.uint8], cv2.copyTo(scaled, inside))


class _Clock:
    def __init__(self, on_stage: Callable[[str], None] | None) -> None:
        self._on_stage = on_stage
        self._started = time.perf_counter()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, *, announce: bool = True) -> Iterator[None]:
        if announce and self._on_stage is not None:
            self._on_stage(name)
        started = time.perf_counter()
        yield
        self._seconds[name] = round(time.perf_counter() - started, 4)

    def total(self) -> dict[str, float]:
        return {**self._seconds, "total": round(time.perf_counter() - self._started, 4)}
