"""Every string is in the catalogues, translated, and fit to be formatted."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import gettext, override

REPOSITORY = Path(__file__).resolve().parents[2]
CATALOGUES = Path("locale/zh_Hans/LC_MESSAGES")
SOURCES = ("cases", "drweb", "inference", "training", "templates", "static/js", "locale", "scripts")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}")

domains = pytest.mark.parametrize("domain", ["django", "djangojs"])


def catalogue(folder: Path, domain: str) -> polib.POFile:
    return polib.pofile(str(folder / CATALOGUES / f"{domain}.po"))


@domains
def test_nothing_is_untranslated_or_doubtful(domain):
    entries = catalogue(REPOSITORY, domain)
    assert [entry.msgid for entry in entries if not entry.translated() or entry.fuzzy or entry.obsolete] == []


@domains
def test_translations_have_the_placeholders_of_their_source(domain):
    for entry in catalogue(REPOSITORY, domain):
        translations = entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]
        for translation in translations:
            wanted = set(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
            assert set(PLACEHOLDER.findall(translation)) == wanted, entry.msgid


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources in which the catalogues have just been brought up to date."""
    if shutil.which("xgettext") is None:
        pytest.skip("needs GNU gettext (apt install gettext)")
    folder = tmp_path_factory.mktemp("sources")
    for source in SOURCES:
        shutil.copytree(
            REPOSITORY / source, folder / source, ignore=shutil.ignore_patterns("*.pyc", "*.safetensors", "*.mo")
        )
    environment = {"PYTHON": sys.executable, "PATH": os.environ["PATH"]}
    subprocess.run(["sh", "scripts/make_messages.sh"], cwd=folder, env=environment, check=True)
    return folder


@domains
def test_catalogues_hold_exactly_the_strings_of_the_sources(fresh, domain):
    def strings(folder: Path) -> set[str]:
        return {entry.msgid for entry in catalogue(folder, domain) if not entry.obsolete}

    found, kept = strings(fresh), strings(REPOSITORY)
    hint = "run scripts/make_messages.sh and translate"
    assert (sorted(found - kept), sorted(kept - found)) == ([], []), hint


@pytest.mark.django_db
def test_pages_scripts_and_errors_speak_chinese():
    with override("zh-hans"):
        assert gettext("Soft exudates") == "软性渗出（棉绒斑）"
    client = Client(headers={"accept-language": "zh-hans"})
    assert "工作流程" in client.get(reverse("cases:home")).content.decode()
    assert json.dumps("勾画病变") in client.get(reverse("javascript-catalog")).content.decode()
    assert "没有您可以查看的内容" in client.get("/api/nothing").content.decode()
