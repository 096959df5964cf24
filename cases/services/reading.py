"""Readings as they are written: drafts, amendments and adjudications. `cases.services.signing` signs them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from cases.choices import ReadingKind, ReadingState, StudyQueue
from cases.errors import ApplicationError, Conflict
from cases.models import Reading, Study, User
from cases.notifications import study_changed
from cases.permissions import Action, authorize
from cases.selectors.reading import reading_of, reading_state_of, readings_to_compare
from cases.services.mask_line import masks_put_back
from cases.services.study_queue import study_queue_refresh


@dataclass(frozen=True)
class Words:
    """What a reader states: of each eye the ICDR grade (0-4), macula and gradability, and the text of the report."""

    diagnosis: str = ""
    grade_od: int | None = None
    grade_os: int | None = None
    macula_od: str = ""
    macula_os: str = ""
    gradability_od: str = ""
    gradability_os: str = ""

    @classmethod
    def of(cls, reading: Reading) -> Words:
        """What `reading` says."""
        return cls(**{name: getattr(reading, name) for name in cls.__dataclass_fields__})


@transaction.atomic
def reading_save(*, user: User, study: Study, words: Words) -> Reading:
    """Keep what the reader states so far: in their reading, or the amendment or adjudication they have started.

    Raises `Conflict` where the user has signed already, or the study is concluded without them.
    """
    authorize(user, Action.READ, study.clinic)
    study = _locked(study)
    reading = reading_of(user, study) or Reading(study=study, reader=user)
    _check_writable(reading, study)
    return _written(reading, words)


def _check_writable(reading: Reading, study: Study) -> None:
    if reading.state == ReadingState.SIGNED:
        raise Conflict("already_signed", _("This reading is signed and can no longer be changed. Start an amendment."))
    waiting_for = reading_state_of(study)
    if waiting_for == StudyQueue.SIGNED and reading.amends_id != study.conclusion_id:
        raise Conflict("study_signed", _("Another reader has signed this study. What you wrote is kept as a draft."))
    if waiting_for == StudyQueue.TO_ADJUDICATE and reading.kind != ReadingKind.ADJUDICATION:
        raise Conflict("study_signed", _("This study is read already and waits for a senior reader's adjudication."))


def _written(reading: Reading, words: Words) -> Reading:
    for name, value in asdict(words).items():
        setattr(reading, name, value)
    reading.full_clean()
    reading.save()
    transaction.on_commit(lambda: study_changed(reading.study_id))
    return reading


@transaction.atomic
def amendment_start(*, user: User, study: Study, reason: str) -> Reading:
    """Begin the next version of the signed conclusion: the same words, to be changed and signed.

    Its reader may, and senior readers. Raises `Conflict` where nothing is concluded or somebody else is amending.
    """
    study = _locked(study)
    conclusion = _conclusion(study)
    authorize(user, Action.READ if conclusion.reader_id == user.pk else Action.ADJUDICATE, study.clinic)
    if not reason.strip():
        raise ApplicationError("reason_needed", _("Say why the signed reading is amended."))
    open_one = Reading.objects.filter(amends=conclusion).select_related("reader").first()
    if open_one is not None and open_one.reader_id != user.pk:
        raise Conflict(
            "being_amended",
            _("%(name)s is amending this reading already.") % {"name": open_one.reader.display_name()},
            reader=open_one.reader.display_name(),
        )
    amendment = open_one or Reading(
        study=study, reader=user, kind=conclusion.kind, amends=conclusion, version=conclusion.version + 1
    )
    amendment.reason = reason.strip()
    return _written(amendment, Words.of(open_one or conclusion))


@transaction.atomic
def amendment_drop(*, user: User, study: Study) -> Reading:
    """Give up an amendment that is not signed; the signed masks hold again. Returns the conclusion.

    Whoever writes it may, and senior readers.
    """
    study = _locked(study)
    conclusion = _conclusion(study)
    amendment = Reading.objects.filter(amends=conclusion).first()
    if amendment is None:
        raise Conflict("not_amended", _("Nobody is amending this study."))
    authorize(user, Action.READ if amendment.reader_id == user.pk else Action.ADJUDICATE, study.clinic)
    amendment.delete()
    masks_put_back(reading=conclusion)
    study_queue_refresh(study=study)
    transaction.on_commit(lambda: study_changed(study.pk))
    return conclusion


@transaction.atomic
def adjudication_start(*, user: User, study: Study, based_on: Reading | None = None) -> Reading:
    """Begin the senior reader's own reading of a study whose readings differ, from one of them or from nothing.

    With `based_on` its words and masks are taken over, also where the user has begun already. Raises `Conflict` where
    nothing is to be decided, or the user was one of the readers.
    """
    authorize(user, Action.ADJUDICATE, study.clinic)
    study = _locked(study)
    if reading_state_of(study) != StudyQueue.TO_ADJUDICATE:
        raise Conflict("nothing_to_adjudicate", _("This study has no readings that wait for a decision."))
    readings = readings_to_compare(study)
    if any(reading.reader_id == user.pk for reading in readings):
        raise Conflict("own_reading", _("You are one of the readers of this study. Another senior reader decides."))
    if based_on is not None and based_on not in readings:
        raise ApplicationError("unknown_reading", _("Start from one of the readings of this study, or from none."))
    own = Reading.objects.filter(study=study, reader=user, kind=ReadingKind.ADJUDICATION).first()
    adjudication = own or Reading(study=study, reader=user, kind=ReadingKind.ADJUDICATION)
    if based_on is None:
        return _written(adjudication, Words.of(adjudication))
    masks_put_back(reading=based_on)
    return _written(adjudication, Words.of(based_on))


def _locked(study: Study) -> Study:
    """The study as it is now; whoever else writes its readings waits."""
    locked = Study.objects.select_for_update(of=("self",))
    return locked.select_related("clinic", "conclusion__reader").get(pk=study.pk)


def _conclusion(study: Study) -> Reading:
    if study.conclusion is None:
        raise Conflict("not_signed", _("This study is not signed yet. Change its reading instead."))
    return study.conclusion
