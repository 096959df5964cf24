"""What callers send, checked field by field; whether they may is the services' business."""

from __future__ import annotations

from typing import Any

from django.utils.translation import get_language, get_supported_language_variant
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from cases.api.serializers.fields import GradeField, NamedChoiceField
from cases.choices import Detail, Field, Gradability, Laterality, Lesion, MacularOedema, ReportLanguage
from cases.services.reading import Words
from cases.services.report import LONGEST_DIAGNOSIS, OLDEST

_NO_FILE = _("Send the picture as a multipart form (multipart/form-data) under the key “image”.")


class TargetInput(serializers.Serializer):
    """Which photograph is meant; the caller's latest upload where neither id is given."""

    image_id = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    study_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="Its newest photograph is meant."
    )

    def target(self) -> dict[str, int | None]:
        """The arguments of `selectors.image.latest_image`."""
        return {name: self.validated_data.get(name) for name in ("image_id", "study_id")}


class PictureField(serializers.FileField):
    """A file of a multipart form; what is in it is judged by `inference.decoding`."""

    default_error_messages = {"required": _NO_FILE, "invalid": _NO_FILE, "null": _NO_FILE}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_empty_file=True, **kwargs)


class UploadInput(serializers.Serializer):
    """A photograph to keep."""

    image = PictureField(help_text="JPEG, PNG, TIFF, BMP or WebP.")
    study_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="A new study is opened where none is named."
    )
    laterality = NamedChoiceField(Laterality, default=Laterality.UNKNOWN)
    field = NamedChoiceField(Field, default=Field.UNKNOWN)


class ImageInput(serializers.Serializer):
    """What a photograph shows; what is left out stays."""

    laterality = NamedChoiceField(Laterality, required=False)
    field = NamedChoiceField(Field, required=False)


class ChooseModelInput(TargetInput):
    """The network that is to analyse a photograph."""

    selectedModel = serializers.CharField(  # noqa: N815 - the name that known clients send
        help_text="Unet, Unet++, MAnet, or a name that /api/models lists."
    )
    detail = NamedChoiceField(
        Detail, default=Detail.STANDARD, help_text="high: lesions on overlapping tiles, up to four times as long."
    )
    explain = serializers.BooleanField(default=False, help_text="Also make a map of what speaks for the grade.")
    wait = serializers.BooleanField(default=True, help_text="False: answer 202 at once and let the caller ask again.")


class EditInput(TargetInput):
    """A corrected mask."""

    image = PictureField(
        help_text="Of the photograph's size: mask (white is lesion), drawing on transparent ground, or edited overlay."
    )
    lesion = NamedChoiceField(Lesion, default=Lesion.EX)
    base_revision = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        help_text="The revision that was corrected (0: the network's mask); 409 where there is a newer one.",
    )


class ReadingInput(serializers.Serializer):
    """What a reader concludes."""

    diagnosis = serializers.CharField(allow_blank=True, max_length=LONGEST_DIAGNOSIS)
    grade_od = GradeField(required=False, allow_null=True, default=None, help_text="Right eye.")
    grade_os = GradeField(required=False, allow_null=True, default=None, help_text="Left eye.")
    macula_od = NamedChoiceField(MacularOedema, required=False, allow_blank=True, default="")
    macula_os = NamedChoiceField(MacularOedema, required=False, allow_blank=True, default="")
    gradability_od = NamedChoiceField(Gradability, required=False, allow_blank=True, default="")
    gradability_os = NamedChoiceField(Gradability, required=False, allow_blank=True, default="")

    def words(self) -> Words:
        """What the services take."""
        return Words(**{name: self.validated_data[name] for name in Words.__dataclass_fields__})


class SignInput(ReadingInput):
    """What a reader signs, and that it is they who sign."""

    password = serializers.CharField(
        trim_whitespace=False, help_text="The caller's own. A wrong one counts like a failed login."
    )
    seen = serializers.CharField(
        required=False, default="", allow_blank=True, help_text="`seen` of the study; 409 where it has changed since."
    )


class AmendmentInput(serializers.Serializer):
    """Why a signed reading is changed."""

    reason = serializers.CharField(max_length=2000)


class AdjudicationInput(serializers.Serializer):
    """What a senior reader starts from."""

    based_on = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, help_text="A reading of the study; null: none."
    )


class ReportInput(TargetInput):
    """The words of a report."""

    name = serializers.CharField(max_length=200, help_text="The patient's name.")
    age = serializers.IntegerField(allow_null=True, min_value=0, max_value=OLDEST, help_text="Years; null: unknown.")
    diagnosis = serializers.CharField(allow_blank=True, max_length=LONGEST_DIAGNOSIS)
    grade = GradeField(allow_null=True, help_text="ICDR 0-4 or its name; null: not graded.")
    language = serializers.CharField(required=False, help_text="en or zh-hans; the request's language if left out.")

    def validate_language(self, value: str) -> str:
        """Return a language that reports are written in. Raises `ValidationError` for any other."""
        try:
            return ReportLanguage(get_supported_language_variant(value.lower())).value
        except (LookupError, ValueError):
            known = ", ".join(ReportLanguage.values)
            raise serializers.ValidationError(
                _("Reports are written in: %(known)s.") % {"known": known}, code="invalid_choice"
            ) from None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in the language of the request."""
        attrs.setdefault("language", self.validate_language(get_language() or ReportLanguage.ENGLISH))
        return attrs


class InstallInput(serializers.Serializer):
    """A version of a network."""

    model = serializers.FileField(help_text="zip or tar (not compressed) with card.json and model.safetensors.")
