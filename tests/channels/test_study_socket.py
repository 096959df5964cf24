"""The websocket of a study, through the whole ASGI application: cookies, origin check, routing, consumer."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.test import Client

from cases.choices import PredictionState
from cases.consumers import StudyConsumer
from cases.models import Membership, User
from cases.notifications import study_changed
from tests.channels.page_socket import LOOK, Socket, session_cookie
from tests.factories import PredictionFactory, Staff, staffed_clinic

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(StudyConsumer, "LOOK_SECONDS", LOOK)
    monkeypatch.setattr(StudyConsumer, "PING_SECONDS", 20.0)


def address(study_id: int) -> str:
    return f"/ws/studies/{study_id}/"


async def connected(study_id: int, user: User) -> Socket:
    socket = Socket(address(study_id), await sync_to_async(session_cookie)(user))
    assert await socket.connect()
    assert await socket.hears() == {"type": "changed"}
    return socket


@sync_to_async
def change(staff: Staff) -> None:
    """What a worker does: change the row, then tell."""
    PredictionFactory(image=staff.image, model_name="manet", state=PredictionState.RUNNING)
    study_changed(staff.study.pk)


async def test_a_change_is_told_at_once(staff: Staff, told: str):
    socket = await connected(staff.study.pk, staff.technician)
    assert await socket.hears_nothing()
    await change(staff)
    assert await socket.hears() == {"type": "changed"}
    assert await socket.hears_nothing()
    await socket.disconnect()


async def test_rows_that_do_not_change_are_looked_at_more_and_more_seldom(staff: Staff, monkeypatch):
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def hurried(seconds: float) -> None:
        if seconds >= 1:  # shorter ones are not the consumer's
            pauses.append(seconds)
        await sleep(min(seconds, LOOK))

    monkeypatch.setattr(StudyConsumer, "LOOK_SECONDS", 1.0)
    monkeypatch.setattr(StudyConsumer, "LOOK_SHARE", 0.5)
    monkeypatch.setattr("cases.consumers.asyncio.sleep", hurried)
    socket = await connected(staff.study.pk, staff.technician)
    assert await socket.hears() == {"type": "ping"}  # twenty seconds have passed without a change
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (1.0, 5.0)
    await change(staff)
    pauses.clear()
    assert await socket.hears() == {"type": "changed"}
    assert await socket.hears() == {"type": "ping"}
    assert 1.0 in pauses
    await socket.disconnect()


async def test_changes_of_another_study_are_not_told(staff: Staff, told: str):
    other = await sync_to_async(staffed_clinic)()
    socket = await connected(staff.study.pk, staff.technician)
    await change(other)
    assert await socket.hears_nothing()
    await socket.disconnect()


async def test_without_a_session_the_socket_is_closed(staff: Staff, told: str):
    socket = Socket(address(staff.study.pk))
    assert await socket.connect()
    assert await socket.is_closed() == 4401


async def test_another_clinics_study_is_not_there(staff: Staff, told: str):
    other = await sync_to_async(staffed_clinic)()
    cookie = await sync_to_async(session_cookie)(other.senior)
    for study_id in (staff.study.pk, 10**15, 10**30):
        socket = Socket(address(study_id), cookie)
        assert await socket.connect()
        assert await socket.is_closed() == 4404


async def test_a_page_of_another_site_gets_no_socket(staff: Staff):
    cookie = await sync_to_async(session_cookie)(staff.reader)
    socket = Socket(address(staff.study.pk), cookie, origin="https://evil.example")
    assert not await socket.connect()


async def test_who_left_the_clinic_hears_nothing_more(staff: Staff, told: str):
    socket = await connected(staff.study.pk, staff.reader)
    await sync_to_async(Membership.objects.filter(user=staff.reader).delete)()
    await change(staff)
    assert await socket.is_closed() == 4404


@sync_to_async
def log_out(cookie: str) -> None:
    client = Client()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = cookie
    client.logout()


async def test_who_logged_out_hears_nothing_more(staff: Staff, told: str):
    cookie = await sync_to_async(session_cookie)(staff.reader)
    socket = Socket(address(staff.study.pk), cookie)
    assert await socket.connect()
    assert await socket.hears() == {"type": "changed"}
    await log_out(cookie)
    await change(staff)
    assert await socket.is_closed() == 4401


async def test_a_quiet_socket_says_that_it_lives(staff: Staff, told: str, monkeypatch):
    monkeypatch.setattr(StudyConsumer, "PING_SECONDS", LOOK)
    socket = await connected(staff.study.pk, staff.reader)
    assert await socket.hears() == {"type": "ping"}
    await socket.disconnect()


async def test_whatever_the_page_sends_is_left_alone(staff: Staff, told: str):
    socket = await connected(staff.study.pk, staff.reader)
    await socket.send_input({"type": "websocket.receive", "text": "{no json"})
    await socket.send_input({"type": "websocket.receive", "bytes": b"\xff"})
    await change(staff)
    assert await socket.hears() == {"type": "changed"}
    await socket.disconnect()


async def test_a_socket_that_cannot_look_closes_so_that_the_page_polls(staff: Staff, monkeypatch):
    socket = await connected(staff.study.pk, staff.reader)

    def broken(*args):
        raise RuntimeError

    monkeypatch.setattr("cases.consumers.study_version", broken)
    assert await socket.is_closed() == 1011
