"""What the page of a study says about its readings, and what its reader may do next."""

from __future__ import annotations

from dataclasses import dataclass, field

from cases.choices import ReadingState, StudyQueue
from cases.differences import Difference, differences
from cases.models import Reading, Study, User
from cases.permissions import Action
from cases.selectors.reading import (
    is_current_draft,
    other_readings,
    reading_of,
    reading_state_of,
    readings_to_compare,
)


@dataclass(frozen=True)
class ReadingPanel:
    """`own` is what the user writes on or has signed; `shown` what a report would print."""

    state: StudyQueue
    own: Reading | None
    shown: Reading | None
    writable: bool
    others: list[Reading]
    amendment: Reading | None = None  # of the conclusion, not signed yet, whoever writes it
    may_amend: bool = False
    may_drop: bool = False
    may_adjudicate: bool = False
    compared: list[Reading] = field(default_factory=list)  # what a senior reader decides between
    differences: list[Difference] = field(default_factory=list)


def reading_panel(user: User, study: Study, may: frozenset[Action]) -> ReadingPanel:
    """The panel of `study` for `user`, who may do `may` in its clinic."""
    state = reading_state_of(study)
    own = reading_of(user, study)
    others = list(other_readings(user, study))
    draft = own if own is not None and is_current_draft(own, study) else None
    writable = Action.READ in may and (draft is not None or (state == StudyQueue.TO_READ and own is None))
    if state == StudyQueue.SIGNED:
        return _concluded(user, study, may, own, others, writable)
    if state == StudyQueue.TO_ADJUDICATE:
        compared = readings_to_compare(study)
        apart = study.clinic.adjudicate_from
        is_reader = any(reading.reader_id == user.pk for reading in compared)
        return ReadingPanel(
            state=state,
            own=own,
            shown=own,
            writable=writable,
            others=others,
            may_adjudicate=Action.ADJUDICATE in may and not is_reader,
            compared=compared,
            differences=differences(*compared, grades_apart=apart) if len(compared) > 1 else [],
        )
    return ReadingPanel(state=state, own=own, shown=own, writable=writable, others=others)


def _concluded(
    user: User,
    study: Study,
    may: frozenset[Action],
    own: Reading | None,
    others: list[Reading],
    writable: bool,
) -> ReadingPanel:
    conclusion = study.conclusion
    amendment = Reading.objects.filter(amends=conclusion, state=ReadingState.DRAFT).select_related("reader").first()
    mine = amendment is not None and amendment.reader_id == user.pk
    is_reader = conclusion is not None and conclusion.reader_id == user.pk and Action.READ in may
    may_amend = is_reader or Action.ADJUDICATE in may
    return ReadingPanel(
        state=StudyQueue.SIGNED,
        own=own,
        shown=own if mine else conclusion,
        writable=writable,
        others=others,
        amendment=amendment,
        may_amend=may_amend and amendment is None,
        may_drop=amendment is not None and (mine or Action.ADJUDICATE in may),
    )
