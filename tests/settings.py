"""Settings of the test run: the product's own, in a data directory that goes away, with what only slows tests off."""

import atexit
import os
import shutil
import tempfile

_data_dir = tempfile.mkdtemp(prefix="drweb-tests-")
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("DRWEB_") and name != "DRWEB_SHARED_DATA"]:
    if _name not in {"DRWEB_DATABASE_URL", "DRWEB_CHANNEL_URL", "DRWEB_BROKER_URL"}:
        del os.environ[_name]
os.environ["DRWEB_DATA_DIR"] = _data_dir
os.environ["DRWEB_LOG_LEVEL"] = "WARNING"
# The tiny networks of most tests are the three that a user chooses from.
os.environ["DRWEB_DEFAULT_MODEL"] = "unet"

from drweb.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# The manifest needs a collectstatic first; tests/drweb covers that storage by itself.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
# Throttles are tested with rates of their own.
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = dict.fromkeys(REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"])  # noqa: F405
# Logins of factories are no guesses.
AXES_ENABLED = False
DRWEB_RETRY_SECONDS = 0
# Threads of one process (a live server, a heartbeat) cannot share a database in memory.
DATABASES["default"].setdefault("TEST", {})  # noqa: F405
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    DATABASES["default"]["TEST"]["NAME"] = os.path.join(_data_dir, "test.sqlite3")  # noqa: F405, PTH118
