"""The home page: what the system is for visitors, the work-list for staff."""

import pytest
from django.urls import reverse
from django.utils import timezone

from cases.choices import PredictionState
from cases.services.study_queue import study_queue_refresh
from tests.factories import (
    ImageFactory,
    MembershipFactory,
    PatientFactory,
    PredictionFactory,
    ReportFactory,
    StudyFactory,
    UserFactory,
    staffed_clinic,
)

pytestmark = pytest.mark.django_db
HOME = reverse("cases:home")


def rows(client, **query):
    return list(client.get(HOME, query).context["studies"])


def test_visitor_reads_what_it_is_and_what_it_is_not(client):
    page = client.get(HOME).content.decode()
    assert "no regulatory clearance" in page
    assert "does not replace a reader" in page
    assert "Work-list" not in page


def test_staff_can_read_that_too(client):
    client.force_login(UserFactory())
    assert "does not replace a reader" in client.get(reverse("cases:about")).content.decode()


def test_row_says_how_far_a_study_is(client):
    member = MembershipFactory()
    client.force_login(member.user)
    study = StudyFactory(clinic=member.clinic)
    assert "No photographs" in client.get(HOME).content.decode()

    image = ImageFactory(study=study)
    PredictionFactory(image=image, state=PredictionState.QUEUED)
    ReportFactory(study=study)
    study_queue_refresh(study=study)
    row = rows(client)[0]
    assert (row.image_count, row.report_count) == (1, 1)
    assert "Being analysed" in client.get(HOME).content.decode()


def test_search_by_record_number_and_name(client):
    member = MembershipFactory()
    client.force_login(member.user)
    for number, name in (("A-100", "王秀英"), ("A-200", "John Carter")):
        StudyFactory(
            clinic=member.clinic, patient=PatientFactory(clinic=member.clinic, record_number=number, name=name)
        )
    assert len(rows(client)) == 2
    assert [row.patient.name for row in rows(client, q="a-1")] == ["王秀英"]
    assert [row.patient.name for row in rows(client, q="carter")] == ["John Carter"]
    assert [row.patient.name for row in rows(client, q="秀")] == ["王秀英"]
    assert "Show all" in client.get(HOME, {"q": "nobody"}).content.decode()


def test_paging_keeps_the_search(client):
    member = MembershipFactory()
    client.force_login(member.user)
    patient = PatientFactory(clinic=member.clinic, name="Li")
    StudyFactory.create_batch(30, clinic=member.clinic, patient=patient)
    first = client.get(HOME, {"q": "Li"})
    assert len(first.context["studies"]) == 25
    assert "?q=Li&amp;page=2" in first.content.decode()
    assert len(rows(client, q="Li", page="2")) == 5
    assert len(rows(client, page="nonsense")) == 25


def test_other_clinics_are_not_seen(client):
    here, there = staffed_clinic(), staffed_clinic()
    for user in here.by_role().values():
        client.force_login(user)
        assert [row.pk for row in rows(client)] == [here.study.pk]
    client.force_login(UserFactory())
    assert rows(client) == []
    client.force_login(UserFactory(is_superuser=True))
    assert {row.pk for row in rows(client)} == {here.study.pk, there.study.pk}
    assert here.clinic.name in client.get(HOME).content.decode()  # several clinics: each row says which


def test_number_of_queries_does_not_grow_with_the_list(client, django_assert_max_num_queries):
    member = MembershipFactory()
    client.force_login(member.user)
    for _ in range(12):
        image = ImageFactory(study__clinic=member.clinic, study__visit_date=timezone.localdate())
        PredictionFactory(image=image)
    # session, user, memberships of the head, count, page
    with django_assert_max_num_queries(5):
        client.get(HOME)
