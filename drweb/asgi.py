"""ASGI application: HTTP by Django, websockets by channels."""

import gc
import os
import warnings

import django
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.urls import reverse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "drweb.settings")
# Files are opened by synchronous code and read in a thread: right for files of this size, and said at each one.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
django.setup(set_prefix=False)

# These import models, so only after Django is set up.
from cases.routing import websocket_urlpatterns  # noqa: E402
from drweb.body_limit import BodyLimit  # noqa: E402
from drweb.handler import ThreadHandler  # noqa: E402
from inference.installation import MAX_MODEL_MB  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": BodyLimit(
            ThreadHandler(),
            max_mb=settings.DRWEB_MAX_UPLOAD_MB,
            larger=dict.fromkeys((reverse("cases:network_install"), reverse("api:network-versions")), MAX_MODEL_MB),
        ),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)

# What is loaded by now stays: looking through it for garbage takes a fifth of a second, in the middle of some request.
gc.collect()
gc.freeze()
# And looking after every 700 new objects, the default, is several times in each request.
gc.set_threshold(10_000)
