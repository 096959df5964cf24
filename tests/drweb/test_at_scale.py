"""The same code on PostgreSQL, Celery, Redis or RabbitMQ, and S3: nothing differs but the environment."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from channels_redis.core import RedisChannelLayer

from drweb.environment import channel_layer_config
from tests import services
from tests.factories import fundus_jpeg, mask_png
from tests.running_system import running_system, until
from tests.started_site import Site, Web, tiny_networks

PHOTOGRAPHS = 6


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> dict[str, str]:
    return tiny_networks(tmp_path_factory.mktemp("networks"), "unet", "manet")


@pytest.fixture(scope="module")
def site(tmp_path_factory, postgresql_url, redis_url, networks) -> Iterator[Site]:
    with services.s3() as storage:
        environment = {
            "DRWEB_DATABASE_URL": postgresql_url,
            "DRWEB_BROKER_URL": redis_url,
            "DRWEB_CHANNEL_URL": redis_url,
            "DRWEB_CACHE_URL": redis_url.replace("redis://", "rediscache://"),
            "DRWEB_GPU_MODELS": "manet",
            **networks,
            **storage,
        }
        started = Site(tmp_path_factory.mktemp("site"), environment).prepare()
        yield started
        started.stop()


@pytest.fixture(scope="module")
def webs(site: Site) -> tuple[Web, Web]:
    """Two web processes."""
    return site.web(), site.web()


@pytest.mark.slow
def test_the_main_job_on_two_web_processes_and_two_workers(site: Site, webs: tuple[Web, Web]):
    one, other = webs
    for _worker in range(2):
        site.celery("cpu")
    site.until(lambda: one.get("/readyz").json["checks"]["workers"]["with_network"] == 2)
    images = [webs[number % 2].upload() for number in range(PHOTOGRAPHS)]
    rows = [webs[1 - number % 2].ask(image_id) for number, image_id in enumerate(images)]
    results = [one.until_state(row, "succeeded", "failed") for row in rows]
    assert [result["state"] for result in results] == ["succeeded"] * PHOTOGRAPHS, site.log()
    assert [len(one.get(f"/api/images/{image_id}").json["predictions"]) for image_id in images] == [1] * PHOTOGRAPHS
    assert one.get(f"/api/images/{images[0]}/original").content == fundus_jpeg()
    assert not (site.folder / "data" / "media").exists(), "files are in the bucket"
    edited = other.send("/api/edit_image", mask_png(), "mask.png", image_id=images[0], lesion="MA", base_revision=0)
    assert (edited.status, edited.json["revision"]) == (200, 1)
    words = {"name": "Li Wei", "age": 58, "diagnosis": "See you.", "grade": 2}
    report = one.post("/api/generate_report", image_id=images[0], **words)
    assert report.content.startswith(b"%PDF-")
    assert other.get(report.headers["Content-Location"]).content == report.content


@pytest.mark.slow
def test_each_network_goes_to_the_workers_of_its_queue(site: Site, webs: tuple[Web, Web]):
    web = webs[0]
    site.celery("cpu")
    large, small = web.ask(model="manet"), web.ask(model="unet")
    assert web.until_state(small, "succeeded", "failed")["state"] == "succeeded", site.log()
    assert web.prediction(large)["state"] == "queued"
    site.celery("gpu")
    assert web.until_state(large, "succeeded", "failed")["state"] == "succeeded", site.log()


@pytest.mark.slow
def test_rabbitmq_carries_the_queue_as_redis_does(tmp_path, postgresql_url, rabbitmq_url, networks):
    with psycopg.connect(postgresql_url, autocommit=True) as server:
        server.execute("CREATE DATABASE rabbits")
    environment = {
        "DRWEB_DATABASE_URL": postgresql_url.removesuffix("drweb") + "rabbits",
        "DRWEB_BROKER_URL": rabbitmq_url,
        "DRWEB_GPU_MODELS": "manet",
        **networks,
    }
    site = Site(tmp_path / "site", environment).prepare()
    try:
        web = site.web()
        site.celery("cpu")
        small, large = web.ask(model="unet"), web.ask(model="manet")
        assert web.until_state(small, "succeeded", "failed")["state"] == "succeeded", site.log()
        assert web.prediction(large)["state"] == "queued"
        site.celery("gpu")
        assert web.until_state(large, "succeeded", "failed")["state"] == "succeeded", site.log()
    finally:
        site.stop()


@pytest.mark.slow
def test_the_sample_photograph_is_analysed_by_a_celery_worker(tmp_path, postgresql_url, redis_url, networks):
    """All of it started by `manage.py run`."""
    with psycopg.connect(postgresql_url, autocommit=True) as server:
        server.execute("CREATE DATABASE whole")
    database_url = postgresql_url.removesuffix("drweb") + "whole"
    queue_url = redis_url.removesuffix("/0") + "/1"
    environment = {
        "DRWEB_DATABASE_URL": database_url,
        "DRWEB_BROKER_URL": queue_url,
        "DRWEB_CHANNEL_URL": queue_url,
        "DRWEB_CACHE_URL": queue_url.replace("redis://", "rediscache://"),
        "DRWEB_ENGINE": "openvino-f32",
        **networks,
    }

    def states():
        with psycopg.connect(database_url) as database:
            return [state for (state,) in database.execute("SELECT state FROM cases_prediction")]

    with running_system(tmp_path / "data", **environment) as system:
        assert until(lambda: states() == ["succeeded"]), "".join(system.output)
        assert system.stop() == 0
    assert not (tmp_path / "data" / "db.sqlite3").exists()


async def test_a_socket_may_be_silent_for_long(redis_url):
    """Redis' client ends reads after five seconds unless told otherwise; a quiet study is no error."""
    layer = RedisChannelLayer(**channel_layer_config(redis_url)["CONFIG"])
    channel = await layer.new_channel()
    await layer.group_add("study-1", channel)
    waiting = asyncio.create_task(layer.receive(channel))
    await asyncio.sleep(7)
    assert not waiting.done()
    await layer.group_send("study-1", {"type": "study.changed"})
    assert (await waiting)["type"] == "study.changed"
    await layer.close_pools()
