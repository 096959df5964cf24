"""Which networks are installed, and their weights after a check of their sha256. Free of torch.

A model is a folder with `model.safetensors` and `card.json`. One version of each network lies in the weights folder
(`inference/weights`, or where DRWEB_WEIGHTS_DIR points) as `<name>/`; further versions are installed in the models
folder (`models` in the data folder, or where DRWEB_MODELS_DIR points) as `<name>/<version>/`. Name and sha256 say which
one is meant; without a sha256 it is the one in the weights folder.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
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
RANGES_FILE = "int8.safetensors"
RECORD_FILE = "engines.json"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model folder whose card was read; its weights are not checked yet."""

    card: ModelCard
    folder: Path

    @property
    def name(self) -> str:
        """Of the network; its versions share it."""
        return self.card.name


def weights_folder() -> Path:
    """Where the networks are that came with the system, one version of each."""
    return Path(os.environ.get("DRWEB_WEIGHTS_DIR") or Path(__file__).parent / "weights")


def data_folder() -> Path:
    """DRWEB_DATA_DIR, else `var` in the repository."""
    return Path(os.environ.get("DRWEB_DATA_DIR") or Path(__file__).resolve().parents[1] / "var")


def models_folder() -> Path:
    """Where further versions are installed."""
    return Path(os.environ.get("DRWEB_MODELS_DIR") or data_folder() / "models")


def installed_models(kind: Kind | None = None) -> dict[str, ModelCard]:
    """The cards of the networks in the weights folder, by name; unreadable cards are logged and left out."""
    return {model.folder.name: model.card for model in shipped_versions() if kind in (None, model.card.kind)}


def shipped_versions() -> list[InstalledModel]:
    """The networks in the weights folder."""
    return _models_in(weights_folder(), "*")


def added_versions() -> list[InstalledModel]:
    """The versions in the models folder."""
    return _models_in(models_folder(), "*/*")


def resolve_model_name(name: str, among: Iterable[str] | None = None) -> str:
    """The canonical name of a segmentation network, from any of its spellings ("Unet++", "MA-Net", "unet_lite").

    `among`: the names to choose from, where they are not those of the weights folder. Raises ModelUnavailable:
    unknown_model for a name that is none, weights_missing for a network without weights.
    """
    installed = list(installed_models("segmentation") if among is None else among)
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
        raise missing_model(canonical)
    return canonical


def find_model(name: str, sha256: str | None = None) -> InstalledModel:
    """The model folder of exactly this name in the weights folder, or with `sha256` the version with these weights.

    Raises ModelUnavailable: weights_missing, version_missing, card_invalid.
    """
    if sha256 is not None:
        return _find_version(name, sha256)
    folder = weights_folder() / name
    if not (folder / CARD_FILE).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise missing_model(name)
    return InstalledModel(card=_read_card(folder / CARD_FILE), folder=folder)


def load_weights(model: InstalledModel) -> bytes:
    """The safetensors file. Raises ModelUnavailable (weights_altered) where it is not the one that the card names."""
    content = (model.folder / WEIGHTS_FILE).read_bytes()
    if hashlib.sha256(content).hexdigest() != model.card.sha256:
        raise _altered(model.name)
    return content


def verify_weights(model: InstalledModel) -> None:
    """As `load_weights`, without keeping the content; a file that has not changed since is not read again."""
    path = model.folder / WEIGHTS_FILE
    facts = path.stat()
    if _file_sha256(path, facts.st_mtime_ns, facts.st_size, facts.st_ino) != model.card.sha256:
        raise _altered(model.name)


def identity(*models: InstalledModel) -> dict[str, str]:
    """The sha256 of the weights by network name, for the record; raises as `verify_weights`."""
    for model in models:
        verify_weights(model)
    return {model.name: model.card.sha256 for model in models}


def missing_model(name: str) -> ModelUnavailable:
    """The error for a network that is not installed."""
    return ModelUnavailable(
        "weights_missing",
        # No path in the sentence: users of the web see it too.
        gettext_noop("The network %(name)s is not installed: put its folder with card and weights beside the others."),
        name=name,
    )


def _models_in(root: Path, folders: str) -> list[InstalledModel]:
    """The model folders that the pattern finds, with card and weights file."""
    models = []
    for path in sorted(root.glob(f"{folders}/{CARD_FILE}")):
        try:
            card = _read_card(path)
        except ModelUnavailable as error:
            logger.error("%s", error)
            continue
        if (path.parent / WEIGHTS_FILE).is_file():
            models.append(InstalledModel(card=card, folder=path.parent))
    return models


def _find_version(name: str, sha256: str) -> InstalledModel:
    for model in (*shipped_versions(), *added_versions()):
        if (model.name, model.card.sha256) == (name, sha256):
            return model
    raise ModelUnavailable(
        "version_missing",
        gettext_noop("The version of %(name)s that was asked for is not installed: ask for the analysis again."),
        name=name,
    )


def _squeezed(name: str) -> str:
    return name.strip().lower().replace("++", "plusplus").replace("-", "").replace("_", "").replace(" ", "")


def _read_card(path: Path) -> ModelCard:
    """A file that has not changed since is not read again: every request and every analysis asks for all cards."""
    try:
        facts = path.stat()
        return _card(path, facts.st_mtime_ns, facts.st_size, facts.st_ino)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelUnavailable(
            "card_invalid",
            gettext_noop("The model card of %(name)s cannot be used (%(fault)s): install the model again."),
            name=path.parent.name,
            fault=str(error),
        ) from error


@lru_cache(maxsize=64)
def _card(path: Path, _modified: int, _size: int, _inode: int) -> ModelCard:
    return ModelCard.from_json(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=16)
def _file_sha256(path: Path, _modified: int, _size: int, _inode: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _altered(name: str) -> ModelUnavailable:
    return ModelUnavailable(
        "weights_altered",
        gettext_noop("The weights of %(name)s are not those that its model card names: install the model again."),
        name=name,
    )
