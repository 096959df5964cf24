"""Turns environment values into Django settings. Nothing here imports Django settings."""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured

_S3_OPTIONS = {"endpoint_url", "region_name", "addressing_style", "location", "querystring_expire"}


def read_or_create_secret(path: Path) -> str:
    """Return the secret kept in ``path``, making it (mode 0600) at the first start.

    Web server and worker may start at the same moment. Each writes a complete private file and tries to link it to
    ``path``; linking fails for all but the first, so every process reads the same, complete secret.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii").strip()


def database_config(config: dict[str, Any]) -> dict[str, Any]:
    """Complete django-environ's database dictionary with what each engine needs to be safe under two processes."""
    options = config.setdefault("OPTIONS", {})
    if config["ENGINE"] == "django.db.backends.sqlite3":
        # Write-ahead log: readers never wait for the writer. IMMEDIATE: a transaction that will write takes the lock
        # at its start and waits its turn, where the default would fail half-way with "database is locked".
        options.setdefault("timeout", 20)
        options.setdefault("transaction_mode", "IMMEDIATE")
        options.setdefault("init_command", "PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON;")
        config.setdefault("CONN_MAX_AGE", 60)  # seconds; opening the file costs as much as a small request
    else:
        config.setdefault("CONN_HEALTH_CHECKS", True)
        options.setdefault("connect_timeout", 5)  # seconds; a host that is gone would keep requests for minutes
    return config


def cache_config(config: dict[str, Any]) -> dict[str, Any]:
    """Let django-environ's cache dictionary name our own Redis cache, which does not fail while Redis is away."""
    if config["BACKEND"] == "django.core.cache.backends.redis.RedisCache":
        return {**config, "BACKEND": "drweb.cache.ForgetfulRedisCache"}
    return config


def channel_layer_config(url: str) -> dict[str, Any]:
    """Return the ``CHANNEL_LAYERS["default"]`` entry for ``DRWEB_CHANNEL_URL``; empty means memory."""
    if not url:
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    # The layer waits for messages in reads without end, which the client by itself would end after five seconds.
    hosts = [{"address": url, "socket_timeout": None}]
    return {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": hosts}}


def storage_config(url: str, *, local_folder: Path) -> dict[str, Any]:
    """Return the ``STORAGES["default"]`` entry for ``DRWEB_STORAGE_URL``.

    An empty ``url`` means a private local folder. ``s3://BUCKET[/PREFIX]?endpoint_url=...&region_name=...`` means an
    S3-compatible service with signed URLs; credentials come from boto3's own chain (``AWS_ACCESS_KEY_ID``, an instance
    role ...), never from the URL, which ends up in process lists and logs.
    """
    if not url:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": local_folder,
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.hostname:
        raise ImproperlyConfigured("DRWEB_STORAGE_URL must look like s3://BUCKET?endpoint_url=https://HOST")
    if parts.username or parts.password:
        raise ImproperlyConfigured("S3 credentials go in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, not in the URL.")
    options: dict[str, Any] = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    if unknown := options.keys() - _S3_OPTIONS:
        raise ImproperlyConfigured(f"DRWEB_STORAGE_URL has unknown options: {', '.join(sorted(unknown))}.")
    if parts.path.strip("/"):
        options.setdefault("location", parts.path.strip("/"))
    options["querystring_expire"] = int(options.get("querystring_expire", 300))
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": parts.hostname,
            "default_acl": None,
            "querystring_auth": True,
            "file_overwrite": False,
            **options,
        },
    }
