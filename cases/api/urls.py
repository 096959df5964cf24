"""Addresses of the API, without trailing slashes."""

from django.urls import URLPattern, URLResolver, path, re_path

from cases.api.views.docs import Docs, Schema
from cases.api.views.eyes import ImageLandmarks, ImageQuality, ImageRules, StudyVisits
from cases.api.views.fallback import NotFound
from cases.api.views.images import ImageDetail, ImageOriginal, ImagePreview, ImageRevisions, UploadImage
from cases.api.views.network_versions import (
    NetworkRollBack,
    NetworkVersionActivate,
    NetworkVersionRetire,
    NetworkVersions,
)
from cases.api.views.networks import Networks
from cases.api.views.predictions import (
    ChooseModel,
    PredictionCancel,
    PredictionDetail,
    PredictionExplanation,
    PredictionMask,
    PredictionOverlay,
    PredictionRetry,
    PredictionTimings,
)
from cases.api.views.readings import (
    ReadingSignature,
    StudyAdjudication,
    StudyAmendment,
    StudyDecision,
    StudyReading,
    StudyReadings,
    StudySignature,
)
from cases.api.views.reports import GenerateReport, ReportPdf
from cases.api.views.revisions import EditImage, RevisionMask
from cases.api.views.studies import StudyDetail

app_name = "api"

urlpatterns: list[URLPattern | URLResolver] = [
    # The main flow
    path("upload_image", UploadImage.as_view(), name="upload-image"),
    path("choose_model", ChooseModel.as_view(), name="choose-model"),
    path("edit_image", EditImage.as_view(), name="edit-image"),
    path("generate_report", GenerateReport.as_view(), name="generate-report"),
    # Records
    path("models", Networks.as_view(), name="models"),
    path("studies/<int:study_id>", StudyDetail.as_view(), name="study"),
    path("studies/<int:study_id>/reading", StudyReading.as_view(), name="study-reading"),
    path("studies/<int:study_id>/readings", StudyReadings.as_view(), name="study-readings"),
    path("studies/<int:study_id>/sign", StudySignature.as_view(), name="study-sign"),
    path("studies/<int:study_id>/amendment", StudyAmendment.as_view(), name="study-amendment"),
    path("studies/<int:study_id>/adjudication", StudyAdjudication.as_view(), name="study-adjudication"),
    path("studies/<int:study_id>/decision", StudyDecision.as_view(), name="study-decision"),
    path("readings/<int:reading_id>/signature", ReadingSignature.as_view(), name="reading-signature"),
    path("images/<int:image_id>", ImageDetail.as_view(), name="image"),
    path("studies/<int:study_id>/visits", StudyVisits.as_view(), name="study-visits"),
    path("images/<int:image_id>/quality", ImageQuality.as_view(), name="image-quality"),
    path("images/<int:image_id>/landmarks", ImageLandmarks.as_view(), name="image-landmarks"),
    path("images/<int:image_id>/rules", ImageRules.as_view(), name="image-rules"),
    path("images/<int:image_id>/revisions", ImageRevisions.as_view(), name="image-revisions"),
    path("predictions/<int:prediction_id>", PredictionDetail.as_view(), name="prediction"),
    path("predictions/<int:prediction_id>/cancel", PredictionCancel.as_view(), name="prediction-cancel"),
    path("predictions/<int:prediction_id>/retry", PredictionRetry.as_view(), name="prediction-retry"),
    path("predictions/<int:prediction_id>/timings", PredictionTimings.as_view(), name="prediction-timings"),
    # Networks
    path("network_versions", NetworkVersions.as_view(), name="network-versions"),
    path(
        "network_versions/<str:name>/<str:sha256>/activate",
        NetworkVersionActivate.as_view(),
        name="network-version-activate",
    ),
    path(
        "network_versions/<str:name>/<str:sha256>/retire",
        NetworkVersionRetire.as_view(),
        name="network-version-retire",
    ),
    path("network_versions/<str:name>/roll_back", NetworkRollBack.as_view(), name="network-roll-back"),
    # Files
    path("images/<int:image_id>/original", ImageOriginal.as_view(), name="image-original"),
    path("images/<int:image_id>/preview", ImagePreview.as_view(), name="image-preview"),
    path("predictions/<int:prediction_id>/overlay", PredictionOverlay.as_view(), name="prediction-overlay"),
    path("predictions/<int:prediction_id>/explanation", PredictionExplanation.as_view(), name="prediction-explanation"),
    path("predictions/<int:prediction_id>/masks/<str:lesion>", PredictionMask.as_view(), name="prediction-mask"),
    path("revisions/<int:revision_id>/mask", RevisionMask.as_view(), name="revision-mask"),
    path("reports/<int:report_id>/pdf", ReportPdf.as_view(), name="report-pdf"),
    # Documentation
    path("schema", Schema.as_view(), name="schema"),
    path("docs", Docs.as_view(), name="docs"),
    # Last: whatever else is asked for below /api gets a 404 in the API's own shape.
    re_path(r"", NotFound.as_view(), name="not-found"),
]
