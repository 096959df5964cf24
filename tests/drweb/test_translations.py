"""Every text a person sees exists in Chinese, and the catalogues know every text in the code."""

import os
import shutil
import subprocess
import sys

import polib
import pytest
from django.core.management import CommandError, call_command

from tests.running_system import REPOSITORY

ENTRY = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "grade"
msgstr "{translation}"
"""


@pytest.fixture
def catalogue(tmp_path, settings):
    settings.LOCALE_PATHS = [tmp_path]
    path = tmp_path / "zh_Hans" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    return path


def test_catalogues_are_compiled_without_gettext(catalogue):
    catalogue.write_text(ENTRY.format(translation="分级"), encoding="utf-8")
    call_command("compile_translations")
    compiled = polib.mofile(str(catalogue.with_suffix(".mo")))
    assert compiled.find("grade").msgstr == "分级"


def test_a_missing_translation_is_reported(catalogue):
    catalogue.write_text(ENTRY.format(translation=""), encoding="utf-8")
    with pytest.raises(CommandError, match="missing: 'grade'"):
        call_command("compile_translations", "--check")


def test_a_fuzzy_translation_is_reported(catalogue):
    catalogue.write_text(ENTRY.format(translation="等级").replace('msgid "grade"', '#, fuzzy\nmsgid "grade"'), "utf-8")
    with pytest.raises(CommandError, match="fuzzy: 'grade'"):
        call_command("compile_translations", "--check")


@pytest.mark.skipif(not shutil.which("xgettext"), reason="needs gettext to look for texts in the code")
@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_catalogues_know_every_text_in_the_code(tmp_path, domain):
    """Run makemessages on a copy of the sources and compare the texts it finds with the committed catalogue."""
    ignore = shutil.ignore_patterns("weights", "fonts", "vendor", "*.mo", "__pycache__")
    for folder in ("cases", "drweb", "inference", "training", "static", "templates", "locale"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=ignore)
    shutil.copy(REPOSITORY / "manage.py", tmp_path)
    command = [sys.executable, "manage.py", "makemessages", "-l", "zh_Hans", "-d", domain, "--no-obsolete"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "drweb.settings", "DRWEB_DATA_DIR": str(tmp_path / "var")}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    committed = REPOSITORY / "locale" / "zh_Hans" / "LC_MESSAGES" / f"{domain}.po"
    assert committed.exists(), "there are no translations"
    found = {entry.msgid for entry in polib.pofile(str(tmp_path / committed.relative_to(REPOSITORY)))}
    known = {entry.msgid for entry in polib.pofile(str(committed)) if not entry.obsolete}
    assert found <= known, "run: python manage.py makemessages, then translate"
