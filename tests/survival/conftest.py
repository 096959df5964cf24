from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests import services
from tests.started_site import Site, Web, kill, tiny_networks


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
