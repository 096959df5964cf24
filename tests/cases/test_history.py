"""The history: who did, saw and took what, when, from where and by which way; kept as it was written."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.cache import caches
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone, translation
from knox.models import get_token_model
from rest_framework.test import APIClient

from cases.choices import Access, ReadingState, Via
from cases.models import HistoryEntry, Patient
from cases.services.patient import patient_create, patient_update
from cases.services.prediction_lease import prediction_claim
from cases.services.study import study_create
from tests.factories import PatientFactory, PredictionFactory, ReadingFactory, ReportFactory, Staff, staffed_clinic

pytestmark = pytest.mark.django_db
ADDRESS = "192.0.2.7"


@pytest.fixture
def staff() -> Staff:
    return staffed_clinic()


def log_in(client, user):
    client.force_login(user)
    client.defaults["REMOTE_ADDR"] = ADDRESS
    return client


def accesses(**fields) -> list[tuple[str, str, str]]:
    """(record, access, person) of each look, the newest last."""
    rows = HistoryEntry.objects.filter(action=HistoryEntry.Action.ACCESS, **fields).order_by("pk")
    return [(row.content_type.model, row.access, row.actor.username) for row in rows]


class TestChanges:
    def test_a_change_made_on_a_page_names_person_address_and_values(self, client, staff: Staff):
        patient = staff.study.patient
        fields = {"record_number": patient.record_number, "name": "Li Na", "sex": "F", "diabetes_type": "type2"}
        answer = log_in(client, staff.technician).post(reverse("cases:patient_edit", args=[patient.pk]), fields)
        assert answer.status_code == 302
        entry = HistoryEntry.objects.filter(action=HistoryEntry.Action.UPDATE).get()
        assert (entry.actor, entry.remote_addr, entry.via) == (staff.technician, ADDRESS, Via.PAGE)
        assert (entry.clinic, entry.patient) == (staff.clinic, patient)
        assert entry.changes_dict["name"] == [patient.name, "Li Na"]
        assert ("sex", "Unknown", "Female") in entry.shown_changes

    def test_a_change_by_token_names_the_token(self, staff: Staff):
        client = APIClient(REMOTE_ADDR=ADDRESS)
        _row, token = get_token_model().objects.create(user=staff.reader, name="camera 2")
        client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        assert client.patch(f"/api/images/{staff.image.pk}", {"laterality": "OD"}).status_code == 200
        entry = HistoryEntry.objects.filter(action=HistoryEntry.Action.UPDATE, study=staff.study).get()
        assert (entry.actor, entry.via, entry.token_name) == (staff.reader, Via.TOKEN, "camera 2")
        assert entry.changes_dict == {"laterality": ["unknown", "OD"]}

    def test_a_new_record_is_told_by_what_it_holds_in_the_language_of_the_installation(self, staff: Staff):
        with translation.override("zh-hans"):
            study_create(user=staff.technician, clinic=staff.clinic)
        entry = HistoryEntry.objects.filter(content_type__model="study").first()
        assert entry.object_repr.startswith("Study ")
        assert entry.what == "Created"
        assert ("clinic", "", staff.clinic.name) in entry.shown_changes
        assert not [field for field, old, new in entry.shown_changes if not (old or new)]

    def test_what_the_system_does_by_itself_is_nobodys(self, staff: Staff):
        patient_create(user=staff.technician, clinic=staff.clinic, record_number="N1", name="Wang")
        entry = HistoryEntry.objects.get(object_repr="N1 · Wang")
        assert (entry.actor, entry.via) == (None, Via.SYSTEM)

    def test_steps_of_an_analysis_are_no_history(self, staff: Staff):
        PredictionFactory(image=staff.image, model_name="manet", state="queued")
        before = HistoryEntry.objects.count()
        assert prediction_claim() is not None
        assert HistoryEntry.objects.count() == before

    def test_passwords_and_readings_values_are_not_in_it(self, staff: Staff):
        """A blind colleague, or who looks over an administrator's shoulder, learns no grade from the history."""
        staff.reader.set_password("something new and long")
        staff.reader.save()
        reading = ReadingFactory(study=staff.study, reader=staff.reader, grade_od=4, diagnosis="secret finding")
        reading.state, reading.grade_od = ReadingState.SIGNED, 3
        reading.signed_at, reading.snapshot, reading.sha256 = timezone.now(), "{}", "0" * 64
        reading.save()
        text = "".join(str(row.changes) for row in HistoryEntry.objects.exclude(content_type__model="clinic"))
        assert "signed" in text
        assert all(word not in text for word in ("grade", "secret finding", "password"))


class TestLooking:
    def test_pages_that_show_a_person_are_recorded_once(self, client, staff: Staff):
        log_in(client, staff.reader)
        patient, study = staff.study.patient.pk, staff.study.pk
        for _ in range(3):
            for path in ("/", "/patients/", f"/patients/{patient}/", f"/studies/{study}/", f"/api/studies/{study}"):
                assert client.get(path).status_code == 200
        name = staff.reader.username
        assert accesses(patient=patient) == [
            ("patient", Access.LISTED, name),
            ("patient", Access.VIEWED, name),
            ("study", Access.VIEWED, name),
        ]

    def test_after_the_grain_it_is_recorded_again(self, client, staff: Staff):
        log_in(client, staff.reader)
        client.get(f"/studies/{staff.study.pk}/")
        caches["history"].clear()  # as if the time had passed
        client.get(f"/studies/{staff.study.pk}/")
        assert len(accesses(study=staff.study)) == 2

    def test_a_list_writes_nothing_for_those_seen_already(self, client, staff: Staff, django_assert_num_queries):
        log_in(client, staff.reader)
        client.get("/")
        PatientFactory(clinic=staff.clinic)
        with django_assert_num_queries(8) as queries:
            client.get("/")
        assert not [query for query in queries if query["sql"].startswith("INSERT")]

    def test_files_are_seen_on_pages_and_taken_by_tokens(self, client, staff: Staff):
        log_in(client, staff.reader)
        mask = f"/api/predictions/{staff.prediction.pk}/masks/EX"
        for path in (f"/api/images/{staff.image.pk}/preview", mask, f"/api/images/{staff.image.pk}/original"):
            assert client.get(path).status_code == 200
        name = staff.reader.username
        assert accesses() == [("image", Access.VIEWED, name), ("image", Access.DOWNLOADED, name)]

        program = APIClient()
        _row, token = get_token_model().objects.create(user=staff.senior, name="archive")
        program.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        assert program.get(mask).status_code == 200
        assert accesses(via=Via.TOKEN) == [("lesionresult", Access.DOWNLOADED, staff.senior.username)]
        entry = HistoryEntry.objects.filter(via=Via.TOKEN).get()
        assert (entry.token_name, entry.study) == ("archive", staff.study)

    def test_a_report_that_was_handed_out(self, client, staff: Staff):
        report = ReportFactory(study=staff.study)
        log_in(client, staff.clinicadmin).get(f"/api/reports/{report.pk}/pdf")
        assert accesses(study=staff.study) == [("report", Access.DOWNLOADED, staff.clinicadmin.username)]

    def test_what_was_refused_was_not_seen(self, client, staff: Staff):
        log_in(client, staffed_clinic().reader)
        for path in (f"/studies/{staff.study.pk}/", f"/api/images/{staff.image.pk}/original", "/"):
            client.get(path)
        assert accesses(clinic=staff.clinic) == []


class TestKept:
    @pytest.fixture
    def entry(self, staff: Staff) -> HistoryEntry:
        patient_update(user=staff.technician, patient=staff.study.patient, name="Other")
        return HistoryEntry.objects.latest("pk")

    def test_the_product_has_no_way_to_change_or_delete(self, entry: HistoryEntry):
        for attempt in (
            entry.delete,
            HistoryEntry.objects.all().delete,
            lambda: HistoryEntry.objects.update(object_repr="x"),
        ):
            with pytest.raises(TypeError, match="history is never"):
                attempt()

    def test_the_database_refuses_as_well(self, entry: HistoryEntry):
        entry.object_repr = "nobody"
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            entry.save()
        entry.refresh_from_db()
        assert entry.object_repr != "nobody"


class TestPage:
    def rows(self, client, **query) -> list[HistoryEntry]:
        return list(client.get(reverse("cases:history"), query).context["page"])

    def test_a_clinics_administrator_sees_it_and_nobody_else(self, client, staff: Staff):
        other = staffed_clinic()
        patient_update(user=staff.technician, patient=staff.study.patient, name="Other")
        for role, user in staff.by_role().items():
            log_in(client, user)
            allowed = role == "clinic_admin"
            assert client.get(reverse("cases:history")).status_code == (200 if allowed else 403)
            assert client.get(reverse("cases:history_csv")).status_code == (200 if allowed else 403)
            page = client.get(reverse("cases:patient", args=[staff.study.patient.pk])).content.decode()
            assert ("History" in page) is allowed
        log_in(client, other.clinicadmin)
        assert all(row.clinic == other.clinic for row in self.rows(client))
        assert client.get(reverse("cases:history"), {"patient": staff.study.patient.pk}).status_code == 404

    def test_of_one_patient_narrowed_by_person_kind_and_day(self, client, staff: Staff):
        log_in(client, staff.reader).get(f"/studies/{staff.study.pk}/")
        log_in(client, staff.clinicadmin)
        patient = staff.study.patient.pk
        patient_update(user=staff.technician, patient=Patient.objects.get(pk=patient), name="Other")
        today = timezone.localdate()
        assert {row.patient_id for row in self.rows(client, patient=patient)} == {patient}
        assert [row.access for row in self.rows(client, patient=patient, person=staff.reader.username)] == ["viewed"]
        assert all(row.access == "" for row in self.rows(client, patient=patient, what="change"))
        assert self.rows(client, patient=patient, since=today + dt.timedelta(days=1)) == []
        assert self.rows(client, patient=patient, until=today - dt.timedelta(days=1)) == []
        assert self.rows(client, patient=patient, since=today, until=today)

    def test_exported_as_a_table_without_formulas(self, client, staff: Staff):
        patient_update(user=staff.technician, patient=staff.study.patient, name="王芳", record_number="=1+1")
        log_in(client, staff.clinicadmin)
        query = {"patient": staff.study.patient.pk}
        answer = client.get(reverse("cases:history_csv"), query)
        table = b"".join(answer.streaming_content).decode()
        assert table.startswith("\ufeffTime,Person,What")
        assert "王芳" in table
        assert "\n=" not in table
        assert ",=" not in table
        assert accesses(patient=staff.study.patient) == [("patient", Access.EXPORTED, staff.clinicadmin.username)]
        client.get(reverse("cases:history_csv"), query)
        assert len(accesses(access=Access.EXPORTED)) == 2  # each export, not once in a while
