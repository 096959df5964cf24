"""From a run to shipped weights: export, choose thresholds on validation, freeze them in the card."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from inference.cards import ModelCard
from training.classifier_refit import refit_classifier
from training.config import TrainingConfig, load_config
from training.datasets.manifest import manifest_hash, read_manifest
from training.datasets.selection import records_of
from training.datasets.squares import load_squares
from training.evaluation.grading import collect_grades, grading_figures
from training.evaluation.measure import NORMALS
from training.evaluation.segmentation import choose_thresholds, collect_scores, lesion_figures, normal_figures
from training.evaluation.weights import Weights, load_weights
from training.export import blended, freeze, weights_of, write_weights
from training.grading import SQUARE_SIDE
from training.metrics.grades import fit_temperature
from training.pretrained import read_tensors


def release(
    run_path: Path,
    folder: Path,
    *,
    version: str,
    which: str = "best",
    notes: str = "",
    refit: bool = False,
    half_turn: bool = False,
    blend: tuple[Path, float] | None = None,
) -> ModelCard:
    """Export the weights of a run into ``folder``, measure them on the validation split and complete their card.

    ``refit``: fit the grader's last layer anew first, see ``training.classifier_refit``. ``half_turn``: see
    `ModelCard`. ``blend``: a file and its share in the mean with it, see `training.export.blended`.
    """
    config = load_config(run_path / "config.toml")
    tensors = weights_of(run_path, which)
    if refit:
        squares = load_squares(
            records_of(config, config.data.labelled, "train"), SQUARE_SIDE, run_path.parent / "cache"
        )
        tensors = refit_classifier(tensors, config, squares)
    if blend is not None:
        tensors = blended(tensors, read_tensors(blend[0]), blend[1])
    taught_on = (*config.data.labelled, *config.data.negatives, *config.data.unlabelled)
    images: dict[str, int] = dict(Counter(record.source for record in records_of(config, taught_on, "train")))
    if _knows_imagenet(config):
        images["imagenet"] = 1_281_167
    card = write_weights(folder, tensors, config, version=version, images=images, notes=notes, half_turn=half_turn)
    return measure(config, folder, card)


def measure(config: TrainingConfig, folder: Path, card: ModelCard) -> ModelCard:
    """Measure the weights in ``folder`` on the validation split and complete their card."""
    weights = load_weights(folder)
    figures: dict[str, Any] = {"split": "val", "manifest_sha256": manifest_hash(Path(config.data.manifest))}
    if config.network.is_segmentation:
        thresholds, measured = measure_segmentation(config, weights)
        return freeze(folder, card, thresholds=thresholds, validation=figures | measured)
    temperature, measured = measure_grading(config, weights)
    return freeze(folder, card, temperature=temperature, validation=figures | measured)


def measure_segmentation(config: TrainingConfig, weights: Weights) -> tuple[dict[str, float], dict[str, Any]]:
    """Thresholds by highest pooled Dice on validation photographs, and all figures at them."""
    scores = collect_scores(weights, records_of(config, config.data.labelled, "val"))
    thresholds = choose_thresholds(scores)
    figures = {"data": list(config.data.labelled), "lesions": lesion_figures(scores, thresholds)}
    if NORMALS in {entry.source for entry in read_manifest(Path(config.data.manifest))}:
        normals = records_of(config, (NORMALS,), "val")
        figures["normal_eyes"] = normal_figures(weights, normals, thresholds)
    return thresholds, figures


def measure_grading(config: TrainingConfig, weights: Weights) -> tuple[float, dict[str, Any]]:
    """Temperature by least log loss and operating points on validation photographs, and all figures at them."""
    scores = collect_grades(weights, records_of(config, config.data.labelled, "val"))
    temperature = fit_temperature(scores.logits, scores.truth) if config.network.head == "classes" else 1.0
    return temperature, {"data": list(config.data.labelled)} | grading_figures(scores, weights, temperature)


def _knows_imagenet(config: TrainingConfig) -> bool:
    """Whether its own encoder, or that of its teacher, ever began with the package's ImageNet weights.

    A student inherits what its teacher learnt; who goes on from a file does so from where that file came from.
    """
    encoders = [config.network.encoder] if config.initial_weights else []
    if config.distillation.teacher:
        encoders.append(load_weights(Path(config.distillation.teacher)).card.network.encoder)
    return any("lite2" in encoder for encoder in encoders)
