"""What the operator's programs read: /healthz, /readyz, /metrics, and the log."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from unittest.mock import patch

import pytest
from django.db import IntegrityError, OperationalError
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string
from prometheus_client.parser import text_string_to_metric_families

from cases.choices import PredictionState
from cases.log_context import AddIds, log_context
from cases.models import Prediction, Worker
from cases.services.worker import FORGOTTEN_AFTER, worker_gone, worker_seen
from tests.factories import PatientFactory, PredictionFactory, StudyFactory, staffed_clinic

pytestmark = pytest.mark.django_db


def speaks(name: str = "worker-1", **networks: str) -> None:
    worker_seen(name=name, processors=["cpu"], networks=networks, started_at=timezone.now())


def ready(client: Client) -> tuple[int, dict]:
    response = client.get("/readyz")
    return response.status_code, response.json()["checks"]


def measured(client: Client, **headers: str) -> dict[tuple[str, ...], float]:
    text = client.get("/metrics", headers=headers).content.decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def test_alive_without_a_database(client):
    with patch("django.db.backends.utils.CursorWrapper.execute", side_effect=OperationalError("gone")):
        assert client.get("/healthz").content == b"ok\n"


def test_ready_once_a_worker_has_loaded_a_network(client):
    assert ready(client)[0] == 503
    speaks()
    status, checks = ready(client)
    assert (status, checks["workers"]["alive"], checks["workers"]["ok"]) == (503, 1, False)
    speaks(unet="openvino-bf16")
    status, checks = ready(client)
    assert (status, checks["workers"]["networks"]) == (200, ["unet (openvino-bf16)"])
    worker_gone(name="worker-1")
    assert ready(client)[0] == 503


def test_the_log_says_once_that_the_system_is_not_ready_and_once_that_it_is(client, caplog):
    speaks(unet="pytorch")
    ready(client)
    caplog.clear()
    worker_gone(name="worker-1")
    assert [ready(client)[0] for _probe in range(3)] == [503, 503, 503]
    speaks(unet="pytorch")
    assert [ready(client)[0] for _probe in range(3)] == [200, 200, 200]
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [("WARNING", "not ready: workers"), ("WARNING", "ready again")]


def test_not_ready_when_the_worker_has_fallen_silent(client):
    speaks(unet="pytorch")
    Worker.objects.update(seen_at=timezone.now() - dt.timedelta(minutes=2))
    assert ready(client)[0] == 503
    Worker.objects.update(seen_at=timezone.now() - FORGOTTEN_AFTER - dt.timedelta(minutes=2))
    speaks("worker-2", unet="pytorch")
    assert [worker.name for worker in Worker.objects.all()] == ["worker-2"]


def test_not_ready_while_a_photograph_waits_for_too_long(client):
    speaks(unet="pytorch")
    PredictionFactory(state=PredictionState.QUEUED)
    assert ready(client)[0] == 200
    Prediction.objects.update(created_at=timezone.now() - dt.timedelta(hours=1))
    status, checks = ready(client)
    assert (status, checks["queue"]["ok"], checks["queue"]["waiting"]) == (503, False, 1)
    assert checks["queue"]["oldest_seconds"] > 3500


def test_without_a_database_it_says_so(client):
    with patch("cases.selectors.readiness.queue_load", side_effect=OperationalError("gone")):
        assert ready(client) == (503, {"database": {"ok": False}})
    with patch("cases.metrics.queue_load", side_effect=OperationalError("gone")):
        assert measured(client)["drweb_database_up",] == 0


def test_metrics_tell_queue_workers_and_requests(client):
    speaks(unet="pytorch")
    now = timezone.now()
    done = {"started_at": now - dt.timedelta(seconds=6), "finished_at": now}
    PredictionFactory(timings={"grade": 2.0}, **done)
    PredictionFactory(timings={"grade": 4.0}, **done)
    PredictionFactory(state=PredictionState.QUEUED)
    client.get("/healthz")
    seen = measured(client)
    assert seen["drweb_database_up",] == 1
    assert seen["drweb_queue_waiting",] == 1
    assert seen["drweb_predictions", "succeeded"] == 2
    assert seen["drweb_stage_seconds", "grade"] == 3
    assert seen["drweb_analysis_seconds",] == pytest.approx(6, abs=0.1)
    assert seen["drweb_workers_ready", "cpu"] == 1
    assert seen["drweb_workers_ready", "gpu"] == 0
    assert seen["drweb_http_request_seconds_count", "GET", "healthz", "200"] >= 1


def test_metrics_are_for_this_machine_or_for_who_shows_the_token(client, settings):
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403
    settings.DRWEB_METRICS_TOKEN = "s3cret"
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer other"}).status_code == 403
    shown = client.get("/metrics", headers={"Authorization": "Bearer s3cret"}, REMOTE_ADDR="10.0.0.9")
    assert shown.status_code == 200


def test_probes_are_not_sent_to_https(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").status_code == 200
    assert client.get("/").status_code == 301


def test_a_request_id_is_taken_over_or_made_and_in_every_line(client, caplog):
    with caplog.at_level(logging.INFO, "drweb.requests"):
        assert client.get("/healthz", headers={"X-Request-ID": "proxy-12345"})["X-Request-ID"] == "proxy-12345"
        made = client.get("/healthz", headers={"X-Request-ID": "bad id\n"})["X-Request-ID"]
    assert len(made) == 32
    assert [record.getMessage().split(" ")[:3] for record in caplog.records] == [["GET", "/healthz", "200"]] * 2


def test_json_lines_carry_ids(settings, capsys):
    options = dict(settings.LOGGING["formatters"]["json"])
    handler = logging.StreamHandler()
    handler.setFormatter(import_string(options.pop("()"))(options.pop("format"), **options))
    handler.addFilter(import_string(settings.LOGGING["filters"]["ids"]["()"])())
    record = logging.LogRecord("drweb", logging.INFO, "", 0, "hello", None, None)
    with log_context(request_id="r1"), log_context(prediction_id=7):
        handler.handle(record)
    line = json.loads(capsys.readouterr().err)
    assert (line["request_id"], line["prediction_id"], line["message"]) == ("r1", 7, "hello")
    assert "ids" not in line


@pytest.mark.parametrize("kind", ["json", "text"])
def test_traces_do_not_quote_rows(settings, capsys, kind):
    options = dict(settings.LOGGING["formatters"][kind])
    make = import_string(options.pop("()")) if "()" in options else logging.Formatter
    handler = logging.StreamHandler()
    handler.setFormatter(make(options.pop("format"), **options))
    handler.addFilter(AddIds())
    said = "duplicate key value\nDETAIL:  Key (record_number)=(MRN-778899) already exists."
    try:
        raise IntegrityError(said)
    except IntegrityError:
        handler.handle(logging.LogRecord("drweb", logging.ERROR, "", 0, "failed", None, sys.exc_info()))
    written = capsys.readouterr().err
    assert "duplicate key value" in written
    assert "Traceback" in written
    assert "778899" not in written


def test_the_log_names_no_patient(client, caplog):
    staff = staffed_clinic()
    patient = PatientFactory(clinic=staff.clinic, name="Wang Xiuying", record_number="MRN-778899")
    study = StudyFactory(clinic=staff.clinic, patient=patient)
    client.force_login(staff.reader)
    with caplog.at_level(logging.DEBUG):
        for path in (
            "/?q=Wang+Xiuying",
            "/patients/?q=MRN-778899",
            f"/studies/{study.pk}/",
            f"/patients/{patient.pk}/",
        ):
            assert client.get(path).status_code == 200
    lines = [record.getMessage() for record in caplog.records if not record.name.startswith("django.db")]
    assert any("/patients/" in line for line in lines)
    assert not any("Wang" in line or "778899" in line for line in lines)


def test_pages_and_api_say_that_the_database_is_away(client):
    staff = staffed_clinic()
    client.force_login(staff.reader)
    with patch("cases.models.base.ClinicQuerySet.for_user", side_effect=OperationalError("gone")):
        page = client.get(f"/studies/{staff.study.pk}/", headers={"Accept": "text/html"})
        script = client.get(f"/studies/{staff.study.pk}/", headers={"Accept": "application/json"})
        api = client.get(f"/api/studies/{staff.study.pk}")
    assert (page.status_code, page["Retry-After"]) == (503, "10")
    assert "The database does not answer" in page.content.decode()
    for answer in (script, api):
        assert (answer.status_code, answer["Retry-After"]) == (503, "10")
        assert answer.json()["error"]["code"] == "database_away"
