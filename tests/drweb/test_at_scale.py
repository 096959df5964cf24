"""The same code on PostgreSQL, Celery and Redis: nothing differs but the environment."""

import asyncio

import psycopg
import pytest
from channels_redis.core import RedisChannelLayer

from drweb.environment import channel_layer_config
from tests.running_system import running_system, until
from tests.tiny_weights import write_tiny_models


@pytest.mark.slow
def test_the_sample_photograph_is_analysed_by_a_celery_worker(tmp_path, postgresql_url, redis_url):
    environment = {
        "DRWEB_DATABASE_URL": postgresql_url,
        "DRWEB_BROKER_URL": redis_url,
        "DRWEB_CHANNEL_URL": redis_url,
        "DRWEB_CACHE_URL": redis_url.replace("redis://", "rediscache://"),
        "DRWEB_WEIGHTS_DIR": str(write_tiny_models(tmp_path / "weights", ["unet", "unet-lite", "grader"])),
        "DRWEB_ENGINE": "pytorch",
    }

    def states():
        with psycopg.connect(postgresql_url) as database:
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
