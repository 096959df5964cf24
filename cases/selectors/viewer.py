from __future__ import annotations

from typing import TypeAlias

from django.contrib.auth.models import AnonymousUser

from cases.models import User

Viewer: TypeAlias = User | AnonymousUser
