"""The report of a study as a document to draw: its template's context and its pictures."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from cases.reports import content as words
from cases.reports.content import Photograph, ReportContent
from cases.reports.figures import decode_preview, decode_small_mask, overlay_jpeg, photograph_jpeg
from cases.reports.fonts import EMBEDDED, LATIN, break_lines
from cases.reports.pdf import PdfDocument
from inference.measurement import DISC_PER_FIELD_DIAMETER

TEMPLATE = "reports/report.html"
_MM = 72 / 25.4  # points
# As the style sheet of the template sets the text: 178 mm between the margins, less a hair for rounding.
_DIAGNOSIS = {"width": 177 * _MM, "size": 10.5}
_SMALL_PRINT = {"width": 177 * _MM, "size": 8.0}


def report_document(content: ReportContent) -> PdfDocument:
    """Lay out the report in the active language.

    Raises FileNotFoundError or ValueError where a stored picture is missing or cannot be read.
    """
    report = content.report
    title = _("Diabetic retinopathy report")
    context = {
        "content": content,
        "report": report,
        "clinic": report.study.clinic,
        "title": title,
        "font_families": list(EMBEDDED),
        "latin": LATIN,
        "patient": words.patient_facts(content),
        "name_on_record": words.name_on_record(content),
        "grade": words.grade_label(report.grade),
        "diagnosis": break_lines(report.diagnosis, **_DIAGNOSIS) if report.diagnosis.strip() else [],
        "authorship": words.authorship(content),
        "signature": words.signature(content),
        "unsigned": words.unsigned(content),
        "decision": words.decision_facts(content),
        "standing": "" if content.decision is None else content.decision.standing,
        "sections": words.sections(content),
        "legend": words.legend(),
        "networks": words.networks_used(content.photographs),
        "small_print": [break_lines(paragraph, **_SMALL_PRINT) for paragraph in _small_print()],
    }
    figures = {
        name: jpeg
        for number, photograph in enumerate(content.photographs, 1)
        for name, jpeg in _figures(number, photograph)
    }
    return PdfDocument(f"{title} {content.reference}", report.study.clinic.name, TEMPLATE, context, figures)


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
    yield f"{number}-photograph", photograph_jpeg(rgb)
    if photograph.prediction is None:
        return
    network = {}
    for lesion, result in photograph.network_masks.items():
        with result.mask.open("rb") as mask:
            network[lesion] = decode_small_mask(mask.read(), rgb.shape)
    yield f"{number}-network", overlay_jpeg(rgb, network)
    if not photograph.corrections:
        return
    current = dict(network)
    for lesion, revision in photograph.corrections.items():
        with revision.mask.open("rb") as mask:
            current[lesion] = decode_small_mask(mask.read(), rgb.shape)
    yield f"{number}-corrected", overlay_jpeg(rgb, current)
