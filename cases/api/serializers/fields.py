"""Fields that accept what people and programs write."""

from __future__ import annotations

from functools import cache
from typing import Any, NoReturn

from django.conf import settings
from django.db.models import Choices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cases.choices import IcdrGrade

# Besides the labels of `IcdrGrade` in every language of the interface.
GRADE_SYNONYMS = {
    "no dr": IcdrGrade.NO_DR,
    "normal": IcdrGrade.NO_DR,
    "mild npdr": IcdrGrade.MILD,
    "moderate npdr": IcdrGrade.MODERATE,
    "severe npdr": IcdrGrade.SEVERE,
    "pdr": IcdrGrade.PROLIFERATIVE,
}


class NamedChoiceField(serializers.ChoiceField):
    """A choice whose error says what the choices are."""

    default_error_messages = {"invalid_choice": _("“{input}” is none of: {choices}.")}

    def __init__(self, choices: type[Choices], **kwargs: Any) -> None:
        self._known = ", ".join(str(value) for value in choices.values)
        super().__init__(choices=choices.choices, **kwargs)

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        """Raise `ValidationError` with the choices named."""
        super().fail(key, choices=self._known, **kwargs)


@extend_schema_field({"oneOf": [{"type": "integer", "minimum": 0, "maximum": 4}, {"type": "string"}]})
class GradeField(serializers.Field):
    """An ICDR grade: 0-4, or its name ("2", "Moderate NPDR", a label of either language)."""

    default_error_messages = {
        "invalid": _("“{input}” is no ICDR grade: give a number from 0 (no retinopathy) to 4 (proliferative).")
    }

    def to_internal_value(self, data: Any) -> int:
        """Return 0-4. Raises `ValidationError` for anything else."""
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("invalid", input=data)
        grade = _grades_by_name().get(" ".join(str(data).casefold().split()))
        if grade is None:
            self.fail("invalid", input=data)
        return int(grade)

    def to_representation(self, value: int) -> int:
        """Return the number itself."""
        return value


@cache
def _grades_by_name() -> dict[str, IcdrGrade]:
    names = dict(GRADE_SYNONYMS)
    for code, _name in settings.LANGUAGES:
        with override(code):
            names |= {str(grade.label).casefold(): grade for grade in IcdrGrade}
    return names | {str(grade.value): grade for grade in IcdrGrade}
