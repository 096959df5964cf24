"""What a report says, gathered from rows that are loaded already, in words of the active language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cases.choices import IcdrGrade, Laterality, Lesion, PredictionState
from cases.decision import Decision
from cases.models import Image, LesionResult, MaskRevision, Patient, Prediction, Reading, Report
from cases.reports.eye import macula_text, quality_text, rule_text
from cases.selectors.lesion_rules import StoredMask, only_sure_areas
from inference.lesions import LESION_COLOURS
from inference.rules import RuleGrade
from inference.runs import Runs

NOTHING = "–"
# mm; two pictures fit beside each other, and two rows of them on a page with the table below.
FIGURE_WIDTH, FIGURE_HEIGHT = 86.0, 88.0
_CSS_COLOURS = {str(lesion): "#{:02x}{:02x}{:02x}".format(*rgb) for lesion, rgb in LESION_COLOURS.items()}


@dataclass(frozen=True)
class Photograph:
    """A photograph with what is known of it when the report is made."""

    image: Image
    prediction: Prediction | None  # the newest finished analysis
    latest: Prediction | None  # the newest attempt, finished or not
    rules: RuleGrade | None = None  # of the masks that hold
    network_masks: dict[str, LesionResult] = field(default_factory=dict)
    corrections: dict[str, MaskRevision] = field(default_factory=dict)
    runs: dict[StoredMask, Runs] = field(default_factory=dict)  # of each of these masks


@dataclass(frozen=True)
class ReportContent:
    """Everything that is printed. `report` holds the words; it is not saved yet."""

    report: Report
    reference: str
    made_at: dt.datetime
    reading: Reading | None
    decision: Decision | None
    photographs: Sequence[Photograph]


@dataclass(frozen=True)
class Fact:
    """A value with its label."""

    label: str
    value: str


@dataclass(frozen=True)
class ProbabilityBar:
    """What the network gives to one grade, as a bar."""

    label: str
    percent: str
    filled: int  # % of the bar's length, 0-100
    chosen: bool


@dataclass(frozen=True)
class Measures:
    """One mask in figures, ready to print."""

    count: str = NOTHING
    area_px: str = NOTHING
    area_percent: str = NOTHING
    area_disc: str = NOTHING


@dataclass(frozen=True)
class LesionRow:
    """One lesion kind of a photograph."""

    label: str
    colour: str
    network: Measures
    current: Measures  # after correction; the network's where nobody corrected this lesion
    corrected: bool


@dataclass(frozen=True)
class Section:
    """One photograph as it is printed."""

    number: int
    eye: str
    field: str
    facts: list[Fact]
    figures: list[Fact]  # label: caption; value: name of the picture
    figure_width: float  # mm
    network_grade: str
    reader_grade: str
    bars: list[ProbabilityBar]
    lesions: list[LesionRow]
    corrected: bool
    corrections: list[str]  # who corrected what, or that nobody did
    problem: str  # why there is no result; empty where there is one


def patient_facts(content: ReportContent) -> list[Fact]:
    """Who was photographed, and when; what is not known is said to be so."""
    report, study = content.report, content.report.study
    patient = study.patient
    unknown = _("not stated")
    return [
        Fact(_("Name"), report.patient_name),
        Fact(_("Record number"), patient.record_number if patient else unknown),
        Fact(_("Age"), unknown if report.patient_age is None else str(report.patient_age)),
        Fact(_("Sex"), patient.get_sex_display() if patient else unknown),
        Fact(_("Date of birth"), _day(patient.birth_date) if patient and patient.birth_date else unknown),
        Fact(_("Diabetes"), _diabetes(patient) if patient else unknown),
        Fact(_("Date of visit"), _day(study.visit_date)),
        Fact(_("Study"), str(study.pk)),
    ]


def name_on_record(content: ReportContent) -> str:
    """The patient's name in the records where the report was made out to another one; otherwise empty."""
    patient = content.report.study.patient
    if patient is None or _plain(patient.name) == _plain(content.report.patient_name):
        return ""
    return patient.name


def authorship(content: ReportContent) -> list[Fact]:
    """Whose reading it is, who made the report, when, and under which number it is kept."""
    reading = content.reading
    facts = []
    if reading is not None:
        facts.append(Fact(_("Reader"), f"{reading.reader.display_name()} ({reading.get_state_display()})"))
    facts += [
        Fact(_("Report made by"), content.report.created_by.display_name()),
        Fact(_("Date and time"), moment(content.made_at)),
        Fact(_("Report number"), content.reference),
    ]
    return facts


def signature(content: ReportContent) -> list[Fact]:
    """Who signed what this report says, when, and the sha256 of the signed document; empty where it is not signed."""
    reading = content.reading
    if reading is None or reading.signed_at is None or not _says_what_was_signed(content.report, reading):
        return []
    return [
        Fact(_("Signed by"), reading.reader.display_name()),
        Fact(_("Signed at"), moment(reading.signed_at)),
        Fact(_("Version"), str(reading.version)),
        Fact(_("Signed document (sha256)"), reading.sha256),
    ]


def unsigned(content: ReportContent) -> str:
    """Why the report has no signature."""
    if content.reading is not None and content.reading.signed_at is not None:
        return _("Not signed: the words of this report are not those of the signed reading.")
    return _("Not signed")


def _says_what_was_signed(report: Report, reading: Reading) -> bool:
    grades = [grade for grade in (reading.grade_od, reading.grade_os) if grade is not None]
    return _plain(report.diagnosis) == _plain(reading.diagnosis) and report.grade in (None, max(grades, default=None))


def decision_facts(content: ReportContent) -> list[Fact]:
    """Referral and recall with the findings of each eye that led there; empty where nothing can be said yet."""
    decision = content.decision
    if decision is None:
        return []
    facts = [Fact(_("Referral"), str(decision.referral.label))]
    if decision.months is not None:
        due = ngettext("within %(months)d month of the visit", "within %(months)d months of the visit", decision.months)
        facts.append(Fact(_("Next examination"), due % {"months": decision.months}))
    facts += [Fact(str(Laterality(eye.eye).label), ", ".join(eye.finding_labels) or NOTHING) for eye in decision.eyes]
    return facts


def sections(content: ReportContent) -> list[Section]:
    """One per photograph, in the order of upload."""
    return [_section(number, photograph, content) for number, photograph in enumerate(content.photographs, 1)]


def legend() -> list[Fact]:
    """Lesion names and their colours."""
    return [Fact(str(Lesion(lesion).label), _CSS_COLOURS[lesion]) for lesion in Lesion.values]


def networks_used(photographs: Iterable[Photograph]) -> list[dict[str, str]]:
    """The networks behind the results, each version of each once."""
    used: dict[tuple[str, ...], dict[str, str]] = {}
    for photograph in photographs:
        if photograph.prediction is None:
            continue
        for role, title in (("grader", _("Grade")), ("segmentation", _("Lesion masks"))):
            network = photograph.prediction.networks.get(role, {})
            row = {
                "role": title,
                "name": str(network.get("name", NOTHING)),
                "version": str(network.get("version", NOTHING)),
                "sha256": str(network.get("sha256", NOTHING))[:16],
                "engine": str(network.get("engine", NOTHING)),
                "thresholds": ", ".join(f"{key} {value:g}" for key, value in network.get("thresholds", {}).items()),
            }
            used.setdefault(tuple(row.values()), row)
    return list(used.values())


def grade_label(grade: int | None) -> str:
    """`2 · Moderate non-proliferative DR`; "not stated" for None."""
    return _("not stated") if grade is None else f"{grade} · {IcdrGrade(grade).label}"


def moment(value: dt.datetime) -> str:
    """Local date and time with the zone, as the active language writes them."""
    local = timezone.localtime(value)
    return f"{date_format(local, 'DATETIME_FORMAT')} {local.tzname()}"


def _section(number: int, photograph: Photograph, content: ReportContent) -> Section:
    image, prediction = photograph.image, photograph.prediction
    corrected = prediction is not None and bool(photograph.corrections)
    figures = [Fact(_("Photograph"), f"{number}-photograph.jpg")]
    if prediction is not None:
        figures.append(Fact(_("Found by the network"), f"{number}-network.jpg"))
    if corrected:
        figures.append(Fact(_("After correction"), f"{number}-corrected.jpg"))
    return Section(
        number=number,
        eye=image.get_laterality_display(),
        field=image.get_field_display(),
        facts=_photograph_facts(photograph),
        figures=figures,
        figure_width=min(FIGURE_WIDTH, FIGURE_HEIGHT * image.width / image.height),
        network_grade=_network_grade(photograph),
        reader_grade=_reader_grade(image, content),
        bars=_bars(prediction) if prediction else [],
        lesions=_lesion_rows(photograph),
        corrected=corrected,
        corrections=_corrections(photograph),
        problem="" if prediction else _problem(photograph.latest),
    )


def _photograph_facts(photograph: Photograph) -> list[Fact]:
    image, prediction = photograph.image, photograph.prediction
    camera = " ".join(str(image.camera[key]) for key in ("make", "model") if image.camera.get(key))
    facts = [Fact(_("Image quality"), quality_text(image))]
    if photograph.rules is not None:
        text = rule_text(photograph.rules, only_sure=only_sure_areas(prediction))
        facts.append(Fact(_("Grade by lesion rule"), text))
        facts.append(Fact(_("Macula"), macula_text(photograph.rules.macula)))
    facts += [
        Fact(_("File"), image.filename or NOTHING),
        Fact(_("Size"), f"{image.width} × {image.height} px"),
        Fact(_("Camera"), camera or _("not stated")),
        Fact(_("Uploaded"), moment(image.created_at)),
    ]
    if prediction is not None and prediction.finished_at is not None:
        facts.append(Fact(_("Analysed"), moment(prediction.finished_at)))
    return facts


def _network_grade(photograph: Photograph) -> str:
    """The grade, or in its place how far the analysis got; "Ungradable" is a result of its own."""
    if photograph.prediction is not None:
        return grade_label(photograph.prediction.grade)
    return photograph.latest.get_state_display() if photograph.latest else _("Not analysed")


def _reader_grade(image: Image, content: ReportContent) -> str:
    """What the reader states of this eye; the report's own grade stands for the study as a whole."""
    if content.reading is None:
        return _("not stated")
    by_eye = {Laterality.OD: content.reading.grade_od, Laterality.OS: content.reading.grade_os}
    return grade_label(by_eye.get(Laterality(image.laterality)))


def _bars(prediction: Prediction) -> list[ProbabilityBar]:
    return [
        ProbabilityBar(
            label=f"{grade} · {IcdrGrade(grade).label}",
            percent=f"{100 * probability:.1f} %",
            filled=round(100 * probability),
            chosen=grade == prediction.grade,
        )
        for grade, probability in enumerate(prediction.probabilities)
    ]


def _lesion_rows(photograph: Photograph) -> list[LesionRow]:
    return [
        LesionRow(
            label=str(Lesion(lesion).label),
            colour=_CSS_COLOURS[lesion],
            network=_measures(photograph.network_masks.get(lesion)),
            current=_measures(photograph.corrections.get(lesion) or photograph.network_masks.get(lesion)),
            corrected=lesion in photograph.corrections,
        )
        for lesion in Lesion.values
    ]


def _measures(mask: StoredMask | None) -> Measures:
    if mask is None:
        return Measures()
    return Measures(
        count=str(mask.count),
        area_px=f"{mask.area_px:,}",
        area_percent=_fraction(mask.area_percent_of_fov),
        area_disc=_fraction(mask.area_disc),
    )


def _fraction(value: float) -> str:
    """Three decimals; what is there but smaller is never printed as nothing."""
    return "< 0.001" if 0 < value < 0.001 else f"{value:.3f}"


def _corrections(photograph: Photograph) -> list[str]:
    return [
        _("%(lesion)s corrected: revision %(number)d by %(author)s, %(moment)s")
        % {
            "lesion": Lesion(lesion).label,
            "number": revision.number,
            "author": revision.author.display_name(),
            "moment": moment(revision.created_at),
        }
        for lesion, revision in photograph.corrections.items()
    ] or [_("The masks of the network have not been corrected.")]


def _problem(latest: Prediction | None) -> str:
    if latest is None:
        return _("This photograph has not been analysed.")
    if latest.is_open:
        return _("The analysis of this photograph had not finished when the report was made.")
    if latest.state == PredictionState.UNGRADABLE:
        return _("This photograph is ungradable. %(reason)s") % {"reason": latest.error_sentence}
    if latest.state == PredictionState.CANCELLED:
        return _("The analysis of this photograph was cancelled.")
    return _("The analysis of this photograph failed. %(reason)s") % {"reason": latest.error_sentence}


def _diabetes(patient: Patient) -> str:
    kind = patient.get_diabetes_type_display()
    if patient.diabetes_since is None:
        return kind
    return _("%(type)s, since %(year)d") % {"type": kind, "year": patient.diabetes_since}


def _day(value: dt.date) -> str:
    return date_format(value, "DATE_FORMAT")


def _plain(name: str | Promise) -> str:
    return " ".join(str(name).split()).casefold()
