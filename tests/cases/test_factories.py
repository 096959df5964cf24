import pytest

from cases.models import LesionResult
from inference.decoding import decode
from inference.field_of_view import find_field_of_view
from tests.factories import fundus_jpeg, staffed_clinic

pytestmark = pytest.mark.django_db


def test_a_staffed_clinic_has_an_analysed_photograph():
    staff = staffed_clinic()
    assert LesionResult.objects.filter(prediction=staff.prediction).count() == 4
    assert staff.image.original.size > 0


def test_the_small_retina_is_taken_for_a_fundus_photograph():
    from inference.screening import check_is_fundus

    decoded = decode(fundus_jpeg())
    check_is_fundus(decoded.rgb, find_field_of_view(decoded.rgb))
