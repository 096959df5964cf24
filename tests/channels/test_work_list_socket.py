"""The websocket of the work-list: hints of one's own clinics, and no others."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async

from cases.consumers import WorkListConsumer
from cases.models import Membership, User
from cases.services.assignment import study_take
from tests.channels.page_socket import LOOK, Socket, session_cookie
from tests.factories import MembershipFactory, Staff, staffed_clinic

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(WorkListConsumer, "LOOK_SECONDS", LOOK)


async def connected(user: User) -> Socket:
    socket = Socket("/ws/work-list/", await sync_to_async(session_cookie)(user))
    assert await socket.connect()
    assert await socket.hears() == {"type": "changed"}
    return socket


@sync_to_async
def take(staff: Staff) -> None:
    study_take(user=staff.reader, study=staff.study)


async def test_what_a_colleague_takes_is_told_at_once(staff: Staff, told: str):
    socket = await connected(staff.technician)
    assert await socket.hears_nothing()
    await take(staff)
    assert await socket.hears() == {"type": "changed"}
    assert await socket.hears_nothing()
    await socket.disconnect()


async def test_another_clinics_work_is_not_told(staff: Staff, told: str):
    other = await sync_to_async(staffed_clinic)()
    socket = await connected(other.reader)
    await take(staff)
    assert await socket.hears_nothing()
    await socket.disconnect()


async def test_who_joins_or_leaves_a_clinic_looks_again(staff: Staff):
    socket = await connected(staff.reader)
    await sync_to_async(MembershipFactory)(user=staff.reader)
    assert await socket.hears() == {"type": "changed"}
    await sync_to_async(Membership.objects.filter(user=staff.reader).delete)()
    assert await socket.hears() == {"type": "changed"}
    await take_as_senior(staff)
    assert await socket.hears_nothing()
    await socket.disconnect()


@sync_to_async
def take_as_senior(staff: Staff) -> None:
    study_take(user=staff.senior, study=staff.study)


async def test_without_a_session_the_socket_is_closed():
    socket = Socket("/ws/work-list/")
    assert await socket.connect()
    assert await socket.is_closed() == 4401
