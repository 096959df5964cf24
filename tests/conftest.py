"""Fixtures shared by every test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from django.core.cache import caches
from hypothesis import HealthCheck, settings

from tests import services

# Playwright's synchronous API runs an event loop in the test's thread; Django would take the ORM calls of the test for
# calls from async code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

# That a busy machine is slow is nothing to fail for.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put browser tests last: once Playwright's event loop runs in a process, no test of async code can."""
    items.sort(key=lambda item: "browser" in item.path.parts)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of public data sets beside the repository (``DRWEB_SHARED_DATA``); skips where it is absent."""
    folder = Path(os.environ.get("DRWEB_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the data sets in {folder} (set DRWEB_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A real PostgreSQL as ``DRWEB_DATABASE_URL``; skips where its programs are missing."""
    yield from _started(services.postgresql())


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis as ``DRWEB_BROKER_URL`` or ``DRWEB_CHANNEL_URL``; skips where it is missing."""
    yield from _started(services.redis())


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """A real RabbitMQ as ``DRWEB_BROKER_URL``; skips where it is missing."""
    yield from _started(services.rabbitmq())


def _started(service: AbstractContextManager[str]) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            url = stack.enter_context(service)
        except services.ServiceMissing as missing:
            pytest.skip(str(missing))
        yield url


@pytest.fixture(autouse=True)
def _media_in_temporary_folder(tmp_path: Path, settings) -> None:
    """Keep uploaded files of one test away from the next one's."""
    storages = {name: dict(entry) for name, entry in settings.STORAGES.items()}
    storages["default"]["OPTIONS"] = {**storages["default"].get("OPTIONS", {}), "location": tmp_path / "media"}
    settings.STORAGES = storages


@pytest.fixture(autouse=True)
def _nothing_seen_yet() -> None:
    """Numbers of rows come again in the next test: what was recorded of them must not."""
    caches["history"].clear()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    """Use the system's Chromium where Playwright's own is not downloaded; root needs --no-sandbox."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"] if os.geteuid() == 0 else []
    return {
        **browser_type_launch_args,
        **({"executable_path": chromium} if chromium else {}),
        "args": [*browser_type_launch_args.get("args", []), *arguments],
    }
