"""A study shared for a second opinion: what the guest clinic sees, what it cannot do, and how it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import Q
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cases.errors import ApplicationError, Conflict, NotAllowed
from cases.models import Image, MaskRevision, Patient, Prediction, Reading, Report, SecondOpinion, Study, StudyShare
from cases.selectors.sharing import shares_of
from cases.selectors.study import study_version
from cases.selectors.work_list import SHARED, WorkListFilter, queue_counts, shared_count, work_list, work_list_version
from cases.services.sharing import second_opinion_give, study_share, study_share_revoke
from tests.factories import MaskRevisionFactory, ReadingFactory, ReportFactory, Staff, StudyFactory, staffed_clinic

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate


def shared(host: Staff, guest: Staff, *, days: int = 7) -> StudyShare:
    return study_share(
        user=host.senior,
        study=host.study,
        clinic=guest.clinic,
        purpose="Laser first?",
        until=TODAY() + timedelta(days=days),
    )


@pytest.fixture
def host() -> Staff:
    """Its study has everything that a study can have."""
    staff = staffed_clinic()
    MaskRevisionFactory(prediction=staff.prediction)
    ReadingFactory(study=staff.study, reader=staff.reader, diagnosis="Ours")
    ReportFactory(study=staff.study)
    return staff


@pytest.fixture
def guest() -> Staff:
    return staffed_clinic()


def seen(user) -> set[type]:
    """Of which kinds of records `user` sees any of the host's."""
    return {
        model
        for model in (Study, Image, Prediction, MaskRevision, Reading, Report, Patient)
        if model.objects.for_user(user).exclude(clinic_of(model, user)).exists()
    }


def clinic_of(model: type, user):
    return Q(**{f"{model.CLINIC_PATH}__in": user.memberships.values("clinic")})


ALL = {Study, Image, Prediction, MaskRevision, Reading, Report}


def addresses(host: Staff) -> list[str]:
    study, image, prediction = host.study.pk, host.image.pk, host.prediction.pk
    revision, report = MaskRevision.objects.get().pk, Report.objects.get().pk
    return [
        f"/studies/{study}/",
        f"/images/{image}/correct/",
        f"/api/studies/{study}",
        f"/api/images/{image}",
        f"/api/images/{image}/original",
        f"/api/images/{image}/preview",
        f"/api/images/{image}/revisions",
        f"/api/predictions/{prediction}",
        f"/api/predictions/{prediction}/overlay",
        f"/api/predictions/{prediction}/masks/EX",
        f"/api/revisions/{revision}/mask",
        f"/api/reports/{report}/pdf",
    ]


def statuses(user, paths: list[str]) -> set[int]:
    client = Client()
    client.force_login(user)
    return {client.get(path).status_code for path in paths}


class TestSeeing:
    def test_readers_of_the_guest_clinic_see_all_of_the_study_and_nothing_else(self, host: Staff, guest: Staff):
        StudyFactory(clinic=host.clinic)  # another one
        share = shared(host, guest)
        for user in (guest.reader, guest.senior):
            assert seen(user) == ALL  # not the patient's record
            assert set(Study.objects.for_user(user)) == {host.study, guest.study}
            assert statuses(user, addresses(host)) == {200}
            assert study_version(user, host.study.pk) is not None
        for user in (guest.technician, guest.clinicadmin, staffed_clinic().senior):
            assert seen(user) == set()
            assert statuses(user, addresses(host)) == {404}
            assert study_version(user, host.study.pk) is None
        assert share.is_live

    def test_it_ends_when_revoked_at_once(self, host: Staff, guest: Staff):
        share = shared(host, guest)
        study_share_revoke(user=host.senior, share=share)
        assert seen(guest.reader) == set()
        assert statuses(guest.reader, addresses(host)) == {404}
        assert study_version(guest.reader, host.study.pk) is None

    def test_it_ends_after_its_last_day(self, host: Staff, guest: Staff):
        share = shared(host, guest, days=0)
        assert seen(guest.reader) == ALL
        StudyShare.objects.filter(pk=share.pk).update(until=TODAY() - timedelta(days=1))
        assert seen(guest.reader) == set()
        assert statuses(guest.reader, addresses(host)) == {404}

    def test_who_left_the_guest_clinic_or_is_no_reader_there_sees_nothing(self, host: Staff, guest: Staff):
        shared(host, guest)
        guest.reader.memberships.update(role="technician")
        guest.senior.memberships.all().delete()
        assert seen(guest.reader) == seen(guest.senior) == set()

    def test_what_is_blind_in_the_study_stays_blind_for_guests(self, host: Staff, guest: Staff):
        Study.objects.filter(pk=host.study.pk).update(blind=True)
        MaskRevision.objects.update(line=host.reader)
        shared(host, guest)
        assert seen(guest.reader) == {Study, Image, Prediction, Report}

    def test_the_page_tells_the_question_and_offers_nothing_that_is_refused(self, client, host: Staff, guest: Staff):
        shared(host, guest)
        client.force_login(guest.reader)
        page = client.get(f"/studies/{host.study.pk}/").content.decode()
        assert "Laser first?" in page
        assert "Send the opinion" in page
        assert f"/patients/{host.study.patient_id}/" not in page
        assert all(word not in page for word in ("Add photographs", "Hand over", ">Take<", "Ask another clinic"))
        assert client.get(f"/patients/{host.study.patient_id}/").status_code == 404

    def test_it_stands_in_a_queue_of_its_own(self, client, host: Staff, guest: Staff):
        before = work_list_version(guest.reader)
        shared(host, guest)
        assert work_list_version(guest.reader) != before
        assert shared_count(guest.reader) == 1
        assert work_list(guest.reader, WorkListFilter(queue=SHARED)) == [host.study.pk]
        assert work_list(guest.reader, WorkListFilter()) == [guest.study.pk]
        assert sum(count.number for count in queue_counts(guest.reader)) == 1
        client.force_login(guest.reader)
        page = client.get("/", {"queue": SHARED})
        assert page.context["studies"] == [host.study]
        assert host.study.patient.name in page.content.decode()
        assert work_list(guest.technician, WorkListFilter(queue=SHARED)) == []


class TestWriting:
    def test_guests_change_nothing(self, host: Staff, guest: Staff):
        shared(host, guest)
        client = Client(enforce_csrf_checks=False)
        client.force_login(guest.senior)
        json = {"content_type": "application/json"}
        study, image = host.study.pk, host.image.pk
        assert client.patch(f"/api/images/{image}", '{"laterality": "OS"}', **json).status_code == 403
        assert client.put(f"/api/studies/{study}/reading", '{"diagnosis": "x"}', **json).status_code == 403
        wish = f'{{"selectedModel": "Unet", "image_id": {image}, "wait": false}}'
        assert client.post("/api/choose_model", wish, **json).status_code in (403, 404)
        assert client.post(f"/api/predictions/{host.prediction.pk}/retry").status_code == 403
        assert client.post(reverse("cases:share", args=[study]), {}).status_code == 302
        assert Image.objects.get(pk=image).laterality == "unknown"
        assert StudyShare.objects.count() == 1
        assert not Reading.objects.filter(reader=guest.senior).exists()

    def test_an_opinion_is_kept_and_never_becomes_the_conclusion(self, client, host: Staff, guest: Staff):
        shared(host, guest)
        client.force_login(guest.reader)
        answer = client.post(
            reverse("cases:opinion", args=[host.study.pk]), {"grade_od": "3", "text": "Laser soon."}, follow=True
        )
        assert "Your opinion is sent" in answer.content.decode()
        opinion = SecondOpinion.objects.get()
        assert (opinion.author, opinion.grade_od, opinion.grade_os, opinion.text) == (
            guest.reader,
            3,
            None,
            "Laser soon.",
        )
        study = Study.objects.get(pk=host.study.pk)
        assert (study.conclusion, study.queue) == (None, "to_read")
        client.force_login(host.reader)
        page = client.get(f"/studies/{study.pk}/").content.decode()
        assert "Laser soon." in page
        assert guest.clinic.name in page

    def test_an_opinion_needs_a_live_share(self, host: Staff, guest: Staff):
        share = shared(host, guest)
        study_share_revoke(user=host.senior, share=share)
        for user in (guest.reader, host.reader, staffed_clinic().reader):
            with pytest.raises(NotAllowed):
                second_opinion_give(user=user, study=host.study, text="x")

    def test_what_was_said_stays_when_the_share_has_ended(self, host: Staff, guest: Staff):
        share = shared(host, guest)
        second_opinion_give(user=guest.reader, study=host.study, text="Wait.")
        study_share_revoke(user=host.senior, share=share)
        assert SecondOpinion.objects.for_user(host.reader).get().text == "Wait."
        assert not SecondOpinion.objects.for_user(guest.reader).exists()


class TestHost:
    def test_shares_and_who_looked_are_seen(self, client, host: Staff, guest: Staff):
        shared(host, guest)
        assert [entry.viewers for entry in shares_of(host.senior, host.study)] == [[]]
        client.force_login(guest.reader)
        client.get(f"/studies/{host.study.pk}/")
        (entry,) = shares_of(host.senior, host.study)
        assert [viewer["name"] for viewer in entry.viewers] == [guest.reader.username]
        assert shares_of(guest.reader, host.study) == []
        client.force_login(host.senior)
        assert f"Seen by {guest.reader.username}" in client.get(f"/studies/{host.study.pk}/").content.decode()

    def test_shared_and_revoked_on_the_page(self, client, host: Staff, guest: Staff):
        client.force_login(host.clinicadmin)
        fields = {"clinic": guest.clinic.pk, "purpose": "Laser?", "until": TODAY() + timedelta(days=3)}
        page = client.post(reverse("cases:share", args=[host.study.pk]), fields, follow=True).content.decode()
        assert f"Readers of {guest.clinic.name} see this study now." in page
        share = StudyShare.objects.get()
        assert "Revoke" in page
        client.post(reverse("cases:share_revoke", args=[share.pk]))
        share.refresh_from_db()
        assert not share.is_live
        client.force_login(staffed_clinic().senior)
        assert client.post(reverse("cases:share_revoke", args=[share.pk])).status_code == 404

    def test_what_makes_no_sense_is_refused(self, host: Staff, guest: Staff):
        def share(clinic, days: int) -> None:
            study_share(
                user=host.senior, study=host.study, clinic=clinic, purpose="?", until=TODAY() + timedelta(days=days)
            )

        for clinic, days in ((host.clinic, 7), (guest.clinic, -1), (guest.clinic, 366)):
            with pytest.raises(ApplicationError):
                share(clinic, days)
        share(guest.clinic, 7)
        with pytest.raises(Conflict):
            share(guest.clinic, 9)
        study_share_revoke(user=host.senior, share=StudyShare.objects.get())
        share(guest.clinic, 9)  # again, after the first has ended
