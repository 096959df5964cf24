"""The database, Redis or the disk goes, and comes back."""

from __future__ import annotations

import time

import pytest

from tests import services
from tests.started_site import Site, Web
from tests.survival.test_worker_dies import check_one_result, in_trouble

OUTAGE_SECONDS = 10


def test_database_gone_for_ten_seconds(large_site: Site, large_web: Web, postgresql: services.PostgreSQL, tmp_path):
    row = large_web.ask()
    in_trouble(large_site, tmp_path, "segment", "waits", DRWEB_LEASE_SECONDS="30")
    large_site.until((tmp_path / "segment").exists)
    postgresql.stop()
    gone = time.monotonic()
    (tmp_path / "go").touch()
    away = large_web.get(f"/api/predictions/{row}")
    assert (away.status, away.json["error"]["code"]) == (503, "database_away")
    assert int(away.headers["Retry-After"]) > 0
    assert large_web.get("/healthz").status == 200
    assert large_web.get("/readyz").status == 503
    latecomer = large_site.worker()
    large_site.until(lambda: "cannot be stored yet" in large_site.log())
    large_site.until(lambda: time.monotonic() - gone > OUTAGE_SECONDS)
    postgresql.start()
    check_one_result(large_web, large_site, row, attempts=1)
    large_site.until(lambda: large_web.get("/readyz").json["checks"]["workers"]["with_network"] == 2)
    assert latecomer.poll() is None


def test_disk_full_while_the_result_is_written(large_site: Site, large_web: Web, tmp_path):
    row = large_web.ask()
    poor = in_trouble(large_site, tmp_path, "store", "disk")
    failed = large_web.until_state(row, "failed")
    assert failed["error"]["code"] == "disk_full"
    assert "disk" in failed["error"]["message"]
    results = large_site.folder / "data" / "media" / "predictions"
    left = {path for path in results.rglob("*") if path.is_file()}
    poor.kill()
    large_site.worker()
    large_web.post(f"/api/predictions/{row}/retry")
    check_one_result(large_web, large_site, row, attempts=1)
    made = {path for path in results.rglob("*") if path.is_file()} - left
    assert len(made) == 5, "four masks, and the overlay that was asked for"
    assert not any(path.stat().st_size == 0 for path in left)


@pytest.fixture
def redis():
    try:
        with services.Redis() as server:
            yield server
    except services.ServiceMissing as missing:
        pytest.skip(str(missing))


def test_redis_gone_and_back(large_site: Site, redis: services.Redis):
    cache = redis.url.replace("redis://", "rediscache://")
    urls = {"DRWEB_BROKER_URL": redis.url, "DRWEB_CHANNEL_URL": redis.url, "DRWEB_CACHE_URL": cache}
    site = Site(large_site.folder, {**large_site.environment, **urls}, large_site.token)
    try:
        web = site.web()
        site.celery()
        web.until_state(web.ask(), "succeeded")
        redis.stop()
        row = web.ask()
        assert web.prediction(row)["state"] == "queued", "photographs are taken in without Redis"
        redis.start()
        check_one_result(web, site, row, attempts=1)
        check_one_result(web, site, web.ask(), attempts=1)
    finally:
        site.stop()
