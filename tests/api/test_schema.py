"""The OpenAPI schema and its pages."""

from __future__ import annotations

import io
import re

import pytest
import yaml
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

from cases.api.urls import urlpatterns

SHOWN = {pattern.name for pattern in urlpatterns} - {"schema", "docs", "not-found"}
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def schema() -> dict:
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return yaml.safe_load(out.getvalue())


def operations(schema: dict):
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_every_address_is_described(schema: dict):
    assert len(schema["paths"]) == len(SHOWN)
    assert {"/api/upload_image", "/api/choose_model", "/api/edit_image", "/api/generate_report"} < set(schema["paths"])


def test_every_operation_is_in_the_guide(schema: dict):
    guide = (settings.BASE_DIR / "docs" / "api.md").read_text()
    for name, _operation in operations(schema):
        method, path = name.split()
        path = re.sub(r"\{\w+_id\}", "ID", path).replace("{lesion}", "EX")
        path = path.replace("{name}", "NAME").replace("{sha256}", "SHA256")
        assert f"`{method.upper()} {path}`" in guide, name


def test_every_operation_says_what_it_does_and_how_it_fails(schema: dict):
    for name, operation in operations(schema):
        assert operation["summary"], name
        assert operation["description"], name
        failures = {status: answer for status, answer in operation["responses"].items() if status[0] in "45"}
        assert {"401", "429"} <= set(failures), name
        for answer in failures.values():
            assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}, name
        assert {"token": []} in operation["security"], name
        assert {"session": []} in operation["security"], name


def test_files_come_in_as_forms(schema: dict):
    for path in ("/api/upload_image", "/api/edit_image"):
        assert set(schema["paths"][path]["post"]["requestBody"]["content"]) == {"multipart/form-data"}
    assert set(schema["paths"]["/api/generate_report"]["post"]["responses"]["200"]["content"]) == {"application/pdf"}


def test_the_schema_is_open_to_all():
    response = Client().get("/api/schema")
    assert response.status_code == 200
    assert yaml.safe_load(response.content)["info"]["title"] == "drweb API"
    assert Client().get("/api/schema", HTTP_ACCEPT="application/json").status_code == 200


def test_the_docs_need_nothing_from_outside_and_nothing_inline():
    client = Client()
    page = client.get("/api/docs")
    assert page.status_code == 200
    policy = page["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    html = page.content.decode()
    assert "<style" not in html
    assert " style=" not in html
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    sources = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(sources) >= 4
    for source in sources:
        assert source.startswith("/")
        if source.startswith("/static/"):
            assert finders.find(source.removeprefix("/static/")), source
        else:
            script = client.get(source.replace("&amp;", "&"))
            assert script["Content-Type"].startswith("application/javascript")
            assert '"/api/schema"' in script.content.decode()
