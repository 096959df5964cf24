"""Which networks are installed, and their weights after a check of their sha256. Free of torch.

A model is a folder `<weights folder>/<name>/` with `model.safetensors` and `card.json`; the weights folder is
`inference/weights`, or where DRWEB_WEIGHTS_DIR points.
"""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from inference.cards import Kind, ModelCard
from inference.errors import ModelUnavailable, gettext_noop

logger = logging.getLogger(__name__)

SEGMENTATION_MODELS = ("unet", "unetplusplus", "manet", "unet-lite")
GRADER = "grader"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "card.json"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model folder whose card was read; its weights are not checked yet."""

    card: ModelCard
    folder: Path


def weights_folder() -> Path:
    """Where the model folders are."""
    return Path(os.environ.get("DRWEB_WEIGHTS_DIR") or Path(__file__).parent / "weights")


def installed_models(kind: Kind | None = None) -> dict[str, ModelCard]:
    """The cards of all models with card and weights file, by name; unreadable cards are logged and left out."""
    cards: dict[str, ModelCard] = {}
    for path in sorted(weights_folder().glob(f"*/{CARD_FILE}")):
        try:
            card = _read_card(path)
        except ModelUnavailable as error:
            logger.error("%s", error)
            continue
        if (path.parent / WEIGHTS_FILE).is_file() and kind in (None, card.kind):
            cards[path.parent.name] = card
    return cards


def resolve_model_name(name: str) -> str:
    """The canonical name of a segmentation network, from any of its spellings ("Unet++", "MA-Net", "unet_lite").

    Raises ModelUnavailable: unknown_model for a name that is none, weights_missing for a network without weights.
    """
    installed = installed_models("segmentation")
    known = {_squeezed(each): each for each in (*SEGMENTATION_MODELS, *installed)}
    canonical = known.get(_squeezed(name))
    if canonical is None:
        raise ModelUnavailable(
            "unknown_model",
            gettext_noop("There is no network %(name)s: choose one of %(installed)s."),
            name=repr(name[:40]),
            installed=", ".join(installed) or "-",
        )
    if canonical not in installed:
        raise _missing(canonical)
    return canonical


def find_model(name: str) -> InstalledModel:
    """The model folder of exactly this name. Raises ModelUnavailable: weights_missing, card_invalid."""
    folder = weights_folder() / name
    if not (folder / CARD_FILE).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise _missing(name)
    return InstalledModel(card=_read_card(folder / CARD_FILE), folder=folder)


def load_weights(model: InstalledModel) -> bytes:
    """The safetensors file. Raises ModelUnavailable (weights_altered) where it is not the one that the card names."""
    content = (model.folder / WEIGHTS_FILE).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.card.sha256:
        raise _altered(model.folder.name)
    return content


def verify_weights(model: InstalledModel) -> None:
    """As `load_weights`, without keeping the content; a file that has not changed since is not read again."""
    path = model.folder / WEIGHTS_FILE
    facts = path.stat()
    if _file_sha256(path, facts.st_mtime_ns, facts.st_size, facts.st_ino) != model.card.sha256:
        raise _altered(model.folder.name)


def identity(name: str) -> dict[str, str]:
    """The sha256 of the weights that an analysis with network `name` uses, by model name; raises as `load_weights`."""
    models = [find_model(name), find_model(GRADER)]
    for model in models:
        verify_weights(model)
    return {model.folder.name: model.card.sha256 for model in models}


def _squeezed(name: str) -> str:
    return name.strip().lower().replace("++", "plusplus").replace("-", "").replace("_", "").replace(" ", "")


def _read_card(path: Path) -> ModelCard:
    try:
        return ModelCard.from_json(path.read_text(encoding="utf-8"))
    except (ValueError, TypeError, KeyError) as error:
        raise ModelUnavailable(
            "card_invalid",
            gettext_noop("The model card of %(name)s cannot be used (%(fault)s): install the model again."),
            name=path.parent.name,
            fault=str(error),
        ) from error


@lru_cache(maxsize=16)
def _file_sha256(path: Path, _modified: int, _size: int, _inode: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _missing(name: str) -> ModelUnavailable:
    return ModelUnavailable(
        "weights_missing",
        # No path in the sentence: users of the web see it too.
        gettext_noop("The network %(name)s is not installed: put its folder with card and weights beside the others."),
        name=name,
    )


def _altered(name: str) -> ModelUnavailable:
    return ModelUnavailable(
        "weights_altered",
        gettext_noop("The weights of %(name)s are not those that its model card names: install the model again."),
        name=name,
    )
