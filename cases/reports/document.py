"""The report of a study as a document to draw: its layout's data and its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from django.utils.text import Truncator
from django.utils.translation import gettext as _

from cases.reports import content as words
from cases.reports.content import Fact, Photograph, ReportContent
from cases.reports.figures import Mask, Rgb, decode_preview, overlay_jpeg, photograph_jpeg, shrunk_mask
from cases.reports.pdf import PdfDocument
from cases.selectors.lesion_rules import StoredMask
from inference.measurement import DISC_PER_FIELD_DIAMETER

LAYOUT = "report.typ"


def report_document(content: ReportContent) -> PdfDocument:
    """Lay out the report in the active language.

    Raises FileNotFoundError or ValueError where a stored picture is missing or cannot be read.
    """
    report = content.report
    clinic, patient = report.study.clinic, report.study.patient
    heading = _("Diabetic retinopathy report")
    owner = [Truncator(report.patient_name).chars(40)]
    owner += [Truncator(patient.record_number).chars(30)] if patient else []
    data = {
        "heading": heading,
        "footer": " · ".join(owner),
        "clinic": clinic.name,
        "address": clinic.address,
        "patient": _facts(words.patient_facts(content)),
        "warnings": _warnings(content),
        "grade": words.grade_label(report.grade),
        "diagnosis": report.diagnosis.strip() or _("No diagnosis was written."),
        "authorship": _facts(words.authorship(content)),
        "signature": _facts(words.signature(content)),
        "unsigned": words.unsigned(content),
        "decision": _facts(words.decision_facts(content)),
        "sections": [asdict(section) for section in words.sections(content)],
        "legend": _facts(words.legend()),
        "networks": words.networks_used(content.photographs),
        "small_print": _small_print(),
    }
    figures = {
        name: jpeg
        for number, photograph in enumerate(content.photographs, 1)
        for name, jpeg in _figures(number, photograph)
    }
    return PdfDocument(
        title=f"{heading} {content.reference}",
        author=clinic.name,
        layout=LAYOUT,
        words=_words(content),
        data=data,
        figures=figures,
        reference=f"{_('Report')} {content.reference} ·",
    )


def _facts(facts: list[Fact]) -> list[dict[str, str]]:
    return [asdict(fact) for fact in facts]


def _warnings(content: ReportContent) -> list[str]:
    name = words.name_on_record(content)
    return [_("The patient's record of this study gives another name: %(name)s.") % {"name": name}] if name else []


def _standing(content: ReportContent) -> str:
    standing = "" if content.decision is None else content.decision.standing
    if standing == "proposed":
        return _("Referral and recall: proposed by the network, not confirmed by a reader")
    if standing == "unsettled":
        return _("Referral and recall: signed, but a senior reader has not decided yet")
    return _("Referral and recall")


def _words(content: ReportContent) -> dict[str, object]:
    """The layout's headings and column heads."""
    return {
        "conclusion": _("Conclusion"),
        "grade_stated": _("Grade stated in this report"),
        "diagnosis": _("Diagnosis"),
        "standing": _standing(content),
        "signature": _("Signature"),
        "electronic_signature": _("Electronic signature"),
        "photographs": _("Photographs"),
        "eye_and_field": _("Eye and field"),
        "network_grade": _("Grade of the network"),
        "reader_grade": _("Grade of the reader"),
        "counted_after_correction": _("Lesions are counted after correction where the masks have been corrected."),
        "networks": _("Networks"),
        "network_heads": [
            *(_("Result"), _("Network"), _("Version"), _("Weights (sha256)"), _("Engine"), _("Thresholds")),
        ],
        "how_to_read": _("How to read this report"),
        "lesions": _("Lesions"),
        "lesion": _("Lesion"),
        "found": _("Found by the network"),
        "corrected": _("After correction"),
        "measures": [_("Count"), _("Area, px"), _("Percent of field of view"), _("Disc areas (assumed)")],
    }


def _small_print() -> list[str]:
    return [
        _(
            "This report was made with decision-support software that has no regulatory clearance as a medical device. "
            "The network's grade and masks can be wrong; they do not replace the examination and the judgement of a "
            "qualified reader, who alone is responsible for the diagnosis."
        ),
        _(
            "The grade follows the International Clinical Diabetic Retinopathy scale (0 to 4). Each percentage is the "
            "probability that the network gives to a grade, not the probability that the patient has the disease."
        ),
        _(
            "Lesion counts are connected areas of a mask. Areas are measured on the original photograph; the field of "
            "view is its lit circle. Disc areas assume an optic disc %(percent)d %% as wide as the field of view; the "
            "disc itself is not measured. In the pictures the masks are drawn slightly larger so that the smallest can "
            "be seen."
        )
        % {"percent": round(100 * DISC_PER_FIELD_DIAMETER)},
        _(
            "The system sees only what the photographs show. It looks for signs of diabetic retinopathy alone and "
            "cannot see macular thickness, ocular pressure or the retina outside the field of view."
        ),
    ]


def _figures(number: int, photograph: Photograph) -> Iterator[tuple[str, bytes]]:
    with photograph.image.preview.open("rb") as preview:
        rgb = decode_preview(preview.read())
    yield f"{number}-photograph.jpg", photograph_jpeg(rgb)
    if photograph.prediction is None:
        return
    network = _shrunk(photograph, photograph.network_masks, rgb)
    yield f"{number}-network.jpg", overlay_jpeg(rgb, network)
    if not photograph.corrections:
        return
    yield f"{number}-corrected.jpg", overlay_jpeg(rgb, network | _shrunk(photograph, photograph.corrections, rgb))


def _shrunk(photograph: Photograph, masks: Mapping[str, StoredMask], rgb: Rgb) -> dict[str, Mask]:
    return {lesion: shrunk_mask(photograph.runs[mask], rgb.shape) for lesion, mask in masks.items()}
