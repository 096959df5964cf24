"""The photograph with the lesions that a network found painted on it: few ask for it, so it is made for the first."""

from __future__ import annotations

from django.db.models.fields.files import FieldFile

from cases.models import Prediction
from cases.selectors.lesion_rules import mask_pixels
from cases.services.files import stored_files
from cases.services.image import image_decode
from inference.overlay import overlay_jpeg


def prediction_overlay(*, prediction: Prediction) -> FieldFile:
    """The overlay of a result; painted and stored now where nobody has asked for it yet."""
    if not prediction.overlay:
        rgb = image_decode(image=prediction.image).rgb
        masks = {result.lesion: mask_pixels(prediction.image, result) for result in prediction.lesions.all()}
        painted = overlay_jpeg(rgb, masks)
        with stored_files() as files:
            row = Prediction.objects.select_for_update().get(pk=prediction.pk)
            if not row.overlay:  # of two who asked at once, the first one's is kept
                files.save(row.overlay, ".jpg", painted)
                row.save(update_fields=["overlay"])
        prediction.overlay = row.overlay.name
    return prediction.overlay
