"""What scripts repeat because the server knows it: held together here."""

import re
from pathlib import Path

from cases.services.analysis import STORE
from inference.analysis import STAGES

STATIC = Path(__file__).resolve().parents[2] / "static"


def test_every_stage_of_the_worker_has_a_name_on_the_page():
    script = (STATIC / "js" / "study" / "stages.js").read_text(encoding="utf-8")
    assert re.findall(r"^    (\w+): gettext", script, re.MULTILINE) == [*STAGES, "explain", STORE]
