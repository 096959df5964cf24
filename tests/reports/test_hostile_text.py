"""What staff type is text: it is printed as it stands, and nothing it names is opened."""

from __future__ import annotations

import http.server
import tempfile
import threading
from collections.abc import Iterator

import pytest
import typst

from cases.reports import pdf as pdf_module
from cases.reports.pdf import PdfDocument, render_pdf
from cases.services.report import report_create
from tests.factories import fundus_jpeg, staffed_clinic
from tests.reports.pdfs import content, pictures, text


@pytest.fixture
def web_server() -> Iterator[tuple[str, list[str]]]:
    """Address of a server that would hand out a picture, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.end_headers()
            self.wfile.write(fundus_jpeg())

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.django_db
def test_markup_is_printed_as_text_and_nothing_is_fetched(tmp_path, web_server):
    address, asked = web_server
    picture = tmp_path / "secret.jpg"
    picture.write_bytes(fundus_jpeg())
    hostile = (
        f'<img src="file://{picture}"> <img src="{picture}"> <img src="{address}/a.jpg">'
        f'<link rel="stylesheet" href="{address}/b.css"><style>@import url("{address}/c.css")</style>'
        "<script>alert(1)</script> {{ report.pk }} {% now %} &amp; &#65; "
        f'#image("{picture}") #read("{picture}") #import "@preview/a:1.0.0" #panic() '
        "= $ * _ ` @x <y> // /* \\u{41} \\\\"
    )
    staff = staffed_clinic()
    staff.clinic.address = hostile
    staff.clinic.save()
    staff.reader.last_name = "<b>Li</b>"
    staff.reader.save()
    staff.image.filename = "<i>x</i>.jpg"
    staff.image.save()
    report = report_create(user=staff.reader, study=staff.study, patient_name="<u>Wang</u>", diagnosis=hostile)
    words = text(report).replace(" ", "")
    assert words.count(hostile.replace(" ", "")) == 2
    for part in ("<b>Li</b>", "<i>x</i>.jpg", "<u>Wang</u>"):
        assert part in words
    assert len(pictures(content(report))) == 2
    assert asked == []


@pytest.mark.parametrize(
    "place", ["../secret.jpg", "{folder}/secret.jpg", "http://127.0.0.1/secret.jpg", "unknown.jpg"]
)
def test_a_layout_sees_its_own_folder_alone(tmp_path, monkeypatch, place):
    (tmp_path / "secret.jpg").write_bytes(fundus_jpeg())
    monkeypatch.setattr(pdf_module, "LAYOUTS", tmp_path)
    figures = {"known.jpg": fundus_jpeg()}
    (tmp_path / "known.typ").write_text('#image("known.jpg")')
    assert len(pictures(render_pdf(PdfDocument("", "", "known.typ", {}, {}, figures)))) == 1
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # so that the picture lies right beside the folder
    (tmp_path / "hostile.typ").write_text(f'#image("{place.format(folder=tmp_path)}")')
    with pytest.raises(typst.TypstError):
        render_pdf(PdfDocument("", "", "hostile.typ", {}, {}, figures))
