"""What environment values become."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import environ
import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured

from drweb.environment import cache_config, database_config, read_or_create_secret, storage_config


def test_secret_is_private_and_stays(tmp_path):
    path = tmp_path / "data" / "secret_key"
    secret = read_or_create_secret(path)
    assert len(secret) >= 50
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_or_create_secret(path) == secret


def test_processes_that_start_together_share_one_secret(tmp_path):
    path = tmp_path / "secret_key"
    program = (
        "import sys, pathlib; from drweb.environment import read_or_create_secret;"
        "print(read_or_create_secret(pathlib.Path(sys.argv[1])))"
    )

    def start(_):
        return subprocess.run([sys.executable, "-c", program, path], capture_output=True, check=True, text=True).stdout

    with ThreadPoolExecutor(4) as pool:
        secrets = set(pool.map(start, range(8)))
    assert len(secrets) == 1
    assert [child.name for child in tmp_path.iterdir()] == ["secret_key"], "drafts are removed"


def test_sqlite_waits_instead_of_failing():
    options = database_config({"ENGINE": "django.db.backends.sqlite3", "NAME": "x"})["OPTIONS"]
    assert options["timeout"] == 20
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"]


def test_options_given_by_the_operator_win():
    config = database_config({"ENGINE": "django.db.backends.sqlite3", "NAME": "x", "OPTIONS": {"timeout": 60}})
    assert config["OPTIONS"]["timeout"] == 60


def test_local_storage_is_private(tmp_path):
    options = storage_config("", local_folder=tmp_path)["OPTIONS"]
    assert options["file_permissions_mode"] == 0o600
    assert options["directory_permissions_mode"] == 0o700


def test_s3_storage_signs_its_urls(tmp_path):
    config = storage_config(
        "s3://photographs/clinic?endpoint_url=https://s3.example.org&region_name=eu-1", local_folder=tmp_path
    )
    assert config["BACKEND"] == "storages.backends.s3.S3Storage"
    assert config["OPTIONS"] == {
        "bucket_name": "photographs",
        "location": "clinic",
        "endpoint_url": "https://s3.example.org",
        "region_name": "eu-1",
        "querystring_auth": True,
        "querystring_expire": 300,
        "default_acl": None,
        "file_overwrite": False,
    }


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("gs://bucket", "s3://BUCKET"),
        ("s3:///nobucket", "s3://BUCKET"),
        ("s3://key:secret@bucket", "AWS_ACCESS_KEY_ID"),
        ("s3://bucket?endpoint=https://s3.example.org", "endpoint"),
    ],
)
def test_a_wrong_storage_url_is_explained(tmp_path, url, hint):
    with pytest.raises(ImproperlyConfigured, match=hint):
        storage_config(url, local_folder=tmp_path)


def test_a_redis_cache_that_is_away_forgets_and_does_not_fail(settings):
    config = cache_config(environ.Env.cache_url_config("rediscache://127.0.0.1:1/0"))
    settings.CACHES = {**settings.CACHES, "away": config}
    cache = caches["away"]
    cache.set("key", "value")
    assert cache.get("key", "default") == "default"
    assert cache.add("key", "value")
    assert not cache.delete("key")
