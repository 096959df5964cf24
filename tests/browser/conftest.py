"""What tests in a real browser share: the whole system, started as its users start it, with tiny networks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pytest
from django.core.signals import request_finished, request_started
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from cases.models import User
from tests.factories import Staff, staffed_clinic
from tests.running_system import REPOSITORY, RunningSystem, running_system, until
from tests.tiny_weights import write_tiny_models

expect.set_options(timeout=20_000)  # ms; that a busy machine is slow is nothing to fail for
ANALYSED = 60_000  # ms; tiny networks answer at once, a busy machine does not


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Web server with websockets, worker, demo clinic; random networks that answer at once."""
    weights = write_tiny_models(tmp_path_factory.mktemp("weights"))
    with running_system(
        tmp_path_factory.mktemp("data"),
        DRWEB_WEIGHTS_DIR=str(weights),
        DRWEB_ENGINE="pytorch",
        OMP_NUM_THREADS="1",
    ) as started:
        yield started


@pytest.fixture
def live_server(live_server: LiveServer, transactional_db: None, page: Page) -> Iterator[LiveServer]:
    """When a test ends, its page is closed and the last request answered before the tables are emptied."""
    running: set[int] = set()

    def begins(**kwargs: object) -> None:
        running.add(threading.get_ident())

    def ends(**kwargs: object) -> None:
        running.discard(threading.get_ident())

    request_started.connect(begins)
    request_finished.connect(ends)
    yield live_server
    page.close()
    assert until(lambda: not running, seconds=30)
    request_started.disconnect(begins)
    request_finished.disconnect(ends)


@pytest.fixture
def sound(page: Page) -> Iterator[Page]:
    """The browser's page; a test fails on script errors and on whatever the content security policy blocked."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None)
    page.on("dialog", lambda dialog: dialog.accept())  # "leave the page?"
    yield page
    assert problems == []


@pytest.fixture
def staff() -> Staff:
    return staffed_clinic()


@pytest.fixture
def log_in(sound: Page, live_server: LiveServer) -> Callable[[User], Page]:
    """Put somebody's session into the browser."""

    def put(user: User) -> Page:
        client = Client()
        client.force_login(user)
        session = client.cookies["sessionid"].value
        sound.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        return sound

    return put


@pytest.fixture
def reader(log_in: Callable[[User], Page], staff: Staff) -> Page:
    """A browser in which a reader is logged in."""
    return log_in(staff.reader)


@pytest.fixture(scope="session")
def in_system(system: RunningSystem) -> Callable[[str], str]:
    """Run Python code against the started system's database; returns what it prints."""

    def run(code: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DRWEB_")}
        environment |= {"DRWEB_DATA_DIR": str(system.data_dir), "DJANGO_SETTINGS_MODULE": "drweb.settings"}
        command = [sys.executable, REPOSITORY / "manage.py", "shell", "--verbosity=0", "-c", code]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    return run


@dataclass
class Visitor:
    """A person in front of the started system."""

    page: Page
    system: RunningSystem

    def open(self, path: str) -> None:
        self.page.goto(f"{self.system.url}{path}")

    def log_in(self, username: str) -> Visitor:
        self.open("/accounts/login/")
        self.fill_login(self.page, username)
        self.page.wait_for_url(f"{self.system.url}/")
        return self

    def start_examination(self, record_number: str, name: str) -> None:
        """Fill in a new patient on the diagnosis page."""
        page = self.page
        page.get_by_label("New patient").check()
        page.get_by_label("Record number", exact=False).and_(page.locator("#id_new-record_number")).fill(record_number)
        page.locator("#id_new-name").fill(name)
        page.locator("#id_new-birth_date").fill("1960-02-03")

    def examine(self, photograph: Path, record_number: str, name: str = "王秀英") -> None:
        """A new patient with one analysed photograph; the study's page is open afterwards."""
        self.open("/diagnosis/")
        self.start_examination(record_number, name)
        self.page.locator("#files").set_input_files(photograph)
        self.page.get_by_role("button", name="Upload and analyse").click()
        self.page.wait_for_url(re.compile(r"/studies/\d+/$"))
        expect(self.page.locator("#grade .grade")).to_be_visible(timeout=ANALYSED)

    def fill_login(self, page: Page, username: str) -> None:
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(self.system.password)
        page.get_by_role("main").get_by_role("button", name="Log in").click()


@pytest.fixture
def visitor(sound: Page, system: RunningSystem) -> Visitor:
    """A browser on the system."""
    return Visitor(sound, system)


@pytest.fixture(scope="session")
def retina() -> Path:
    """The fundus photograph that scikit-image ships."""
    with resources.as_file(resources.files("skimage.data") / "retina.jpg") as path:
        return path
