from __future__ import annotations

import pytest

from tests.factories import Staff, staffed_clinic


@pytest.fixture
def staff() -> Staff:
    return staffed_clinic()


@pytest.fixture(params=["row", "layer"])
def told(request, settings) -> str:
    """How the consumer learns of changes: it looks at the rows, or the writers tell through the channel layer."""
    settings.DRWEB_CHANNEL_URL = "memory" if request.param == "layer" else ""
    return request.param
