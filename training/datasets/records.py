"""What every data set adapter yields."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from inference.lesions import Lesion

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")


class DatasetError(Exception):
    """A data set is not as its layout says; the message names the path and what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """One photograph of a data set.

    ``masks`` is None where nobody outlined lesions; a lesion missing from it is absent from the photograph.
    ``official_split`` is "train", "val" or "test" where the data set defines one, else "". ``patient`` is unique within
    ``source``; where a data set does not tell patients apart, each photograph is its own. ``mask_values``: the pixel
    value that means a lesion, where one file holds all lesions; None where any value but black does. ``collection``:
    what data sets have in common that were drawn from the same patients; "" for a set of its own.
    """

    image: Path
    source: str
    patient: str
    official_split: str = ""
    grade: int | None = None
    masks: Mapping[Lesion, Path] | None = None
    mask_values: Mapping[Lesion, int] | None = None
    collection: str = ""

    @property
    def person(self) -> tuple[str, str]:
        """Who is shown; the same in all data sets of a collection."""
        return self.collection or self.source, self.patient

    @property
    def stratum(self) -> str:
        """Photographs of one stratum are spread evenly over the splits."""
        if self.grade is not None:
            return f"grade {self.grade}"
        return "" if self.masks is None else " ".join(sorted(self.masks))


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def opened(path: Path, what: str) -> Iterator[Image.Image]:
    """A picture file, open; a ``DatasetError`` that names it where it is missing or no picture that can be read."""
    try:
        with Image.open(path) as file:
            yield file
    except FileNotFoundError:
        raise DatasetError(f"{what} not found: {path}. Check the data root.") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{what} cannot be read: {path}: {error}") from error


def require_folder(path: Path, what: str) -> Path:
    """``path``, or a ``DatasetError`` that names it."""
    if not path.is_dir():
        raise DatasetError(f"{what}: folder not found: {path}. Check the data root, or where the archive was unpacked.")
    return path


def require_file(path: Path, what: str) -> Path:
    """``path``, or a ``DatasetError`` that names it."""
    if not path.is_file():
        raise DatasetError(f"{what}: file not found: {path}. Check the data root, or where the archive was unpacked.")
    return path


def images_in(folder: Path, what: str) -> list[Path]:
    """The photographs directly inside ``folder``, by name; a ``DatasetError`` where there are none."""
    found = sorted(p for p in require_folder(folder, what).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise DatasetError(f"{what}: no photographs ({', '.join(IMAGE_SUFFIXES)}) in {folder}.")
    return found
