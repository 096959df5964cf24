"""A web server that is killed in mid-upload."""

from __future__ import annotations

import http.client

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from playwright.sync_api import expect

from tests.factories import fundus_jpeg
from tests.started_site import Site, Web, kill


def stored_files(site: Site) -> list[str]:
    return [path.name for path in (site.folder / "data" / "media").rglob("*") if path.is_file()]


def test_killed_in_mid_upload(site: Site, web: Web, look):
    kept = web.upload()
    row = web.ask(kept)
    page = look(web, row)
    expect(page.locator("#progress")).to_contain_text("Waiting")
    before = sorted(stored_files(site))
    body = encode_multipart(BOUNDARY, {"image": SimpleUploadedFile("eye.jpg", fundus_jpeg())})
    half = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    half.putrequest("POST", "/api/upload_image")
    headers = {"Authorization": f"Token {site.token}", "Content-Type": MULTIPART_CONTENT, "Content-Length": len(body)}
    for name, value in headers.items():
        half.putheader(name, str(value))
    half.endheaders(body[: len(body) // 2])
    kill(web.process)
    again = site.web(web.port)
    assert sorted(stored_files(site)) == before, "nothing half-made is kept"
    assert again.get(f"/api/images/{kept}").status == 200
    assert again.get(f"/api/images/{kept + 1}").status == 404
    sent_again = again.upload()
    assert again.get(f"/api/images/{sent_again}/original").content == fundus_jpeg()
    site.worker()
    again.until_state(again.ask(sent_again), "succeeded")
    again.until_state(row, "succeeded")
    expect(page.locator("#grade .grade")).to_be_visible()  # the page has found the server again
