"""Versions of the networks in the started system: installed, activated, compared on a study, rolled back."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ANALYSED
from tests.tiny_weights import spec_of, write_tiny_model

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("system")]


def archive(folder: Path, version: str) -> Path:
    """A zip file with another version of unet."""
    write_tiny_model(folder / "unet", spec_of("unet"), seed=7, version=version)
    return Path(shutil.make_archive(str(folder / "unet-version"), "zip", folder / "unet"))


def install(visitor, model: Path) -> None:
    visitor.open("/networks/")
    visitor.page.locator("#model").set_input_files(model)
    visitor.page.get_by_role("button", name="Check and install").click()


def test_a_version_is_installed_activated_compared_and_rolled_back(visitor, retina, tmp_path):
    page = visitor.page
    visitor.log_in("reader").examine(retina, "VERSIONS-1")
    study = page.url
    page.context.clear_cookies()
    visitor.log_in("admin")
    install(visitor, archive(tmp_path, "7"))
    expect(page.get_by_role("status")).to_contain_text("It answers no requests before it is activated.")
    seventh = page.get_by_role("region", name=re.compile(r" 7$"))
    first = page.get_by_role("region", name=re.compile(r"^U-Net 0\.0\.0-test$"))
    expect(seventh).to_contain_text("Installed")

    # compared: the page follows while the second analysis is made
    page.goto(study)
    page.get_by_role("link", name="Compare versions").click()
    chosen = page.locator("#version option", has_text=" 7 ").get_attribute("value")
    page.get_by_label("Compare with").select_option(chosen)
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("This version has not analysed this photograph yet.")).to_be_visible()
    page.get_by_role("button", name="Analyse the photographs with this version").click()
    expect(page.locator("#comparison figcaption")).to_have_text(
        [re.compile(r"unet 0\.0\.0-test"), re.compile("unet 7")], timeout=ANALYSED
    )
    expect(page.locator("#comparison tbody tr")).to_have_count(4)
    page.goto(study)
    expect(page.locator("#network-facts")).to_contain_text("unet · version 0.0.0-test")  # what holds is what held

    visitor.open("/networks/")
    seventh.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("status")).to_contain_text("The next photograph is analysed accordingly.")
    expect(seventh.get_by_role("button", name="Roll back")).to_be_visible()
    expect(first.get_by_role("button", name="Activate")).to_be_visible()
    seventh.get_by_role("button", name="Roll back").click()
    expect(first.get_by_role("button", name="Roll back")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="rolled back")).to_have_count(1)


def test_what_is_no_model_is_refused_in_words(visitor, tmp_path):
    (tmp_path / "model.zip").write_bytes(b"no archive")
    install(visitor.log_in("admin"), tmp_path / "model.zip")
    expect(visitor.page.get_by_role("status")).to_contain_text("no folder, zip or uncompressed tar")


def test_a_reader_compares_the_own_clinics_studies_and_changes_no_version(visitor, in_system):
    elsewhere = in_system(
        "from cases.models import *\n"
        "clinic = Clinic.objects.create(name='Clinic across the river')\n"
        "print(Study.objects.create(clinic=clinic, created_by=User.objects.get(username='admin')).pk)"
    )
    page = visitor.log_in("reader").page
    for path, status in (("/networks/", 403), (f"/studies/{elsewhere}/versions/", 404)):
        answer = page.goto(f"{visitor.system.url}{path}")
        assert answer is not None
        assert answer.status == status
        expect(page.get_by_text("Clinic across the river")).to_have_count(0)
