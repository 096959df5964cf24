"""The home page: what the system is for visitors, the work-list for staff."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from cases.choices import AnalysisState, PredictionState, Role, StudyQueue, Urgency
from cases.models import Study
from cases.selectors import work_list as selector
from cases.services.assignment import study_take
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
NEXT = reverse("cases:next_study")


@pytest.fixture
def member(client):
    found = MembershipFactory()
    client.force_login(found.user)
    return found


def rows(client, **query):
    return list(client.get(HOME, {"queue": "", **query}).context["studies"])


def study_of(clinic, **fields) -> Study:
    """A study in the work-list as `fields` have it, e.g. ``queue=...``."""
    study = StudyFactory(clinic=clinic)
    Study.objects.filter(pk=study.pk).update(**{"queue": StudyQueue.TO_READ, **fields})
    return Study.objects.get(pk=study.pk)


def test_visitor_reads_what_it_is_and_what_it_is_not(client):
    page = client.get(HOME).content.decode()
    assert "no regulatory clearance" in page
    assert "does not replace a reader" in page
    assert "Work-list" not in page


def test_staff_can_read_that_too(client, member):
    assert "does not replace a reader" in client.get(reverse("cases:about")).content.decode()


def test_row_says_how_far_a_study_is(client, member):
    study = StudyFactory(clinic=member.clinic)
    assert "No photographs" in client.get(HOME, {"queue": ""}).content.decode()

    image = ImageFactory(study=study)
    PredictionFactory(image=image, state=PredictionState.QUEUED)
    ReportFactory(study=study)
    study_queue_refresh(study=study)
    row = rows(client)[0]
    assert (row.image_count, row.report_count) == (1, 1)
    assert "Being analysed" in client.get(HOME).content.decode()


def test_each_study_is_in_its_queue_and_the_queues_are_counted(client, member):
    studies = {queue: study_of(member.clinic, queue=queue) for queue in StudyQueue}
    urgent = study_of(member.clinic, urgency=Urgency.URGENT)
    study_of(staffed_clinic().clinic)
    for queue, study in studies.items():
        assert study in rows(client, queue=queue)
    assert len(rows(client)) == 5
    context = client.get(HOME).context
    assert context["queue"] == StudyQueue.TO_READ  # where a day begins
    assert [(count.queue, count.number, count.urgent) for count in context["counts"]] == [
        (StudyQueue.UPLOAD_AGAIN, 1, 0),
        (StudyQueue.TO_READ, 2, 1),
        (StudyQueue.TO_ADJUDICATE, 1, 0),
        (StudyQueue.SIGNED, 1, 0),
    ]
    assert rows(client, queue=StudyQueue.TO_READ)[0] == urgent


def test_urgent_first_and_then_who_has_waited_longest(client, member):
    now = timezone.now()
    young, old, urgent, soon = (
        study_of(member.clinic, created_at=now - timedelta(days=days), urgency=urgency)
        for days, urgency in ((1, 0), (3, 0), (0, 2), (0, 1))
    )
    assert rows(client, queue=StudyQueue.TO_READ) == [urgent, soon, old, young]
    Study.objects.update(queue=StudyQueue.SIGNED)
    assert rows(client, queue=StudyQueue.SIGNED) == [soon, urgent, young, old]  # newest first


def test_filters_narrow_the_list(client, member):
    today = timezone.localdate()
    mine = study_of(member.clinic, assigned_to=member.user, worst_grade=3, urgency=Urgency.URGENT)
    old = study_of(member.clinic, visit_date=today - timedelta(days=9), analysis_state=AnalysisState.FAILED)
    theirs = study_of(member.clinic, assigned_to=UserFactory(), worst_grade=0)
    assert rows(client, assigned="me") == [mine]
    assert rows(client, assigned="nobody") == [old]
    assert rows(client, grade="3") == [mine]
    assert rows(client, grade="0") == [theirs]
    assert rows(client, urgency="2") == [mine]
    assert rows(client, analysis="failed") == [old]
    assert rows(client, until=today - timedelta(days=1)) == [old]
    assert rows(client, since=today, assigned="nobody") == []
    assert "No study fits." in client.get(HOME, {"since": today, "assigned": "nobody"}).content.decode()


def test_a_filter_that_makes_no_sense_is_shown_and_leaves_nothing_out(client, member):
    study = study_of(member.clinic)
    page = client.get(HOME, {"since": "yesterday", "grade": "9", "queue": StudyQueue.TO_READ})
    assert page.context["studies"] == [study]
    assert "Enter a valid date." in page.content.decode()
    assert client.get(HOME, {"queue": "nonsense"}).context["studies"] == [study]


def test_search_by_record_number_and_name(client, member):
    for number, name in (("A-100", "王秀英"), ("A-200", "John Carter")):
        StudyFactory(
            clinic=member.clinic, patient=PatientFactory(clinic=member.clinic, record_number=number, name=name)
        )
    assert len(rows(client)) == 2
    assert [row.patient.name for row in rows(client, q="a-1")] == ["王秀英"]
    assert [row.patient.name for row in rows(client, q="carter")] == ["John Carter"]
    assert [row.patient.name for row in rows(client, q="秀")] == ["王秀英"]
    assert rows(client, q="100") == []  # a record number is searched from its beginning
    assert "Show all" in client.get(HOME, {"q": "nobody"}).content.decode()


def test_paging_and_changing_the_queue_keep_the_search(client, member):
    patient = PatientFactory(clinic=member.clinic, name="Li")
    StudyFactory.create_batch(30, clinic=member.clinic, patient=patient)
    first = client.get(HOME, {"queue": "", "q": "Li"})
    assert len(first.context["studies"]) == 25
    assert "?queue=&amp;q=Li&amp;page=2" in first.content.decode()
    assert "?queue=signed&amp;q=Li&amp;page=1" in first.content.decode()
    assert len(rows(client, q="Li", page="2")) == 5
    assert len(rows(client, page="nonsense")) == 25


def test_a_very_long_list_is_cut_off_and_says_so(client, member, monkeypatch):
    monkeypatch.setattr(selector, "LONGEST", 3)
    monkeypatch.setattr("cases.views.work_list.LONGEST", 3)
    for _ in range(4):
        study_of(member.clinic)
    page = client.get(HOME)
    assert len(page.context["studies"]) == 3
    assert "There are more than 3" in page.content.decode()


def test_other_clinics_are_not_seen(client):
    here, there = staffed_clinic(), staffed_clinic()
    for user in here.by_role().values():
        client.force_login(user)
        assert [row.pk for row in rows(client)] == [here.study.pk]
        assert client.get(HOME).context["total"] == 1
    client.force_login(UserFactory())
    assert rows(client) == []
    client.force_login(UserFactory(is_superuser=True))
    assert {row.pk for row in rows(client)} == {here.study.pk, there.study.pk}
    assert here.clinic.name in client.get(HOME).content.decode()  # several clinics: each row says which


def test_number_of_queries_does_not_grow_with_the_list(client, member, django_assert_num_queries):
    def look(**query) -> None:
        # session, user, memberships of the head; keys, rows, counts, shared ones, clinics where one may take
        client.get(HOME, {"queue": "", **query})  # names seen for the first time are written into the history
        with django_assert_num_queries(8):
            client.get(HOME, {"queue": "", **query})

    PredictionFactory(image=ImageFactory(study=study_of(member.clinic)))
    look()
    for _ in range(30):
        study_of(member.clinic, assigned_to=UserFactory(), worst_grade=2)
    look()
    look(page=2)
    look(q="R0", grade=2, since="2020-01-01")


class TestNext:
    def follow(self, client, **query) -> int | None:
        answer = client.get(NEXT, query)
        return int(answer.url.split("/")[2]) if "/studies/" in answer.url else None

    def test_goes_through_the_queue_and_begins_again(self, client, member):
        urgent = study_of(member.clinic, urgency=Urgency.URGENT)
        first, second = study_of(member.clinic), study_of(member.clinic)
        study_of(member.clinic, queue=StudyQueue.SIGNED)
        assert self.follow(client) == urgent.pk
        assert self.follow(client, after=urgent.pk) == first.pk
        assert self.follow(client, after=first.pk) == second.pk
        assert self.follow(client, after=second.pk) == urgent.pk

    def test_goes_on_in_the_queue_that_the_study_was_opened_from(self, client, member):
        first, second = study_of(member.clinic), study_of(member.clinic)
        Study.objects.filter(pk=first.pk).update(queue=StudyQueue.SIGNED)
        assert self.follow(client, queue="to_read", after=first.pk) == second.pk
        assert self.follow(client, queue="signed", after=second.pk) == first.pk

    def test_leaves_out_what_somebody_else_took(self, client, member):
        taken, mine = study_of(member.clinic, assigned_to=UserFactory()), study_of(member.clinic)
        study_take(user=member.user, study=mine)
        assert self.follow(client) == mine.pk
        assert self.follow(client, after=taken.pk) == mine.pk

    def test_says_so_where_there_is_none(self, client, member):
        study = study_of(member.clinic)
        answer = client.get(NEXT, {"queue": "to_read", "after": study.pk}, follow=True)
        assert "no other study in this queue" in answer.content.decode()
        assert client.get(NEXT, {"queue": "//evil.example"}).url == f"{HOME}?queue=to_read"

    def test_never_leads_into_another_clinic(self, client, member):
        other = staffed_clinic().study
        assert self.follow(client) is None
        assert client.get(NEXT, {"after": other.pk}).status_code == 404


class TestDesk:
    def act(self, client, study, act, **fields):
        return client.post(reverse("cases:assign", args=[study.pk]), {"act": act, "next": HOME, **fields}, follow=True)

    def holder(self, study):
        return Study.objects.get(pk=study.pk).assigned_to

    def test_take_and_give_back(self, client, member):
        study = study_of(member.clinic)
        assert "Take" in client.get(HOME).content.decode()
        page = self.act(client, study, "take")
        assert self.holder(study) == member.user
        assert "Give back" in page.content.decode()
        self.act(client, study, "release")
        assert self.holder(study) is None

    def test_who_comes_second_is_told_who_was_first(self, client, member):
        study = study_of(member.clinic)
        colleague = MembershipFactory(clinic=member.clinic, user__first_name="Mei", user__last_name="Lin").user
        study_take(user=colleague, study=study)
        page = self.act(client, study, "take")
        assert "Mei Lin has taken this study meanwhile." in page.content.decode()
        assert self.holder(study) == colleague

    def test_hand_over_to_a_colleague(self, client, member):
        study = study_of(member.clinic, assigned_to=member.user)
        colleague = MembershipFactory(clinic=member.clinic).user
        assert colleague.display_name() in client.get(reverse("cases:study", args=[study.pk])).content.decode()
        self.act(client, study, "hand_over", to=colleague.pk)
        assert self.holder(study) == colleague

    def test_not_to_somebody_of_another_clinic(self, client, member):
        study = study_of(member.clinic, assigned_to=member.user)
        page = self.act(client, study, "hand_over", to=staffed_clinic().reader.pk)
        assert "does not take studies of this clinic" in page.content.decode()
        assert self.holder(study) == member.user

    def test_only_a_senior_reader_or_administrator_takes_it_off_a_colleagues_desk(self, client):
        staff = staffed_clinic()
        for role, user in staff.by_role().items():
            holder = MembershipFactory(clinic=staff.clinic).user
            study = study_of(staff.clinic, assigned_to=holder)
            client.force_login(user)
            page = client.get(reverse("cases:study", args=[study.pk])).content.decode()
            self.act(client, study, "release")
            allowed = role in (Role.SENIOR_READER, Role.CLINIC_ADMIN)
            assert (self.holder(study) is None) is allowed
            assert ("Give back to all" in page) is allowed

    def test_goes_back_only_to_this_site(self, client, member):
        study = study_of(member.clinic)
        answer = client.post(reverse("cases:assign", args=[study.pk]), {"act": "take", "next": "https://evil.example/"})
        assert answer.url == reverse("cases:study", args=[study.pk])

    def test_another_clinics_study_is_not_there(self, client, member):
        other = staffed_clinic().study
        assert client.post(reverse("cases:assign", args=[other.pk]), {"act": "take"}).status_code == 404
        assert self.holder(other) is None
