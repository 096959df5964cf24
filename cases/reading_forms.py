"""Forms of a clinic's administrators about readings: how many readers, and what follows from what they find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.choices import Finding, Referral
from cases.decision import Rule
from cases.models import Clinic
from cases.models.referral_rule import LONGEST_INTERVAL
from cases.services.referral_rule import READING_SETTINGS


class ReadingSettingsForm(forms.ModelForm):
    """Share of double readings, blindness, limits of disagreement."""

    class Meta:
        model = Clinic
        fields = READING_SETTINGS


class RuleForm(forms.Form):
    """One row of the table of referral and recall."""

    referral = forms.TypedChoiceField(label=_("Referral"), choices=Referral.choices, coerce=int)
    months = forms.IntegerField(label=_("Months"), min_value=1, max_value=LONGEST_INTERVAL)
    source = forms.CharField(label=_("Source"), max_length=300, required=False)

    def __init__(self, data: Any = None, *, finding: Finding, initial: dict[str, Any]) -> None:
        super().__init__(data, prefix=finding, initial=initial)
        self.finding = finding
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{finding.label}: {field.label}"

    def rule(self) -> Rule:
        """What was entered."""
        data = self.cleaned_data
        return Rule(Referral(data["referral"]), data["months"], data["source"])


def rule_forms(table: Mapping[Finding, Rule], data: Any = None) -> list[RuleForm]:
    """A form per finding, in the order of `Finding`."""
    return [
        RuleForm(
            data,
            finding=finding,
            initial={"referral": int(rule.referral), "months": rule.months, "source": rule.source},
        )
        for finding, rule in ((finding, table[finding]) for finding in Finding)
    ]
