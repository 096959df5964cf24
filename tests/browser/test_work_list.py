"""The work-list under the fingers: keys, what a colleague does meanwhile, the next case."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from cases.choices import StudyQueue, Urgency
from cases.models import Study, User
from cases.services.assignment import study_take
from cases.services.patient import patient_create
from cases.services.study import study_create
from cases.services.study_queue import study_queue_refresh
from tests.factories import ImageFactory, PatientFactory, Staff, StudyFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def studies(staff: Staff) -> list[Study]:
    """Three to read, in their turn: one urgent, two that are not."""
    Study.objects.filter(pk=staff.study.pk).update(urgency=Urgency.URGENT)
    more = [StudyFactory(clinic=staff.clinic, queue=StudyQueue.TO_READ) for _ in range(2)]
    return [staff.study, *more]


def chosen(page: Page):
    return page.locator("#work-list tr:focus-within")


def row_of(page: Page, study: Study):
    return page.locator(f"#work-list tr[data-study='{study.pk}']")


def test_keys_walk_take_open_and_go_on(reader: Page, live_server, staff: Staff, studies: list[Study]):
    first, second, third = studies
    reader.goto(live_server.url)
    for key, study in (("j", first), ("j", second), ("j", third), ("j", third), ("k", second)):
        reader.keyboard.press(key)
        expect(chosen(reader)).to_have_attribute("data-study", str(study.pk))
    reader.keyboard.press("t")
    expect(row_of(reader, second)).to_contain_text(staff.reader.username)
    expect(row_of(reader, second)).to_contain_text("Give back")

    reader.keyboard.press("/")
    reader.keyboard.type("jn")  # typed, not carried out
    expect(reader.get_by_label("Record number or name")).to_have_value("jn")
    reader.get_by_label("Record number or name").blur()
    reader.keyboard.press("?")
    expect(reader.get_by_role("dialog", name="Keys")).to_be_visible()
    reader.keyboard.press("j")  # nothing happens behind a dialog
    reader.keyboard.press("Escape")
    expect(reader.get_by_role("dialog", name="Keys")).to_be_hidden()

    reader.keyboard.press("j")
    expect(chosen(reader)).to_have_attribute("data-study", str(first.pk))
    reader.keyboard.press("Enter")
    reader.wait_for_url(f"**/studies/{first.pk}/?queue=to_read")
    expect(reader.get_by_role("link", name="Next case")).to_be_visible()
    reader.keyboard.press("n")
    reader.wait_for_url(f"**/studies/{second.pk}/?queue=to_read")


def test_what_a_colleague_does_is_seen_without_reloading(reader: Page, live_server, staff: Staff, studies: list[Study]):
    reader.goto(live_server.url)
    reader.keyboard.press("j")
    reader.keyboard.press("j")
    expect(chosen(reader)).to_have_attribute("data-study", str(studies[1].pk))
    study_take(user=staff.senior, study=studies[1])
    expect(row_of(reader, studies[1])).to_contain_text(staff.senior.username, timeout=15_000)
    expect(chosen(reader)).to_have_attribute("data-study", str(studies[1].pk))  # the focus stayed in its row

    arrive(staff.technician)
    expect(reader.locator("#work-list")).to_contain_text("New Arrival", timeout=15_000)
    expect(reader).to_have_title("(4) Work-list · drweb")


def arrive(technician: User) -> None:
    """A technician registers somebody and photographs an eye."""
    clinic = technician.memberships.get().clinic
    patient = patient_create(user=technician, clinic=clinic, record_number="NEW-1", name="New Arrival")
    study = study_create(user=technician, clinic=clinic, patient=patient)
    ImageFactory(study=study)
    study_queue_refresh(study=study)


def test_who_is_second_is_told(reader: Page, live_server, staff: Staff, studies: list[Study]):
    reader.route("**/ws/**", lambda route: route.abort())
    reader.goto(live_server.url)
    row = row_of(reader, studies[2])
    expect(row.get_by_role("button", name="Take")).to_be_visible()
    Study.objects.filter(pk=studies[2].pk).update(assigned_to=staff.senior)  # behind the page's back
    row.get_by_role("button", name="Take").click()
    expect(reader.get_by_role("status")).to_contain_text(f"{staff.senior.username} has taken this study meanwhile.")


def test_a_narrow_screen_shows_all_of_a_row(reader: Page, live_server, staff: Staff):
    StudyFactory(
        clinic=staff.clinic,
        queue=StudyQueue.TO_READ,
        patient=PatientFactory(clinic=staff.clinic, name="A Name of Quite Some Length"),
    )
    reader.set_viewport_size({"width": 390, "height": 800})
    reader.goto(live_server.url)
    expect(reader.get_by_role("link", name="A Name of Quite Some Length")).to_be_visible()
    assert reader.evaluate("document.documentElement.scrollWidth <= innerWidth")
