from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests import services
from tests.started_site import Site, Web, kill, tiny_networks

expect.set_options(timeout=60_000)  # ms; a page without a socket polls


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever kills processes takes its time."""
    for item in items:
        if "survival" in item.path.parts:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def networks(tmp_path_factory) -> dict[str, str]:
    """Tiny ones."""
    return tiny_networks(tmp_path_factory.mktemp("networks"), "unet")


@pytest.fixture(scope="module")
def site(tmp_path_factory, networks) -> Iterator[Site]:
    """The embedded default: SQLite, local files."""
    started = Site(tmp_path_factory.mktemp("site"), networks).prepare()
    assert started.start("manage.py", "collectstatic", "--noinput").wait() == 0, started.log()  # for its pages
    yield started
    started.stop()


@pytest.fixture(scope="module")
def postgresql() -> Iterator[services.PostgreSQL]:
    """A server that the test stops and starts."""
    try:
        with services.PostgreSQL() as server:
            yield server
    except services.ServiceMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def large_site(tmp_path_factory, networks, postgresql) -> Iterator[Site]:
    """On PostgreSQL."""
    started = Site(tmp_path_factory.mktemp("site"), {**networks, "DRWEB_DATABASE_URL": postgresql.url}).prepare()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def web(site: Site) -> Web:
    return site.web()


@pytest.fixture(scope="module")
def large_web(large_site: Site) -> Web:
    return large_site.web()


@pytest.fixture
def look(page: Page) -> Iterator[Callable[[Web, int], Page]]:
    """Open the study of an analysis as the reader sees it; a test fails on script errors."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))

    def open_study(web: Web, prediction_id: int) -> Page:
        image = web.get(f"/api/images/{web.prediction(prediction_id)['image_id']}").json
        address = f"http://127.0.0.1:{web.port}"
        page.context.add_cookies([{"name": "sessionid", "value": web.site.session, "url": address}])
        page.goto(f"{address}/studies/{image['study_id']}/")
        return page

    yield open_study
    page.close()
    assert problems == []


@pytest.fixture(autouse=True)
def _workers_end(request) -> Iterator[None]:
    """No worker of one test takes the next one's photographs."""
    yield
    for name in {"site", "large_site"} & set(request.fixturenames):
        for process in request.getfixturevalue(name).processes:
            if not is_web(process):
                kill(process)


def is_web(process: subprocess.Popen[bytes]) -> bool:
    return "uvicorn" in process.args
