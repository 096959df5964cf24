from __future__ import annotations

from django.db.models import prefetch_related_objects
from django.shortcuts import get_object_or_404

from cases.choices import PredictionState
from cases.models import Image, Prediction
from cases.selectors.viewer import Viewer


def prediction_get(user: Viewer, prediction_id: int) -> Prediction:
    """A prediction, read along with its masks. Raises `Http404` where it is none of the user's clinics'."""
    predictions = Prediction.objects.for_user(user).select_related("image__study__clinic")
    prediction = get_object_or_404(predictions, pk=prediction_id)
    if prediction.state == PredictionState.SUCCEEDED:  # others have none, and are asked for again and again
        prefetch_related_objects([prediction], "lesions")
    return prediction


def latest_prediction(image: Image) -> Prediction | None:
    """The newest finished analysis of the photograph; None where there is none."""
    # Filtered here and not in the database, so that predictions read along with a study are used.
    return next((row for row in image.predictions.all() if row.state == PredictionState.SUCCEEDED), None)
