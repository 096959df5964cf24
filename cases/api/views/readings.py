from __future__ import annotations

from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases.api.parsing import caller, parsed
from cases.api.schema import answers, error_example
from cases.api.serializers.inputs import AdjudicationInput, AmendmentInput, ReadingInput, SignInput
from cases.api.serializers.readings import (
    DecisionAnswerSerializer,
    ReadingListSerializer,
    ReadingSerializer,
    SignatureSerializer,
)
from cases.choices import Access
from cases.models import Reading
from cases.permissions import Action, authorize
from cases.selectors.decision import decision_of
from cases.selectors.reading import reading_get, readings_of_study, signature_get
from cases.selectors.study import study_get, study_header
from cases.services.history import access_record
from cases.services.reading import adjudication_start, amendment_drop, amendment_start, reading_save
from cases.services.signing import reading_sign
from cases.services.user import user_check_password


def _told(request: Request, reading: Reading) -> Response:
    return Response(ReadingSerializer(reading, context={"request": request}).data)


class StudyReading(APIView):
    """What the caller concludes from a study."""

    @extend_schema(
        tags=["Readings"],
        summary="Save the caller's draft",
        request=ReadingInput,
        responses=answers(ReadingSerializer, 400, 403, 404, 409),
    )
    def put(self, request: Request, study_id: int) -> Response:
        """Keep what the caller states of each eye: of their reading, or of the amendment or adjudication they began."""
        words = parsed(ReadingInput, request).words()
        study = study_header(caller(request), study_id)
        return _told(request, reading_save(user=caller(request), study=study, words=words))


class StudyReadings(APIView):
    """Who concluded what from a study."""

    @extend_schema(tags=["Readings"], summary="List readings", responses=answers(ReadingListSerializer, 404))
    def get(self, request: Request, study_id: int) -> Response:
        """Every version. Readers who are blind to each other are told only their own."""
        study = study_header(caller(request), study_id)
        access_record(record=study, access=Access.VIEWED)
        readings = readings_of_study(caller(request), study)
        return Response(ReadingListSerializer({"readings": readings}, context={"request": request}).data)


class StudySignature(APIView):
    """Signatures are given here."""

    @extend_schema(
        tags=["Readings"],
        summary="Sign",
        request=SignInput,
        responses=answers(ReadingSerializer, 400, 403, 404, 409),
        examples=[
            error_example("wrong_password", "The password is not right. Nothing was signed.", 403),
            error_example("eye_not_graded", "OS: give a grade, or state that it is ungradable.", 400, eye="OS"),
            error_example("already_signed", "This reading is signed and can no longer be changed. ...", 409),
        ],
    )
    def post(self, request: Request, study_id: int) -> Response:
        """Save and sign the caller's reading, amendment or adjudication. It is locked from then on.

        Every photographed eye needs a grade, or the word that it is ungradable. The signed document with all that was
        seen and said is at `/api/readings/ID/signature`.
        """
        data = parsed(SignInput, request)
        study = study_header(caller(request), study_id)
        authorize(caller(request), Action.READ, study.clinic)  # before the password: no guessing by other roles
        password = data.validated_data["password"]
        user_check_password(user=caller(request), password=password, request=_plain(request))
        seen = data.validated_data["seen"]
        return _told(request, reading_sign(user=caller(request), study=study, words=data.words(), seen=seen))


def _plain(request: Request) -> HttpRequest:
    """Django's own request, which the guard against guessing marks."""
    return request._request  # noqa: SLF001 - DRF has no public name for it


class StudyAmendment(APIView):
    """The next version of what was signed."""

    @extend_schema(
        tags=["Readings"],
        summary="Begin an amendment",
        request=AmendmentInput,
        responses=answers(ReadingSerializer, 400, 403, 404, 409),
    )
    def post(self, request: Request, study_id: int) -> Response:
        """A draft with the words of the signed conclusion, to be changed and signed; masks can be corrected again."""
        reason = parsed(AmendmentInput, request).validated_data["reason"]
        study = study_header(caller(request), study_id)
        return _told(request, amendment_start(user=caller(request), study=study, reason=reason))

    @extend_schema(
        tags=["Readings"],
        summary="Give up an amendment",
        responses=answers(ReadingSerializer, 403, 404, 409),
    )
    def delete(self, request: Request, study_id: int) -> Response:
        """The conclusion holds as it was signed, with its masks; the answer is that conclusion."""
        study = study_header(caller(request), study_id)
        return _told(request, amendment_drop(user=caller(request), study=study))


class StudyAdjudication(APIView):
    """A senior reader's decision between readings that differ."""

    @extend_schema(
        tags=["Readings"],
        summary="Begin an adjudication",
        request=AdjudicationInput,
        responses=answers(ReadingSerializer, 400, 403, 404, 409),
    )
    def post(self, request: Request, study_id: int) -> Response:
        """A draft that starts from one of the readings, with its masks, or from nothing; signed, it concludes."""
        based_on = parsed(AdjudicationInput, request).validated_data["based_on"]
        user, study = caller(request), study_header(caller(request), study_id)
        source = None if based_on is None else reading_get(user, based_on)
        return _told(request, adjudication_start(user=user, study=study, based_on=source))


class StudyDecision(APIView):
    """Referral and recall."""

    @extend_schema(tags=["Readings"], summary="Referral and recall", responses=answers(DecisionAnswerSerializer, 404))
    def get(self, request: Request, study_id: int) -> Response:
        """By the signed conclusion and the clinic's table; `proposed` where only the networks have judged."""
        study = study_get(caller(request), study_id)
        access_record(record=study, access=Access.VIEWED)
        answer = {"study_id": study.pk, "decision": decision_of(study)}
        return Response(DecisionAnswerSerializer(answer, context={"request": request}).data)


class ReadingSignature(APIView):
    """A signature and whether it holds."""

    @extend_schema(tags=["Readings"], summary="Verify a signature", responses=answers(SignatureSerializer, 404))
    def get(self, request: Request, reading_id: int) -> Response:
        """The signed document, compared now with the rows and files that it names."""
        reading = signature_get(caller(request), reading_id)
        access_record(record=reading, access=Access.VIEWED)
        return Response(SignatureSerializer(reading, context={"request": request}).data)
