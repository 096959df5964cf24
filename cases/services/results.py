"""The document of the Results page, made from the cards of the active networks and kept until they change."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
from pathlib import Path

from django.conf import settings
from django.utils import translation

from cases.networks import installed_networks
from cases.reports.pdf import PdfDocument, render_pdf
from cases.reports.results import LAYOUT, results_charts, results_data

_drawing = threading.Lock()  # one document takes all of a core for seconds: who comes second finds it made


def results_build(*, language: str) -> Path | None:
    """The PDF in ``language``, made now unless the one of these very cards and words exists; None without networks."""
    cards = [network.card for network in installed_networks()]
    if not cards:
        return None
    with translation.override(language):
        data = results_data(cards)
        content = json.dumps(data) + "".join(card.to_json() for card in cards)
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        path = settings.DRWEB_DATA_DIR / "results" / f"{language}-{digest}.pdf"
        with _drawing:
            if not path.exists():
                _write(path, render_pdf(PdfDocument(data["heading"], "drweb", LAYOUT, {}, data, results_charts(cards))))
                for old in path.parent.glob(f"{language}-*.pdf"):
                    if old != path:
                        old.unlink(missing_ok=True)
    return path


def _write(path: Path, pdf: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pdf)
    Path(scratch).replace(path)
