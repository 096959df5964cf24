from __future__ import annotations

import re

from cases.permissions import MATRIX, Action
from tests.conftest import REPOSITORY


def test_the_matrix_in_the_documentation_is_the_one_that_is_asked():
    document = (REPOSITORY / "docs" / "workflow.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`: [^|]+((?:\| (?:yes|no) )+)\|$", document, re.MULTILINE)
    documented = {action: [cell.strip() == "yes" for cell in cells.strip("| ").split("|")] for action, cells in rows}
    assert documented == {action.value: [action in allowed for allowed in MATRIX.values()] for action in Action}
