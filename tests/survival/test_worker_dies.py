"""Workers that are killed, hang or run out of memory: nothing lost, nothing twice, nothing left running."""

from __future__ import annotations

import signal

from playwright.sync_api import expect

from cases.services.analysis import STORE
from cases.services.prediction_lease import MAX_ATTEMPTS
from cases.services.watch import EXIT_STATUS
from inference.analysis import STAGES
from tests.started_site import Site, Web, kill
from tests.survival.worker_in_trouble import CLAIMED


def in_trouble(site: Site, folder, stage: str, trouble: str, **environment: str):
    one_at_a_time = {"DRWEB_WORKER_THREADS": "1", **environment}
    return site.start("-m", "tests.survival.worker_in_trouble", stage, trouble, folder, **one_at_a_time)


def check_one_result(web: Web, site: Site, prediction_id: int, attempts: int) -> None:
    """Succeeded, whole, and the only one of its photograph."""
    row = web.until_state(prediction_id, "succeeded", "failed")
    assert (row["state"], row["attempts"]) == ("succeeded", attempts), site.log()
    image = web.get(f"/api/images/{row['image_id']}").json
    assert [each["prediction_id"] for each in image["predictions"]] == [prediction_id]
    masks = [lesion["mask_url"] for lesion in row["result"]["lesions"]]
    assert [web.get(url).status for url in (*masks, row["result"]["images"]["overlay"])] == [200] * 5


def test_killed_in_each_stage(site: Site, web: Web, tmp_path, look):
    stages = (CLAIMED, *STAGES, STORE)
    rows = [web.ask() for _stage in stages]
    doomed = [in_trouble(site, tmp_path, stage, "hangs") for stage in stages]
    site.until(lambda: all((tmp_path / stage).exists() for stage in stages))
    told = {web.prediction(row)["stage"] for row in rows}
    assert told == {"", *STAGES, STORE}
    (followed,) = [row for row in rows if web.prediction(row)["stage"] == "segment"]
    page = look(web, followed)
    expect(page.locator("#progress")).to_contain_text("Being analysed: outlining lesions")
    for process in doomed:
        kill(process)
    site.worker()
    for row in rows:
        check_one_result(web, site, row, attempts=2)
    expect(page.locator("#grade .grade")).to_be_visible()
    expect(page.locator("#progress")).to_be_hidden()


def test_killed_in_every_attempt(site: Site, web: Web, tmp_path, look):
    row = web.ask()
    for attempt in range(MAX_ATTEMPTS):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        doomed = in_trouble(site, folder, "segment", "hangs")
        site.until((folder / "segment").exists)
        kill(doomed)
    site.worker()
    failed = web.until_state(row, "failed")
    assert failed["error"]["code"] == "given_up"
    assert "Try again" in failed["error"]["message"]
    page = look(web, row)
    expect(page.locator("#progress")).to_contain_text("The analysis failed several times.")
    page.get_by_role("button", name="Try again").click()
    site.until(lambda: web.prediction(row)["state"] != "failed")
    check_one_result(web, site, row, attempts=1)
    expect(page.locator("#grade .grade")).to_be_visible()


def test_out_of_memory(site: Site, web: Web, tmp_path):
    """Whether the allocation raises or kills is the library's choice; the photograph is analysed either way."""
    row = web.ask()
    poor = in_trouble(site, tmp_path, "segment", "memory")
    site.until((tmp_path / "segment").exists)
    site.until(lambda: poor.poll() is not None or web.prediction(row)["state"] != "running")
    kill(poor)
    site.worker()
    done = web.until_state(row, "succeeded", "failed")
    assert done["state"] == "succeeded", site.log()
    check_one_result(web, site, row, attempts=done["attempts"])


def test_a_stage_that_hangs(site: Site, web: Web, tmp_path, look):
    row = web.ask()
    stuck = in_trouble(site, tmp_path, "grade", "hangs", DRWEB_STAGE_SECONDS="1")
    assert stuck.wait(timeout=300) == EXIT_STATUS, site.log()
    handed_back = web.prediction(row)
    assert (handed_back["state"], handed_back["attempts"]) == ("queued", 1)
    page = look(web, row)
    expect(page.locator("#progress")).to_contain_text(
        "An earlier attempt was interrupted; it is tried again by itself."
    )
    site.worker()
    check_one_result(web, site, row, attempts=2)
    expect(page.locator("#grade .grade")).to_be_visible()


def test_asked_to_stop_it_hands_back_what_takes_too_long(site: Site, web: Web, tmp_path):
    rows = [web.ask(), web.ask()]
    more = {"DRWEB_SHUTDOWN_SECONDS": "0.5", "DRWEB_WORKER_THREADS": "2"}
    busy = in_trouble(site, tmp_path, "segment", "hangs", **more)
    site.until(lambda: {web.prediction(row)["stage"] for row in rows} == {"segment"})
    kill(busy, signal.SIGTERM)
    handed_back = [web.prediction(row) for row in rows]
    assert [(row["state"], row["attempts"]) for row in handed_back] == [("queued", 0)] * 2
    site.worker()
    for row in rows:
        check_one_result(web, site, row, attempts=1)


def test_asked_to_stop_it_finishes_what_it_can(site: Site, web: Web, tmp_path):
    site.until(lambda: workers_alive(web) == 0)  # those that were killed in other tests are forgotten
    row, next_row = web.ask(), web.ask()
    busy = in_trouble(site, tmp_path, "segment", "waits")
    site.until((tmp_path / "segment").exists)
    busy.send_signal(signal.SIGTERM)
    site.until(lambda: "stops after the running photograph" in site.log())
    (tmp_path / "go").touch()
    assert busy.wait(timeout=300) == 0, site.log()
    check_one_result(web, site, row, attempts=1)
    assert web.prediction(next_row)["state"] == "queued"
    assert workers_alive(web) == 0, "it has said goodbye"
    assert site.worker("--once").wait(timeout=300) == 0, site.log()


def workers_alive(web: Web) -> int:
    return web.get("/readyz").json["checks"]["workers"]["alive"]


def test_ready_only_with_a_loaded_network(site: Site, web: Web):
    assert web.get("/readyz").status == 503
    site.worker()
    site.until(lambda: web.get("/readyz").status == 200)
    assert "unet (openvino-f32)" in web.get("/readyz").json["checks"]["workers"]["networks"]
