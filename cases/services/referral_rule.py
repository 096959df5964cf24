"""A clinic's own table of referral and recall, and how its studies are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from cases.choices import Finding
from cases.decision import DEFAULTS, Rule
from cases.models import Clinic, ReferralRule, User
from cases.permissions import Action, authorize

READING_SETTINGS = (
    "double_reading_percent",
    "blind_to_network",
    "adjudicate_from",
    "senior_reads_disagreements",
    "grade_difference",
)


@transaction.atomic
def referral_table_set(*, user: User, clinic: Clinic, table: Mapping[Finding, Rule]) -> None:
    """Keep the rows that differ from the defaults as the clinic's own; what was signed keeps its decision.

    Raises `NotAllowed`, and `ValidationError` for an interval out of range.
    """
    authorize(user, Action.MANAGE, clinic)
    own = {row.finding: row for row in ReferralRule.objects.filter(clinic=clinic)}
    for finding, rule in table.items():
        row = own.get(finding)
        if rule == DEFAULTS[finding]:
            if row is not None:
                row.delete()
            continue
        row = row or ReferralRule(clinic=clinic, finding=finding)
        row.referral, row.months, row.source = rule.referral, rule.months, rule.source
        row.full_clean()
        row.save()


@transaction.atomic
def clinic_set_reading(*, user: User, clinic: Clinic, **settings: Any) -> Clinic:
    """Choose how studies are read: values of `READING_SETTINGS`. Studies that are open already keep their mode.

    Raises `NotAllowed`, and `ValidationError` for a value out of range.
    """
    authorize(user, Action.MANAGE, clinic)
    for name in READING_SETTINGS:
        if name in settings:
            setattr(clinic, name, settings[name])
    clinic.full_clean()
    clinic.save(update_fields=READING_SETTINGS)
    return clinic
