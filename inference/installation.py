"""A version of a network from a folder or an archive: unpacked under our own names, and checked before anyone uses it.

Free of torch: what needs the networks is checked in a child process, see `inference.model_check`.
"""

from __future__ import annotations

import math
import os
import re
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from inference.cards import ModelCard
from inference.engines.equivalence import record_fault
from inference.errors import InferenceError, ModelUnavailable, gettext_noop
from inference.registry import (
    CARD_FILE,
    GRADER,
    RANGES_FILE,
    RECORD_FILE,
    WEIGHTS_FILE,
    InstalledModel,
    verify_weights,
)

MAX_MODEL_MB = 95
MAX_INPUT_SIDE = 2048
CHECK_SECONDS = 300

_MB = 1024 * 1024
_LIMITS = {CARD_FILE: _MB, WEIGHTS_FILE: MAX_MODEL_MB * _MB, RANGES_FILE: _MB, RECORD_FILE: _MB}
_NEEDED = {CARD_FILE, WEIGHTS_FILE}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,49}")
_ENCODER = re.compile(r"[A-Za-z0-9._-]{0,100}")  # no address of a download hub


class ModelRefused(InferenceError):
    """What was to be installed is no model that can be used."""


def unpack(source: Path | IO[bytes], target: Path) -> None:
    """Copy card, weights and, if there are any, 8-bit ranges and the record of engines from a folder, zip or tar.

    `source`: its path, or the open archive. `target`: an empty folder.

    Raises ModelRefused: archive_invalid, files_wrong, file_too_large. Names in an archive are compared, never used as
    paths; sizes are counted while reading, not believed.
    """
    copied = set()
    with _files_of(source) as files:
        for name, file in files:
            if name in copied:
                raise _wrong_files(name)
            _copy(name, file, target / name)
            copied.add(name)
    if absent := sorted(_NEEDED - copied):
        raise _wrong_files(f"- {absent[0]}")


def check_model(folder: Path) -> ModelCard:
    """The card of an unpacked model, after every check that can be made before it is used.

    Raises ModelRefused: card_invalid, weights_altered, record_invalid, network_unfit. Takes seconds: a child process
    builds the network.
    """
    try:
        card = ModelCard.from_json((folder / CARD_FILE).read_text(encoding="utf-8"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _bad_card(str(error)) from error
    if fault := _types_fault(card) or _card_fault(card):
        raise _bad_card(fault)
    model = InstalledModel(card, folder)
    try:
        verify_weights(model)
    except ModelUnavailable as error:
        raise ModelRefused(error.code, error.template, **error.params) from error
    if fault := record_fault(model):
        raise ModelRefused(
            "record_invalid",
            gettext_noop(
                "engines.json is no record of these weights (%(fault)s): make it anew with manage.py check_engines "
                "--record, or leave it out."
            ),
            fault=fault[:300],
        )
    if fault := _fault_of_network(folder):
        raise ModelRefused(
            "network_unfit",
            gettext_noop("These weights are not those of the network on the card (%(fault)s): export the model again."),
            fault=fault,
        )
    return card


def _types_fault(card: ModelCard) -> str:
    """Kinds of values that `ModelCard` takes as they come, and pages and engines rely on."""
    sources = card.training_data
    texts = [card.name, card.version, card.notes, card.network.encoder]
    texts += [text for source in sources for text in (source.name, source.licence, source.source)]
    if not all(isinstance(text, str) for text in texts):
        return "a text is something else"
    if not all(type(number) is int for number in (card.input_size, *(source.images for source in sources))):
        return "a whole number is something else"
    scales = (*card.normalisation.mean, *card.normalisation.std)
    if not all(isinstance(scale, int | float) and math.isfinite(scale) for scale in scales):
        return "normalisation is not made of numbers"
    return "" if isinstance(card.validation, dict) else "validation is no object"


def _card_fault(card: ModelCard) -> str:
    """What is wrong for an installation in a card that is right in itself."""
    if not _NAME.fullmatch(card.name):
        return f"name {card.name!r} is not made of small letters, digits and hyphens"
    if not _VERSION.fullmatch(card.version):
        return f"version {card.version!r} is not made of letters, digits and . _ + -"
    if (card.kind == "grading") != (card.name == GRADER):
        return f"a grading network is called {GRADER}, and no other is"
    if card.input_size > MAX_INPUT_SIDE:
        return f"input_size {card.input_size} is more than {MAX_INPUT_SIDE}"
    if not _ENCODER.fullmatch(card.network.encoder):
        return f"encoder {card.network.encoder!r} is no name of an encoder"
    return ""


def _fault_of_network(folder: Path) -> str:
    command = [sys.executable, "-m", "inference.model_check", str(folder)]
    repository = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    try:
        child = subprocess.run(
            command,
            cwd=repository,
            env=environment,
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the trial took more than {CHECK_SECONDS} s"
    if child.returncode == 0:
        return ""
    return (child.stderr.strip().splitlines() or [f"the trial ended with status {child.returncode}"])[-1][:300]


# What the two libraries raise for damaged archives, encrypted ones, and nonsense.
_ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError)
_UNREADABLE = (*_ZIP_FAULTS, tarfile.TarError, ValueError)

Files = Iterator[tuple[str, IO[bytes]]]


@contextmanager
def _files_of(source: Path | IO[bytes]) -> Iterator[Files]:
    if isinstance(source, Path) and source.is_dir():
        yield _files_of_folder(source)
        return
    try:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                yield _files_of_zip(archive)
            return
        if not isinstance(source, Path):
            source.seek(0)
        # Not compressed: a tar's headers may be of any length, and would be read into memory whole.
        with tarfile.open(source, "r:") if isinstance(source, Path) else tarfile.open(fileobj=source, mode="r:") as tar:
            yield _files_of_tar(tar)
    except _UNREADABLE as error:
        raise ModelRefused(
            "archive_invalid",
            gettext_noop("This is no folder, zip or uncompressed tar file that can be read. Pack the model again."),
        ) from error


def _files_of_folder(folder: Path) -> Files:
    for path in sorted(folder.iterdir()):
        if path.name not in _LIMITS or not stat.S_ISREG(path.lstat().st_mode):
            raise _wrong_files(path.name)
        with path.open("rb") as file:
            yield path.name, file


def _files_of_zip(archive: zipfile.ZipFile) -> Files:
    for entry in archive.infolist():
        if entry.is_dir():
            continue
        mode = entry.external_attr >> 16
        # The other methods can ask for gigabytes of memory.
        plain = entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not entry.flag_bits & 0x1
        if not plain or (mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode)):
            raise _wrong_files(entry.filename)
        name = _member_name(entry.filename)
        with archive.open(entry) as file:
            yield name, file


def _files_of_tar(archive: tarfile.TarFile) -> Files:
    for member in archive:
        if member.isdir():
            continue
        if not member.isreg() or (file := archive.extractfile(member)) is None:
            raise _wrong_files(member.name)
        yield _member_name(member.name), file


def _member_name(path: str) -> str:
    """The file's name, which may lie in one folder."""
    parts = [part for part in PurePosixPath(path).parts if part != "."]
    if not parts or len(parts) > 2 or ".." in parts or path.startswith("/") or parts[-1] not in _LIMITS:
        raise _wrong_files(path)
    return parts[-1]


def _copy(name: str, file: IO[bytes], target: Path) -> None:
    size = 0
    with target.open("xb") as copy:
        while piece := file.read(_MB):
            size += len(piece)
            if size > _LIMITS[name]:
                raise ModelRefused(
                    "file_too_large",
                    gettext_noop("%(name)s is larger than %(limit)d MB."),
                    name=name,
                    limit=_LIMITS[name] // _MB,
                )
            copy.write(piece)


def _bad_card(fault: str) -> ModelRefused:
    return ModelRefused(
        "card_invalid", gettext_noop("card.json is no model card that can be used (%(fault)s)."), fault=fault[:300]
    )


def _wrong_files(name: str) -> ModelRefused:
    return ModelRefused(
        "files_wrong",
        gettext_noop(
            "A model is two plain files, card.json and model.safetensors, and maybe int8.safetensors and engines.json "
            "(found: %(name)s)."
        ),
        name=name[:100],
    )
