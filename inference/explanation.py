"""A map of what in a photograph speaks for its grade, in the photograph's proportions. Free of torch."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.base import FloatArray
from inference.errors import ModelUnavailable, gettext_noop
from inference.field_of_view import FieldOfView
from inference.preprocessing import square_geometry
from inference.registry import InstalledModel

logger = logging.getLogger(__name__)

SECONDS = 180
LONGEST_SIDE = 1024  # px; the map is far coarser than that


def explain_grade(
    grader: InstalledModel, batch: FloatArray, fov: FieldOfView, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Grey map (0-255, the highest place has 255) of a photograph of `shape` (H, W, ...), at most 1024 px a side.

    `batch` is what the grader was given. A child process computes it, since gradients need PyTorch, whose memory is
    given back so. Raises ModelUnavailable (no_explanation) where that fails.
    """
    evidence = _evidence(grader, batch)
    highest = float(evidence.max())
    grid = np.rint(evidence * (255 / highest)).astype(np.uint8) if highest > 0 else evidence.astype(np.uint8)
    whole = square_geometry(fov, grid.shape[0]).to_original(grid[None], shape)[0]
    whole = cv2.copyTo(cast(NDArray[np.uint8], whole), fov.mask_for(shape).view(np.uint8))
    scale = min(1.0, LONGEST_SIDE / max(whole.shape))
    size = (max(1, round(whole.shape[1] * scale)), max(1, round(whole.shape[0] * scale)))
    return cast(NDArray[np.uint8], cv2.resize(whole, size, interpolation=cv2.INTER_AREA))


def _evidence(grader: InstalledModel, batch: FloatArray) -> FloatArray:
    given = io.BytesIO()
    np.save(given, batch)
    command = [sys.executable, "-m", "inference.networks.evidence", str(grader.folder)]
    repository = Path(__file__).resolve().parents[1]
    try:
        child = subprocess.run(
            command, cwd=repository, input=given.getvalue(), capture_output=True, timeout=SECONDS, check=True
        )
        return cast(FloatArray, np.load(io.BytesIO(child.stdout)))
    except (subprocess.SubprocessError, ValueError, OSError) as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace")
        logger.warning("no explanation by %s: %s %s", grader.name, error, said)
        raise ModelUnavailable(
            "no_explanation",
            gettext_noop(
                "The grade could not be explained: ask for the analysis without explanation, "
                "and tell your administrator."
            ),
        ) from error
