"""Correcting masks in a real browser: what is drawn arrives on the server at the right place, and nothing gets lost."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from PIL import Image as PillowImage
from playwright.sync_api import Locator, Page, expect

from cases.models import Image, MaskRevision
from cases.services.mask_revision import mask_revision_create
from inference.lesions import LESION_COLOURS
from tests.factories import HEIGHT, PASSWORD, WIDTH, Staff, fundus_rgb, mask_png

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NETWORK_BOX = (100, 100, 110, 108)  # what the factories' network finds, for every lesion


class EditorPage:
    """The editor as a person uses it, in coordinates of the photograph."""

    def __init__(self, page: Page, server: str, image: Image) -> None:
        self.page = page
        self.image = image
        self.url = f"{server}/images/{image.pk}/correct/"

    def open(self) -> EditorPage:
        self.page.goto(self.url)
        self.wait()
        return self

    def reload(self) -> EditorPage:
        self.page.reload()
        self.wait()
        return self

    def wait(self) -> None:
        self.page.wait_for_selector("#editor[aria-busy=false]")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where on the screen the pixel (x, y) of the photograph lies."""
        box = self.page.evaluate(
            "(({x, y, width, height}) => [x, y, width, height])"
            "(document.getElementById('editor-photo').getBoundingClientRect())"
        )
        return box[0] + x / self.image.width * box[2], box[1] + y / self.image.height * box[3]

    def set_size(self, size: int) -> None:
        self.page.locator("[data-range=size]").fill(str(size))

    def stroke(self, *points: tuple[float, float]) -> None:
        mouse = self.page.mouse
        mouse.move(*self.at(*points[0]))
        mouse.down()
        for point in points[1:]:
            mouse.move(*self.at(*point), steps=5)
        mouse.up()

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    def save(self) -> None:
        self.page.get_by_role("button", name="Save", exact=True).click()

    def expect_saved(self) -> None:
        expect(self.page.locator("#editor-status")).to_have_text("All saved")

    def expect_unsaved(self) -> None:
        expect(self.page.locator("#editor-status")).to_contain_text("Not saved")

    @property
    def notices(self) -> Locator:
        return self.page.locator("#editor-notices")

    def colour_at(self, x: float, y: float) -> tuple[int, ...]:
        """RGBA of the masks' canvas over a pixel of the photograph, once it is drawn."""
        left, top = self.at(x, y)
        return tuple(self.page.evaluate(COLOUR_AT, [left, top]))

    def wait_for_drafts(self, number: int) -> None:
        """Until the browser's database holds so many drafts."""
        for _ in range(100):
            if self.page.evaluate(COUNT_DRAFTS) == number:
                return
            self.page.wait_for_timeout(50)
        pytest.fail(f"the browser does not hold {number} drafts")


COLOUR_AT = """([x, y]) => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const canvas = document.getElementById("editor-canvas");
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    const {data} = canvas.getContext("2d").getImageData((x - box.left) * scale, (y - box.top) * scale, 1, 1);
    resolve([...data]);
})))"""

COUNT_DRAFTS = """() => new Promise((resolve) => {
    const opening = indexedDB.open("drweb-editor");
    opening.onsuccess = () => {
        const database = opening.result;
        const counting = database.transaction("drafts").objectStore("drafts").count();
        counting.onsuccess = () => { database.close(); resolve(counting.result); };
    };
})"""


@pytest.fixture
def editor(reader: Page, live_server, staff: Staff) -> EditorPage:
    """The reader's editor of the clinic's photograph."""
    return EditorPage(reader, live_server.url, staff.image).open()


def stored(lesion: str, number: int) -> np.ndarray:
    """The mask that the server holds, bool HxW."""
    revision = MaskRevision.objects.get(lesion=lesion, number=number)
    with revision.mask.open("rb") as file:
        return np.array(PillowImage.open(io.BytesIO(file.read())).convert("L")) > 0


def network_mask() -> np.ndarray:
    left, top, right, bottom = NETWORK_BOX
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


def distance_to_segment(a: tuple[float, float], b: tuple[float, float], shape=(HEIGHT, WIDTH)) -> np.ndarray:
    """Of every pixel's centre, in px."""
    ys, xs = np.mgrid[: shape[0], : shape[1]] + 0.5
    along = np.array(b, float) - a
    t = np.clip(((xs - a[0]) * along[0] + (ys - a[1]) * along[1]) / max(along @ along, 1e-9), 0, 1)
    return np.hypot(xs - a[0] - t * along[0], ys - a[1] - t * along[1])


def assert_capsule(mask: np.ndarray, a: tuple[float, float], b: tuple[float, float], size: float) -> None:
    """`mask` is the stroke of a brush of `size` px from a to b, give or take a pixel (the mouse knows whole ones)."""
    distance = distance_to_segment(a, b, mask.shape)
    assert mask[distance < size / 2 - 1.5].all()
    assert not mask[distance > size / 2 + 1.5].any()


def test_a_stroke_becomes_a_revision_at_its_place(editor, staff):
    editor.press("3")
    editor.set_size(20)
    editor.stroke((60, 60), (200, 90))
    editor.expect_unsaved()
    assert not MaskRevision.objects.exists()
    editor.save()
    editor.expect_saved()

    revision = MaskRevision.objects.get()
    assert (revision.lesion, revision.number, revision.author) == ("HE", 1, staff.reader)
    mask = stored("HE", 1)
    assert (mask & network_mask()).sum() == network_mask().sum()  # what the network found is still there
    assert_capsule(mask & ~network_mask(), (60, 60), (200, 90), 20)

    editor.reload()
    editor.press("3")
    first = editor.page.locator("#editor-revisions li", has_text="Revision 1")
    expect(first).to_contain_text(staff.reader.display_name())
    expect(first).to_contain_text(f"{mask.sum():,} px")
    expect(editor.page.locator("#editor-status")).to_have_text("")


def test_a_stroke_lands_at_its_place_when_zoomed_and_panned(editor):
    x, y = editor.at(220, 120)
    editor.page.mouse.move(x, y)
    for _ in range(4):
        editor.page.mouse.wheel(0, -300)
    editor.page.keyboard.down("Space")
    editor.page.mouse.down()
    editor.page.mouse.move(x - 90, y - 60, steps=3)
    editor.page.mouse.up()
    editor.page.keyboard.up("Space")
    assert editor.at(220, 120) != (x, y)
    editor.set_size(9)
    editor.stroke((212, 118), (228, 124))
    editor.save()
    editor.expect_saved()
    assert_capsule(stored("EX", 1) & ~network_mask(), (212, 118), (228, 124), 9)


def near(colour: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    return all(abs(one - other) <= 4 for one, other in zip(colour, expected, strict=True))


def test_what_is_drawn_is_seen_in_the_lesions_colour(editor):
    opaque = (*LESION_COLOURS["HE"], 153)  # 60 %
    nothing = (0, 0, 0, 0)
    editor.press("3")
    editor.set_size(20)
    editor.stroke((60, 60), (200, 60))
    assert near(editor.colour_at(130, 60), opaque)
    assert editor.colour_at(130, 80) == nothing
    editor.press("v")
    assert editor.colour_at(130, 60) == nothing
    editor.press("v")
    editor.page.get_by_label("Show Haemorrhages").uncheck()
    assert editor.colour_at(130, 60) == nothing
    editor.page.get_by_label("Show Haemorrhages").check()
    editor.page.locator("[data-range=opacity]").fill("100")
    assert near(editor.colour_at(130, 60), (*LESION_COLOURS["HE"], 255))
    editor.press("Control+z")
    assert editor.colour_at(130, 60) == nothing

    editor.press("Control+Shift+z")
    editor.press("e")
    editor.stroke((100, 104), (104, 104))  # part of what the network found
    editor.press("c")
    expect(editor.page.locator("#editor-comparison")).to_be_visible()
    blue, yellow, white = (0, 114, 255, 255), (255, 214, 0, 255), (255, 255, 255, 255)
    assert near(editor.colour_at(130, 60), blue)
    assert near(editor.colour_at(102, 104), yellow)
    editor.press("Control+z")
    assert near(editor.colour_at(102, 104), white)


def test_undo_and_redo_go_stroke_by_stroke(editor):
    editor.set_size(10)
    editor.stroke((40, 40), (60, 40), (60, 60))
    editor.stroke((150, 150), (180, 150))
    editor.press("Control+z")
    editor.press("Control+z")
    expect(editor.page.locator("#editor-status")).to_have_text("")  # nothing to save
    expect(editor.page.get_by_role("button", name="Undo")).to_be_disabled()
    editor.press("Control+Shift+z")
    editor.press("Control+s")
    editor.expect_saved()
    added = stored("EX", 1) & ~network_mask()
    assert added[40, 50]
    assert not added[140:160, 140:190].any()


def test_the_eraser_is_hard(editor):
    editor.press("e")
    editor.set_size(40)
    editor.stroke((105, 104), (106, 104))
    editor.save()
    editor.expect_saved()
    assert not stored("EX", 1).any()


def test_start_from_the_network_again_and_compare(editor):
    editor.set_size(20)
    editor.stroke((60, 60), (100, 60))
    editor.save()
    editor.expect_saved()
    page = editor.page
    page.get_by_label("Compare with").select_option("0")
    added = (stored("EX", 1) & ~network_mask()).sum()
    expect(page.locator("[data-compared=added]")).to_have_text(f"{added:,} px")
    expect(page.locator("[data-compared=removed]")).to_have_text("0 px")
    expect(page.locator("[data-compared=unchanged]")).to_have_text("80 px")
    dice = 2 * 80 / (80 + 80 + added)
    expect(page.locator("[data-compared=dice]")).to_have_text(f"{dice:.3f}")
    network = page.locator("#editor-revisions li", has_text="Network’s mask")
    network.get_by_role("button", name="Show").click()
    expect(page.locator("[data-compared=dice]")).to_have_text("1.000")
    network.get_by_role("button", name="Start from this").click()
    editor.expect_unsaved()
    editor.save()
    editor.expect_saved()
    assert (stored("EX", 2) == network_mask()).all()
    assert stored("EX", 1).sum() == 80 + added  # history stays


def somebody_else_saves(staff: Staff) -> None:
    staff.senior.first_name, staff.senior.last_name = "Wei", "Zhang"
    staff.senior.save()
    mask_revision_create(
        user=staff.senior, image=staff.image, lesion="EX", content=mask_png((20, 20, 40, 40)), base_revision=0
    )


@pytest.mark.parametrize("choice", ["Save mine as the newest", "Discard mine", "Compare first"])
def test_two_readers_do_not_overwrite_each_other(editor, staff, choice):
    editor.set_size(20)
    editor.stroke((200, 60), (220, 60))
    somebody_else_saves(staff)
    editor.save()
    dialog = editor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Wei Zhang saved revision 1 of Hard exudates")
    assert MaskRevision.objects.count() == 1
    dialog.get_by_role("button", name=choice).click()
    if choice == "Save mine as the newest":
        editor.expect_saved()
        assert stored("EX", 2)[60, 210]
        assert MaskRevision.objects.get(number=2).author == staff.reader
    elif choice == "Discard mine":
        expect(editor.page.locator("#editor-status")).to_have_text("")
        assert MaskRevision.objects.count() == 1
    else:
        expect(editor.page.locator("[data-compared=removed]")).to_have_text("400 px")
        editor.expect_unsaved()
        editor.notices.get_by_role("button", name="Decide").click()
        editor.page.get_by_role("dialog").get_by_role("button", name="Save mine as the newest").click()
        editor.expect_saved()
    assert stored("EX", 1).sum() == 400  # the other's revision is as it was


def test_an_expired_session_costs_nothing(editor, staff):
    editor.set_size(20)
    editor.stroke((60, 60), (100, 60))
    Session.objects.all().delete()
    editor.save()
    dialog = editor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Your session has ended")
    assert not MaskRevision.objects.exists()
    dialog.get_by_label("Password").fill("not the password")
    dialog.get_by_role("button", name="Log in and save").click()
    expect(dialog).to_contain_text("The password is not right")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Log in and save").click()
    editor.expect_saved()
    assert MaskRevision.objects.get().author == staff.reader
    assert stored("EX", 1)[60, 80]


def test_work_is_never_filed_under_another_name(editor, log_in, staff):
    editor.set_size(20)
    editor.stroke((60, 60), (100, 60))
    log_in(staff.senior)  # in another tab of the same computer
    editor.save()
    expect(editor.notices).to_contain_text(f"{staff.senior.display_name()} is logged in now")
    editor.expect_unsaved()
    assert not MaskRevision.objects.exists()


def test_a_draft_outlives_the_page(editor):
    asked = []
    editor.page.on("dialog", lambda dialog: asked.append(dialog.type))
    editor.reload()
    assert asked == []
    editor.press("4")
    editor.set_size(20)
    editor.stroke((60, 60), (100, 60))
    editor.wait_for_drafts(1)
    editor.reload()
    assert asked == ["beforeunload"]
    expect(editor.notices).to_contain_text("Microaneurysms: changes of")
    editor.expect_unsaved()
    editor.save()
    editor.expect_saved()
    assert_capsule(stored("MA", 1) & ~network_mask(), (60, 60), (100, 60), 20)
    editor.wait_for_drafts(0)  # gone only now that the server has the work
    editor.reload()
    expect(editor.notices).to_be_empty()


def test_a_draft_can_be_discarded(editor):
    editor.stroke((60, 60), (100, 60))
    editor.wait_for_drafts(1)
    editor.reload()
    editor.notices.get_by_role("button", name="Discard them").click()
    expect(editor.page.locator("#editor-status")).to_have_text("")
    editor.wait_for_drafts(0)
    editor.reload()
    expect(editor.notices).to_be_empty()
    assert not MaskRevision.objects.exists()


def test_a_draft_is_nobody_elses(editor, log_in, staff):
    editor.stroke((60, 60), (100, 60))
    editor.wait_for_drafts(1)
    log_in(staff.senior)
    editor.reload()
    expect(editor.notices).to_be_empty()


def test_without_a_network_the_work_stays_and_can_be_saved_later(editor):
    editor.stroke((60, 60), (100, 60))
    editor.page.context.set_offline(True)
    editor.save()
    expect(editor.notices).to_contain_text("The server cannot be reached")
    editor.expect_unsaved()
    editor.page.context.set_offline(False)
    editor.notices.get_by_role("button", name="Try again").click()
    editor.expect_saved()
    assert MaskRevision.objects.count() == 1


def test_two_fingers_move_and_zoom_and_do_not_draw(editor):
    session = editor.page.context.new_cdp_session(editor.page)
    x, y = editor.at(160, 120)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": px, "y": py, "id": number} for number, (px, py) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    before = editor.page.locator("[data-value=zoom]").inner_text()
    touch("touchStart", (x - 30, y))
    touch("touchStart", (x - 30, y), (x + 30, y))
    for spread in (40, 60, 90):
        touch("touchMove", (x - spread, y), (x + spread, y))
    touch("touchEnd")
    assert int(editor.page.locator("[data-value=zoom]").inner_text().split()[0]) > int(before.split()[0])
    expect(editor.page.locator("#editor-status")).to_have_text("")

    touch("touchStart", (x, y))
    touch("touchMove", (x + 20, y + 5))
    touch("touchEnd")
    editor.expect_unsaved()  # one finger draws


def test_whoever_may_not_correct_only_looks(log_in, live_server, staff):
    page = log_in(staff.technician)
    editor = EditorPage(page, live_server.url, staff.image).open()
    expect(page.get_by_text("may look at masks and revisions, but not change them")).to_be_visible()
    expect(page.locator("[data-tool], [data-action=save]")).to_have_count(0)
    before = editor.at(0, 0)
    editor.stroke((60, 60), (100, 60))  # moves the photograph
    assert editor.at(0, 0) != before
    page.get_by_label("Compare with").select_option("0")
    expect(page.locator("[data-compared=dice]")).to_have_text("1.000")


CHINESE = re.compile(r"[\u4e00-\u9fff]")
COMPILED = [path.with_suffix(".mo").exists() for path in Path(settings.LOCALE_PATHS[0]).rglob("*.po")]


@pytest.mark.skipif(not COMPILED or not all(COMPILED), reason="run manage.py compile_translations first")
def test_the_page_is_chinese_for_who_reads_chinese(editor, live_server):
    editor.page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": live_server.url}])
    editor.reload()
    editor.stroke((60, 60), (100, 60))
    page = editor.page
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    # From the templates, from the database's choices, and what the scripts say.
    for place in ("h1", "#editor-lesions label", "#editor-status", "#editor-revisions li", "[data-tool=brush]"):
        expect(page.locator(place).first).to_have_text(CHINESE)


def large_jpeg(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(fundus_rgb()).resize((width, height)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.usefixtures("reader")
def test_a_large_photograph_is_drawn_on_without_delay(page, live_server, staff, capsys):
    """Figures are printed, not asserted: they depend on the machine."""
    width, height = 4288, 2848
    image, prediction = staff.image, staff.prediction
    image.original.save(".jpg", ContentFile(large_jpeg(width, height)), save=False)
    image.width, image.height = width, height
    image.field_of_view = {"box": [834, 114, 3454, 2734], "centre": [2144.0, 1424.0], "radius": 1310.0}
    image.save()
    for result in prediction.lesions.all():
        result.mask.save(".png", ContentFile(mask_png((1000, 1000, 1300, 1200), (width, height))))

    page.add_init_script(path=None, script=MEASURE)
    editor = EditorPage(page, live_server.url, image).open()
    editor.set_size(60)
    page.wait_for_timeout(500)
    page.evaluate("forget()")  # what loading the page took
    points = [(2144 + 900 * np.cos(t), 1424 + 900 * np.sin(t)) for t in np.linspace(0, 6.28, 60)]
    editor.stroke(*points)
    page.wait_for_timeout(300)
    figures = page.evaluate("measured()")
    page.evaluate("forget()")
    page.mouse.wheel(0, -600)
    page.keyboard.press("h")
    editor.stroke((2144, 1424), (1600, 1200), (2500, 1500))
    page.wait_for_timeout(300)
    figures |= {f"zoom and pan, {key}": value for key, value in page.evaluate("measured()").items() if "frame" in key}
    page.evaluate("performance.mark('save')")
    editor.save()
    editor.expect_saved()
    figures["encode + save"] = page.evaluate("performance.now() - performance.getEntriesByName('save')[0].startTime")
    mask = stored("EX", 1)
    assert mask.shape == (height, width)
    for x, y in points:
        assert mask[int(y), int(x)]
    with capsys.disabled():
        print(f"\n{width}x{height}, brush 60 px, ms:", {key: round(value, 2) for key, value in figures.items()})


MEASURE = """
(() => {
    const events = [], frames = [];
    let began = 0;
    addEventListener("pointermove", () => { began = performance.now(); }, { capture: true });
    addEventListener("pointermove", () => events.push(performance.now() - began));
    const request = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (callback) => request((time) => {
        const start = performance.now();
        callback(time);
        frames.push(performance.now() - start);
    });
    const of = (values, share) => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)];
    window.forget = () => { events.length = frames.length = 0; };
    window.measured = () => ({
        events: events.length,
        "event p50": of(events, 0.5), "event p95": of(events, 0.95), "event max": of(events, 1),
        "frame p50": of(frames, 0.5), "frame p95": of(frames, 0.95), "frame max": of(frames, 1),
        "heap MB": performance.memory ? performance.memory.usedJSHeapSize / 1e6 : 0,
    });
})();
"""
