"""Settings of drweb. Every value an operator may change comes from the environment; see docs/deployment.md."""

from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.contrib.messages import constants as messages
from django.utils.translation import gettext_lazy as _
from pythonjsonlogger.core import RESERVED_ATTRS

from drweb.environment import (
    cache_config,
    channel_layer_config,
    database_config,
    read_or_create_secret,
    storage_config,
)

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# --- Where data lives -------------------------------------------------------------------------------------------------

DRWEB_DATA_DIR = Path(env.str("DRWEB_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
DRWEB_DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)

# --- Security ---------------------------------------------------------------------------------------------------------

DEBUG = env.bool("DRWEB_DEBUG", default=False)
SECRET_KEY = env.str("DRWEB_SECRET_KEY", default="") or read_or_create_secret(DRWEB_DATA_DIR / "secret_key")
ALLOWED_HOSTS = env.list("DRWEB_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("DRWEB_CSRF_TRUSTED_ORIGINS", default=[])

# One switch for everything that only makes sense behind HTTPS: a browser never sends a secure cookie over plain HTTP,
# so turning it on for a first try on localhost would make logging in impossible.
HTTPS = env.bool("DRWEB_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # probes come from inside, past the proxy
SECURE_HSTS_SECONDS = env.int("DRWEB_HSTS_SECONDS", default=365 * 24 * 3600) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
# The proxy that ends TLS must set this header itself and drop the client's.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None

SESSION_COOKIE_AGE = env.int("DRWEB_SESSION_HOURS", default=12) * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
# The results page shows our own PDF in a frame; nobody else may frame a page (W019 asks for DENY).
X_FRAME_OPTIONS = "SAMEORIGIN"
SILENCED_SYSTEM_CHECKS = ["security.W019"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "font-src": [SELF, "data:"],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "frame-src": [SELF, "blob:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [SELF],
    },
}

# --- Applications -----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "auditlog",  # before cases, which shows the history in the admin in its own way
    "drweb",  # commands that need both records and training
    "cases",
    "inference",
    "training",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "storages",
    "csp",
    "axes",
]

MIDDLEWARE = [
    "cases.middleware.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "cases.asking.remember_request",
    "cases.middleware.DatabaseAway",
]

ROOT_URLCONF = "drweb.urls"
ASGI_APPLICATION = "drweb.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
# Bootstrap-like names without Bootstrap: the style sheet knows message--info ... message--error.
MESSAGE_TAGS = {messages.DEBUG: "info", messages.ERROR: "error"}

# --- Database, files, caches, queue, sockets: embedded by default, elsewhere by environment alone ---------------------

DATABASES = {
    "default": database_config(env.db_url("DRWEB_DATABASE_URL", default=f"sqlite:///{DRWEB_DATA_DIR / 'db.sqlite3'}")),
}

STORAGES = {
    "default": storage_config(env.str("DRWEB_STORAGE_URL", default=""), local_folder=DRWEB_DATA_DIR / "media"),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}

CACHES = {"default": cache_config(env.cache_url("DRWEB_CACHE_URL", default="locmemcache://"))}
# Who was recorded as having seen what lately; a small cache would forget soon, and record again.
CACHES["history"] = {
    **CACHES["default"],
    "LOCATION": CACHES["default"].get("LOCATION") or "history",  # memory is divided by this name
    "KEY_PREFIX": "history",
    "max_entries": 100_000,
}

# Empty: the worker started beside the web server takes jobs from the database.
DRWEB_BROKER_URL = CELERY_BROKER_URL = env.str("DRWEB_BROKER_URL", default="")
# Photographs that one worker has at work: while the network runs on one, others are decoded, measured and stored.
DRWEB_WORKER_THREADS = env.int("DRWEB_WORKER_THREADS", default=2)
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
# A job is acknowledged when done and never hoarded, so that a killed worker's image goes to another one.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Networks run in the process that keeps the connection, not in a fork of it: torch hangs after a fork, and a worker
# that is asked to stop must be able to hand back its photograph.
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = DRWEB_WORKER_THREADS
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Nobody uses it, and on RabbitMQ its queue allows no two workers of one name, so none on one machine.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 4
CELERY_TASK_DEFAULT_QUEUE = "cpu"

# Empty: the worker cannot reach the web server's memory, so consumers watch the row instead.
DRWEB_CHANNEL_URL = env.str("DRWEB_CHANNEL_URL", default="")
CHANNEL_LAYERS = {"default": channel_layer_config(DRWEB_CHANNEL_URL)}

# Without the tables of packages whose models we replace: nothing would be in them, and their references to users stand
# in the way of truncating those.
MIGRATION_MODULES = {"auditlog": None, "knox": None}

# --- People -----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "cases.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "cases:home"
LOGOUT_REDIRECT_URL = "cases:home"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# Guessing is stopped for the pair of name and address, so that nobody can lock a colleague out from elsewhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = env.int("DRWEB_LOGIN_FAILURES", default=10)
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "registration/locked_out.html"
AXES_VERBOSE = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- History: who did, saw and took what ------------------------------------------------------------------------------

AUDITLOG_LOGENTRY_MODEL = "cases.HistoryEntry"
# Readings and reports tell what was decided, in versions that never change: the history says who made and signed them,
# and holds no values that a blind colleague might not see yet.
AUDITLOG_INCLUDE_TRACKING_MODELS = (
    "cases.Clinic",
    {"model": "cases.Membership", "include_fields": ["user", "clinic", "role"]},
    {
        "model": "cases.Patient",
        "include_fields": [
            *("clinic", "record_number", "name", "birth_date", "sex"),
            *("diabetes_type", "diabetes_since"),
        ],
    },
    {"model": "cases.ReferralRule", "include_fields": ["clinic", "finding", "referral", "months", "source"]},
    {"model": "cases.ApiToken", "include_fields": ["name", "user", "expiry"]},
    {
        "model": "cases.Image",
        "include_fields": ["study", "filename", "sha256", "laterality", "field", "quality_override"],
    },
    {"model": "cases.MaskRevision", "include_fields": ["image", "lesion", "number", "author"]},
    {"model": "cases.NetworkActivation", "include_fields": ["name", "version", "sha256", "rolled_back"]},
    {"model": "cases.NetworkVersion", "include_fields": ["name", "version", "sha256", "proposed", "retired_at"]},
    {"model": "cases.Prediction", "include_fields": ["image", "model_name", "requested_by"]},
    {"model": "cases.Reading", "include_fields": ["study", "reader", "kind", "state", "version", "reason"]},
    {"model": "cases.Report", "include_fields": ["study", "language", "sha256", "created_by"]},
    {"model": "cases.SecondOpinion", "include_fields": ["study", "share", "author"]},
    {"model": "cases.StudyShare", "include_fields": ["study", "clinic", "purpose", "until", "revoked_at"]},
    {
        "model": "cases.Study",
        "include_fields": ["clinic", "patient", "visit_date", "note", "assigned_to", "reading_mode", "blind"],
    },
    {
        "model": "cases.User",
        "include_fields": ["username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser"],
    },
)

# --- API --------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # The first one names the challenge of a 401; with sessions first an anonymous call would get 403.
        "cases.api.authentication.TokenAuthentication",
        "cases.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    # The views that take files name their own parser.
    "DEFAULT_PARSER_CLASSES": ["cases.api.negotiation.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "cases.api.negotiation.ContentNegotiation",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env.str("DRWEB_THROTTLE_ANON", default="60/min"),
        "user": env.str("DRWEB_THROTTLE_USER", default="1200/min"),
        "login": env.str("DRWEB_THROTTLE_LOGIN", default="10/min"),
    },
    "EXCEPTION_HANDLER": "cases.api.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

KNOX_TOKEN_MODEL = "cases.ApiToken"  # noqa: S105 - names a model
REST_KNOX = {
    "TOKEN_TTL": timedelta(days=env.int("DRWEB_TOKEN_DAYS", default=90)),
    "AUTH_HEADER_PREFIX": "Token",
    "TOKEN_PREFIX": "drweb_",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "drweb API",
    "DESCRIPTION": "Upload fundus photographs, get a diabetic retinopathy grade and lesion masks, correct, report.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["cases.api.schema.one_spelling"],
    "SCHEMA_PATH_PREFIX": "/api",
    "ENUM_NAME_OVERRIDES": {
        "PredictionState": "cases.choices.PredictionState",
        "ReadingState": "cases.choices.ReadingState",
        "MacularOedema": "cases.choices.MacularOedema",
        "Gradability": "cases.choices.Gradability",
        "Referral": "cases.choices.Referral",
        "IcdrGrade": "cases.choices.IcdrGrade",
        "Lesion": "cases.choices.Lesion",
        "Laterality": "cases.choices.Laterality",
        "ImageField": "cases.choices.Field",
    },
}

# --- Uploads ----------------------------------------------------------------------------------------------------------

DRWEB_MAX_UPLOAD_MB = env.int("DRWEB_MAX_UPLOAD_MB", default=50)
# Checked from the header before anything is decoded: what guards against image bombs.
DRWEB_MAX_PIXELS = env.int("DRWEB_MAX_PIXELS", default=120_000_000)
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# --- Analysis ---------------------------------------------------------------------------------------------------------

DRWEB_DEFAULT_MODEL = env.str("DRWEB_DEFAULT_MODEL", default="unet-lite")
# Photographs that may wait at once; more are refused with "try again later" instead of a wait without end.
DRWEB_MAX_QUEUE = env.int("DRWEB_MAX_QUEUE", default=500)
# Seconds that POST /api/choose_model waits for the result before it answers "still queued, ask again".
DRWEB_CHOOSE_MODEL_WAIT = env.int("DRWEB_CHOOSE_MODEL_WAIT", default=120)
# A worker that has not been heard of for so many seconds is taken for dead, and its photograph goes to another one.
DRWEB_LEASE_SECONDS = env.float("DRWEB_LEASE_SECONDS", default=60)
# Until the second attempt after one that failed; four times as long until the third.
DRWEB_RETRY_SECONDS = env.float("DRWEB_RETRY_SECONDS", default=15)
# A stage that takes longer is stuck: the worker gives the photograph back and starts anew. Loading is not counted.
DRWEB_STAGE_SECONDS = env.float("DRWEB_STAGE_SECONDS", default=300)
# A worker that is asked to stop finishes its photograph if it can within so many seconds, or else hands it back.
DRWEB_SHUTDOWN_SECONDS = env.float("DRWEB_SHUTDOWN_SECONDS", default=20)
# Workers step behind everything else on their machine, so that pages answer while networks run.
DRWEB_WORKER_NICE = env.int("DRWEB_WORKER_NICE", default=10)
# Networks whose photographs go to the workers of the queue "gpu".
DRWEB_GPU_MODELS = env.list("DRWEB_GPU_MODELS", default=[])

# --- Operation --------------------------------------------------------------------------------------------------------

# Whoever shows it as a bearer token may read /metrics; without one only programs on this machine may.
DRWEB_METRICS_TOKEN = env.str("DRWEB_METRICS_TOKEN", default="")
# /readyz says "not ready" where a photograph has waited longer.
DRWEB_READY_QUEUE_SECONDS = env.float("DRWEB_READY_QUEUE_SECONDS", default=900)

# --- First start ------------------------------------------------------------------------------------------------------

# The demo clinic is made only in an empty database.
DRWEB_DEMO = env.bool("DRWEB_DEMO", default=True)
DRWEB_DEMO_PASSWORD = env.str("DRWEB_DEMO_PASSWORD", default="")

# --- Languages, time, static files ------------------------------------------------------------------------------------

LANGUAGE_CODE = env.str("DRWEB_LANGUAGE", default="en")
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
TIME_ZONE = env.str("DRWEB_TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DRWEB_DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]

# --- Logs: one line an event on stderr, by ids, never a name, record number or birth date -----------------------------

LOG_LEVEL = env.str("DRWEB_LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"format": "{asctime} {levelname:<7} {name} {ids}{message}", "style": "{"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{asctime}{levelname}{name}{process}{message}",
            # Text alone puts all ids together.
            "reserved_attrs": [*RESERVED_ATTRS, "ids"],
            "style": "{",
        },
    },
    "filters": {
        "ids": {"()": "cases.log_context.AddIds"},
        "without_probes": {"()": "cases.log_context.WithoutProbes"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "filters": ["ids"],
            "formatter": "json" if env.bool("DRWEB_LOG_JSON", default=False) else "text",
        },
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Django's own loggers hand on to the root instead of mailing admins.
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.request": {"filters": ["without_probes"]},
        "django.server": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        # Answered with 400; scanners would fill the log with traces.
        "django.security.DisallowedHost": {"handlers": [], "propagate": False},
    },
}
