"""What people of a clinic do on the pages, with the whole system behind them: web server, sockets, worker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ANALYSED
from tests.running_system import until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("system")]


def painted(page: Page, lesion: str) -> int:
    """How many pixels of a lesion's layer are tinted; 0 where the layer is hidden."""
    return page.evaluate(
        """(lesion) => {
            const layer = document.querySelector(`canvas[data-lesion=${lesion}]`);
            if (layer.hidden || layer.width === 0) { return 0; }
            const {data} = layer.getContext("2d").getImageData(0, 0, layer.width, layer.height);
            return data.filter((value, index) => index % 4 === 3 && value > 127).length;
        }""",
        lesion,
    )


def test_from_login_to_report(visitor, retina):
    page = visitor.log_in("reader").page
    expect(page.get_by_role("heading", name="Work-list")).to_be_visible()
    visitor.examine(retina, "FLOW-1")

    # grade with its five probabilities, lesions with their measures, who made them
    expect(page.locator(".probability")).to_have_count(5)
    expect(page.locator("#rule-grade .grade")).to_be_visible()  # without loading the page again
    shares = page.locator(".probability__value").all_inner_texts()
    assert abs(sum(float(share.rstrip(" %")) for share in shares) - 100) < 0.5
    assert page.locator("#grade .grade").get_attribute("data-grade") in "01234"
    expect(page.locator("#lesion-rows tr")).to_have_count(4)
    for cell in page.locator("#lesion-rows td").all_inner_texts():
        assert re.fullmatch(r"[\d,.]+", cell), cell
    expect(page.get_by_text("the disc itself is not measured")).to_be_visible()
    expect(page.locator("#network-facts")).to_contain_text("unet · version 0.0.0-test · pytorch")
    expect(page.locator("#network-facts")).to_contain_text("grader")

    # layers: shown, hidden, faded
    assert until(lambda: painted(page, "EX") > 0 and painted(page, "HE") > 0, seconds=30)  # masks come after grades
    page.locator("#layer-EX").uncheck()
    assert painted(page, "EX") == 0
    assert painted(page, "HE") > 0
    page.locator("#layer-EX").check()
    page.locator("tr[data-lesion=EX] .opacity").fill("20")
    assert page.locator("canvas[data-lesion=EX]").evaluate("(layer) => layer.style.opacity") == "0.2"
    page.get_by_role("button", name="Lesions", exact=True).click()
    assert painted(page, "HE") == 0
    page.get_by_role("button", name="Lesions", exact=True).click()

    # diagnosis: saves itself
    page.get_by_label("Grade, right eye (OD)").select_option("2")
    page.get_by_label("Diagnosis text").fill("Moderate NPDR, right eye. 建议转诊。")
    expect(page.locator("#reading-state")).to_contain_text("Saved at", timeout=10_000)
    page.reload()
    expect(page.get_by_label("Diagnosis text")).to_have_value("Moderate NPDR, right eye. 建议转诊。")

    # report: name, age and grade are proposed
    expect(page.locator("#report-name")).to_have_value("王秀英")
    expect(page.locator("#report-grade")).to_have_value("2")
    page.locator("#report-language").select_option("zh-hans")
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name="Make PDF").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")
    assert download.value.suggested_filename.endswith(".pdf")
    expect(page.locator("#reports li")).to_have_count(1)
    expect(page.locator("#reports li")).to_contain_text("简体中文")

    # and it is in the work-list
    visitor.open("/?q=FLOW-1")
    row = page.get_by_role("row").filter(has_text="FLOW-1")
    expect(row).to_contain_text("Analysed")
    expect(row).to_contain_text("王秀英")


def test_another_network_and_back(visitor, retina):
    page = visitor.log_in("reader").page
    visitor.examine(retina, "NET-1")
    page.locator("#analyse-network").select_option("manet")
    page.get_by_role("button", name="Analyse", exact=True).click()
    expect(page.locator("#network-facts")).to_contain_text("manet · version", timeout=ANALYSED)
    results = page.locator("#prediction option")
    expect(results).to_have_count(2)
    page.locator("#prediction").select_option(index=1)
    expect(page.locator("#network-facts")).to_contain_text("unet · version")
    page.get_by_role("button", name="Analyse", exact=True).click()
    expect(page.locator("#analyse-note")).to_contain_text("already")


def test_bad_files_say_what_is_wrong_and_good_ones_go_on(visitor, retina, tmp_path):
    page = visitor.log_in("technician").page
    visitor.open("/diagnosis/")
    visitor.start_examination("BAD-1", "Ann Smith")
    (tmp_path / "letter.jpg").write_text("This is no photograph.")
    (tmp_path / "nothing.png").write_bytes(b"")
    (tmp_path / "cut.jpg").write_bytes(retina.read_bytes()[:20_000])
    page.locator("#files").set_input_files(
        [tmp_path / "letter.jpg", tmp_path / "nothing.png", tmp_path / "cut.jpg", retina]
    )
    rows = page.locator(".upload")
    expect(rows).to_have_count(4)
    expect(rows.nth(1)).to_contain_text("The file is empty.")

    page.get_by_role("button", name="Upload and analyse").click()
    expect(rows.nth(3)).to_have_attribute("data-state", "done", timeout=30_000)
    expect(rows.nth(0)).to_contain_text("not an image")
    expect(rows.nth(2)).to_contain_text("damaged or cut short")
    expect(page.locator("#problem")).to_contain_text("3 photographs were not uploaded")
    expect(page.locator("#visit-fixed-text")).to_contain_text("Ann Smith")

    for _ in range(3):
        page.get_by_role("button", name=re.compile("^Remove: (letter|nothing|cut)")).first.click()
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Go on with those uploaded").click()
    page.wait_for_url(re.compile(r"/studies/\d+/$"))
    expect(page.locator(".thumbnail")).to_have_count(1)


def test_faults_in_the_form_keep_what_was_typed(visitor, retina):
    page = visitor.log_in("technician").page
    visitor.open("/diagnosis/")
    page.locator("#files").set_input_files(retina)
    visitor.start_examination("DEMO-1", "Bo Li")  # the sample patient has this record number
    page.get_by_role("button", name="Upload and analyse").click()
    field = page.locator(".field--invalid")
    expect(field).to_contain_text("Another patient of this clinic has this record number.")
    expect(page.locator("#id_new-name")).to_have_value("Bo Li")
    expect(page.locator(".upload")).to_have_count(1)
    page.locator("#id_new-record_number").fill("KEEP-1")
    page.get_by_role("button", name="Upload and analyse").click()
    page.wait_for_url(re.compile(r"/studies/\d+/$"))


def test_known_patient_is_found_by_typing(visitor, retina):
    page = visitor.log_in("technician").page
    visitor.open("/diagnosis/")
    page.get_by_label("Record number or name").fill("demo-")
    expect(page.locator(".patient-option")).to_have_count(1)
    page.get_by_label("Record number or name").fill("nobody at all")
    expect(page.locator("#patient-count")).to_contain_text("No patient found")
    page.get_by_role("button", name="Upload and analyse").click()
    expect(page.locator("#problem")).to_contain_text("Choose at least one photograph")
    page.locator("#files").set_input_files(retina)
    page.get_by_role("button", name="Upload and analyse").click()
    expect(page.locator("#known-patient")).to_contain_text("Choose a patient from the list")


def test_page_without_sockets_finishes_by_polling(visitor, retina):
    visitor.page.add_init_script("delete window.WebSocket")
    visitor.log_in("reader")
    visitor.examine(retina, "POLL-1")


def test_sockets_bring_results_without_polling(visitor, retina):
    page = visitor.log_in("reader").page
    with page.expect_websocket(lambda socket: re.search(r"/ws/studies/\d+/$", socket.url)):
        visitor.examine(retina, "SOCKET-1")


def test_diagnosis_survives_an_ended_session(visitor, retina):
    page = visitor.log_in("reader").page
    visitor.examine(retina, "SESSION-1")
    page.context.clear_cookies(name="sessionid")
    page.get_by_label("Diagnosis text").fill("Written while logged out.")
    banner = page.locator("#session-banner")
    expect(banner).to_contain_text("You are logged out", timeout=10_000)
    expect(page.locator("#reading-state")).to_contain_text("kept in this browser")

    with page.expect_popup() as opened:
        banner.get_by_role("link").click()
    visitor.fill_login(opened.value, "reader")
    opened.value.wait_for_url(f"{visitor.system.url}/")
    opened.value.close()
    page.evaluate("window.dispatchEvent(new Event('focus'))")  # the person comes back to this tab
    expect(page.locator("#reading-state")).to_contain_text("Saved at", timeout=10_000)
    expect(banner).to_be_hidden()
    page.reload()
    expect(page.get_by_label("Diagnosis text")).to_have_value("Written while logged out.")


def test_unsaved_text_comes_back_after_a_crash(visitor, retina):
    page = visitor.log_in("reader").page
    visitor.examine(retina, "CRASH-1")
    address = page.url
    page.route("**/reading", lambda route: route.abort())
    page.get_by_label("Diagnosis text").fill("Typed, never saved.")
    expect(page.locator("#reading-state")).to_contain_text("Not saved")
    page.goto("about:blank")
    page.unroute("**/reading")
    page.goto(address)
    expect(page.get_by_label("Diagnosis text")).to_have_value("Typed, never saved.")
    expect(page.locator("#reading-state")).to_contain_text("Saved at", timeout=10_000)


def test_language_switch_stays(visitor):
    page = visitor.log_in("senior").page
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    visitor.open("/patients/")
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    page.context.clear_cookies()
    visitor.open("/accounts/login/")
    page.locator("[name=username]").fill("senior")
    page.locator("[name=password]").fill(visitor.system.password)
    page.locator("main [type=submit]").click()
    page.wait_for_url(f"{visitor.system.url}/")
    visitor.open("/patients/")
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")  # remembered for the person
    page.get_by_role("button", name="en", exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_other_clinics_study_is_a_404_page(visitor, in_system):
    study = in_system(
        "from cases.models import *\n"
        "clinic = Clinic.objects.create(name='Other clinic')\n"
        "print(Study.objects.create(clinic=clinic, created_by=User.objects.get(username='admin')).pk)"
    )
    page = visitor.log_in("reader").page
    answer = page.goto(f"{visitor.system.url}/studies/{study}/")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


def test_technician_sees_results_and_writes_no_diagnosis(visitor, retina):
    page = visitor.log_in("technician").page
    visitor.examine(retina, "ROLE-1")
    expect(page.locator("#reading")).to_have_count(0)
    expect(page.locator("#report")).to_have_count(0)
    expect(page.get_by_role("link", name="Correct masks")).to_be_hidden()
    expect(page.get_by_text("Your role does not write diagnoses")).to_be_visible()
    # but says which eye it is
    page.locator("#laterality").select_option("OS")
    expect(page.locator("#eye-note")).to_have_text("Saved.")
    expect(page.locator(".thumbnail")).to_contain_text("OS")


def test_everything_by_keyboard(visitor, retina):
    page = visitor.page
    # Playwright starts to catch file choosers with the first listener, and does not wait until it does.
    page.on("filechooser", lambda chooser: None)
    visitor.open("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    visitor.open("/accounts/login/")
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type("reader")
    page.keyboard.press("Tab")
    page.keyboard.type(visitor.system.password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{visitor.system.url}/")

    visitor.open("/diagnosis/")
    expect(page.get_by_role("button", name="Upload and analyse")).to_be_enabled()
    page.get_by_label("Record number or name").focus()
    page.keyboard.type("DEMO-1")
    page.keyboard.press("Enter")
    expect(page.locator(".patient-option")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator(".patient-option input")).to_be_checked()
    page.locator("#files").focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(retina)
    expect(page.locator(".upload")).to_have_count(1)
    page.get_by_role("button", name="Upload and analyse").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/studies/\d+/$"))
    expect(page.locator("#grade .grade")).to_be_visible(timeout=ANALYSED)

    level = page.locator("#zoom-level")
    fitted = level.inner_text()
    page.locator("#viewport").focus()
    page.keyboard.press("+")
    expect(level).not_to_have_text(fitted)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("0")
    expect(level).to_have_text(fitted)
    page.keyboard.press("h")
    expect(page.get_by_role("button", name="Lesions", exact=True)).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("path", ["/", "/diagnosis/", "/patients/", "/patients/new/", "/results/"])
def test_pages_fit_a_phone(visitor, path):
    visitor.page.set_viewport_size({"width": 360, "height": 740})
    visitor.log_in("reader").open(path)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 360
