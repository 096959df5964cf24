"""`manage.py run`, as `make run` starts it."""

import http.client
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.running_system import PASSWORD, REPOSITORY, running_system, until
from tests.tiny_weights import write_tiny_models

pytestmark = pytest.mark.slow


def get(system, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", system.port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return response.status, names, response.read().decode(errors="replace")
    finally:
        connection.close()


def rows(system, query):
    with closing(sqlite3.connect(f"file:{system.data_dir / 'db.sqlite3'}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    weights = write_tiny_models(tmp_path_factory.mktemp("weights"), ["unet", "unet-lite", "grader"])
    return {"DRWEB_WEIGHTS_DIR": str(weights), "DRWEB_ENGINE": "pytorch"}


@pytest.fixture(scope="module")
def system(tmp_path_factory, environment):
    with running_system(tmp_path_factory.mktemp("installation"), **environment) as started:
        yield started


def test_the_printed_address_answers(system):
    assert any(system.url in line for line in system.output)
    status, headers, page = get(system, "/")
    assert status == 200
    assert "text/html" in headers["content-type"]
    assert "<html" in page


def test_pages_carry_the_security_headers(system):
    _, headers, _ = get(system, "/")
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_static_files_are_served_hashed_and_compressed(system):
    _, _, page = get(system, "/")
    address = next(part for part in page.split('"') if part.startswith("/static/") and part.endswith(".css"))
    status, headers, _ = get(system, address, **{"Accept-Encoding": "gzip"})
    assert status == 200
    assert "immutable" in headers["cache-control"]
    assert headers["content-encoding"] == "gzip"


def test_pages_are_translated_without_gettext_installed(system):
    _, headers, page = get(system, "/", **{"Accept-Language": "zh-CN,zh;q=0.9"})
    assert headers["content-language"] == "zh-hans"
    assert "糖尿病" in page


def test_patient_files_are_not_served_as_static_or_media(system):
    for path in ("/media/", "/static/../db.sqlite3", "/static/%2e%2e/secret_key", "/var/db.sqlite3"):
        assert get(system, path)[0] == 404


def test_a_foreign_host_name_is_refused(system):
    assert get(system, "/", Host="evil.example")[0] == 400


def test_demo_logins_are_printed_and_kept_privately(system):
    kept = system.data_dir / "demo_logins.txt"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert dict(line.split() for line in kept.read_text().splitlines()) == dict.fromkeys(
        ["technician", "reader", "senior", "clinicadmin", "admin"], PASSWORD
    )
    assert sum(PASSWORD in line for line in system.output) == 5


def test_an_upload_over_the_limit_is_refused_with_a_413(system):
    connection = http.client.HTTPConnection("127.0.0.1", system.port, timeout=60)
    connection.request("POST", "/api/upload_image", body=b"x" * (60 * 1024 * 1024))
    response = connection.getresponse()
    assert response.status == 413
    assert "upload_too_large" in response.read().decode()
    connection.close()


def test_a_taken_port_is_explained(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "drweb.settings", "DRWEB_DATA_DIR": str(tmp_path)}
        result = subprocess.run(
            [sys.executable, REPOSITORY / "manage.py", "run", "--port", str(port)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in result.stderr
    assert f"PORT={port + 1} make run" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_worker_analyses_the_sample_photograph(system):
    """Web server and worker share nothing but the database and the files."""

    states = "SELECT state FROM cases_prediction"
    assert until(lambda: rows(system, states) == [("succeeded",)]), "".join(system.output)


def test_without_networks_the_start_says_what_is_missing(tmp_path):
    with (
        pytest.raises(AssertionError, match=r"The network .* is not installed"),
        running_system(tmp_path / "data", DRWEB_WEIGHTS_DIR=str(tmp_path / "empty")),
    ):
        pass


def test_a_second_start_keeps_data_and_all_stop_in_order(system, environment):
    """Last in this file: it stops the shared system."""
    assert system.stop() == 0
    secret = (system.data_dir / "secret_key").read_text()
    with running_system(system.data_dir, DRWEB_WORKERS="2", **environment) as second:
        assert until(lambda: len(rows(second, "SELECT name FROM cases_worker")) == 2), "".join(second.output)
        assert not any(PASSWORD in line for line in second.output), "logins are made once"
        assert any("demo_logins.txt" in line for line in second.output)
        assert second.stop() == 0
    assert (system.data_dir / "secret_key").read_text() == secret
    for port in (system.port, second.port):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), timeout=5)
