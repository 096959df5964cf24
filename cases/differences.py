"""Where two readings of the same eyes differ so much that a senior reader has to decide."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

from cases.choices import Gradability, IcdrGrade, MacularOedema
from cases.decision import EYES
from cases.models import Reading


class Matter(StrEnum):
    """What readers differ on."""

    GRADE = "grade"
    MACULA = "macula"
    GRADABILITY = "gradability"


@dataclass(frozen=True)
class Difference:
    """What two readers say of one eye; `first` and `second` as stored (grade, macula or gradability)."""

    eye: str
    matter: Matter
    first: int | str | None
    second: int | str | None

    def sentence(self) -> str:
        """Both sides in words of the active language."""
        said = {"eye": self.eye, "first": self._words(self.first), "second": self._words(self.second)}
        return _("%(eye)s: %(first)s – %(second)s") % said

    def _words(self, value: int | str | None) -> str:
        if value is None or value == "":
            return _("not stated")
        if self.matter is Matter.GRADE:
            return f"{value} · {IcdrGrade(int(value)).label}"
        return str((MacularOedema if self.matter is Matter.MACULA else Gradability)(str(value)).label)


def differences(first: Reading, second: Reading, *, grades_apart: int) -> list[Difference]:
    """What both readings differ on; grades only where they are at least `grades_apart` (1-4) apart."""
    return [found for eye in EYES for found in _of_eye(first, second, eye, grades_apart)]


def _of_eye(first: Reading, second: Reading, eye: str, grades_apart: int) -> list[Difference]:
    stated = (first.gradability(eye), second.gradability(eye))
    if _judged(stated[0]) != _judged(stated[1]):
        return [Difference(eye, Matter.GRADABILITY, *stated)]
    found = []
    grades = (first.grade(eye), second.grade(eye))
    if (None in grades and grades != (None, None)) or (
        grades[0] is not None and grades[1] is not None and abs(grades[0] - grades[1]) >= grades_apart
    ):
        found.append(Difference(eye, Matter.GRADE, *grades))
    maculas = (first.macula(eye), second.macula(eye))
    if maculas[0] != maculas[1]:
        found.append(Difference(eye, Matter.MACULA, *maculas))
    return found


def _judged(gradability: str) -> str:
    """Limits do not count: the eye was graded all the same."""
    return gradability if gradability in (Gradability.UNGRADABLE, Gradability.ABSENT) else Gradability.GRADABLE
