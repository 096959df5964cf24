"""choose_model, edit_image and generate_report, as an external program calls them after an upload."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
from django.conf import settings
from PIL import Image as PillowImage
from pypdf import PdfReader

from cases.choices import Lesion, PredictionState
from cases.models import MaskRevision, Prediction, Report
from cases.selectors.image import field_of_view_of
from cases.services.prediction_lease import prediction_claim, prediction_refuse, prediction_succeed
from inference.errors import ModelUnavailable
from inference.measurement import measure_one
from inference.regions import find_regions
from tests.api.conftest import error_of, install, segmentation, session_of, token_of
from tests.factories import HEIGHT, WIDTH, ImageFactory, PredictionFactory, Staff, StudyFactory, mask_png

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("networks")]


class Found:
    """What a worker hands to `prediction_succeed`: three exudates, a haemorrhage, nothing else."""

    grade = 3
    grade_probabilities = [0.02, 0.08, 0.2, 0.6, 0.1]
    timings = {"grade": 0.1}
    explanation = None
    unsure: dict[str, list[int]] = {}

    def __init__(self, prediction: Prediction) -> None:
        self.model_name, self.weights = prediction.model_name, prediction.networks["weights"]
        self.masks = {lesion: np.zeros((HEIGHT, WIDTH), bool) for lesion in Lesion.values}
        for left in (100, 120, 140):
            self.masks["EX"][100:105, left : left + 5] = True
        self.masks["HE"][150:160, 150:160] = True
        self.areas = {lesion: find_regions(mask) for lesion, mask in self.masks.items()}
        field_of_view = field_of_view_of(prediction.image)
        self.lesions = [measure_one(lesion, mask, field_of_view) for lesion, mask in self.masks.items()]

    def networks(self) -> dict:
        return {
            role: {"name": name, "version": "1.0", "sha256": self.weights[name]}
            for role, name in (("segmentation", self.model_name), ("grader", "grader"))
        }


@pytest.fixture
def worker(monkeypatch):
    """A worker that takes its turn whenever a request would sleep; `worker.does` says what it does then."""

    def succeed() -> None:
        prediction = prediction_claim()
        if prediction is not None:
            prediction_succeed(prediction=prediction, analysis=Found(prediction))

    state = SimpleNamespace(does=succeed, turns=0)

    def sleep(seconds: float) -> None:
        state.turns += 1
        state.does()

    monkeypatch.setattr("cases.api.waiting.time", SimpleNamespace(sleep=sleep, monotonic=lambda: float(state.turns)))
    return state


def picture(content: bytes) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = "mask.png"
    return file


@pytest.fixture
def upload(staff: Staff):
    """The reader's latest upload, after an older one of theirs and one of a colleague."""
    ImageFactory(study=StudyFactory(clinic=staff.clinic), uploaded_by=staff.reader)
    latest = ImageFactory(study=StudyFactory(clinic=staff.clinic), uploaded_by=staff.reader)
    ImageFactory(study=latest.study, uploaded_by=staff.technician)
    return latest


# --- choose_model -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selected", "name"),
    [("Unet", "unet"), ("Unet++", "unetplusplus"), ("MAnet", "manet"), ("unet", "unet"), ("unetplusplus",) * 2],
)
def test_the_latest_upload_is_analysed_by_the_network_chosen(staff: Staff, upload, worker, selected: str, name: str):
    response = token_of(staff.reader).post("/api/choose_model", {"selectedModel": selected})
    assert response.status_code == 200, response.content
    answer = response.json()
    prediction = Prediction.objects.get(pk=answer["prediction_id"])
    assert (prediction.image, prediction.model_name, prediction.requested_by) == (upload, name, staff.reader)
    assert answer["image_id"] == upload.pk
    assert (answer["model"], answer["state"]) == (name, "succeeded")
    assert (answer["grade"], answer["grade_label"]) == (3, "Severe non-proliferative DR")
    assert answer["probabilities"] == [0.02, 0.08, 0.2, 0.6, 0.1]
    assert answer["message"]
    assert [(row["lesion"], row["label"], row["count"], row["area_px"]) for row in answer["lesions"]] == [
        ("EX", "Hard exudates", 3, 75),
        ("SE", "Soft exudates", 0, 0),
        ("HE", "Haemorrhages", 1, 100),
        ("MA", "Microaneurysms", 0, 0),
    ]
    root = f"http://testserver/api/predictions/{prediction.pk}"
    assert answer["images"] == {
        "overlay": f"{root}/overlay",
        **{name: f"{root}/masks/{name}" for name in Lesion.values},
        "explanation": None,
    }
    mask = token_of(staff.reader).get(answer["images"]["HE"])
    assert mask["Content-Type"] == "image/png"
    drawn = PillowImage.open(io.BytesIO(mask.content))
    assert (drawn.mode, drawn.size, int(np.asarray(drawn).sum())) == ("1", (WIDTH, HEIGHT), 100)


def test_a_photograph_or_a_study_can_be_named(staff: Staff, upload, worker):
    client = session_of(staff.reader)
    named = client.post("/api/choose_model", {"selectedModel": "Unet", "image_id": staff.image.pk})
    assert named.json()["image_id"] == staff.image.pk
    of_study = client.post("/api/choose_model", {"selectedModel": "Unet", "study_id": staff.study.pk})
    assert of_study.json()["image_id"] == staff.image.pk
    unfit = client.post(
        "/api/choose_model", {"selectedModel": "Unet", "image_id": upload.pk, "study_id": staff.study.pk}
    )
    assert unfit.status_code == 404


def test_the_same_weights_do_not_work_twice(staff: Staff, upload, worker):
    client = session_of(staff.reader)
    first = client.post("/api/choose_model", {"selectedModel": "Unet"}).json()
    again = client.post("/api/choose_model", {"selectedModel": "Unet"}).json()
    assert first["prediction_id"] == again["prediction_id"]
    other = client.post("/api/choose_model", {"selectedModel": "MAnet"}).json()
    assert other["prediction_id"] != first["prediction_id"]


def test_detail_and_explanation_are_part_of_what_is_asked_for(staff: Staff, upload, worker):
    client = session_of(staff.reader)

    def chosen(**how: object) -> dict:
        return client.post("/api/choose_model", {"selectedModel": "Unet", **how}).json()

    plain, fine, explained = chosen(), chosen(detail="high"), chosen(explain=True)
    assert len({answer["prediction_id"] for answer in (plain, fine, explained)}) == 3
    assert (plain["detail"], fine["detail"]) == ("standard", "high")
    assert chosen(detail="high")["prediction_id"] == fine["prediction_id"]
    assert chosen(explain=True)["prediction_id"] == explained["prediction_id"]
    assert chosen()["prediction_id"] == explained["prediction_id"], "an explained result serves who did not ask for it"
    refused = client.post("/api/choose_model", {"selectedModel": "Unet", "detail": "highest"})
    assert refused.status_code == 400


def test_the_explanation_is_a_file_of_the_result(staff: Staff, upload, worker, monkeypatch):
    monkeypatch.setattr(Found, "explanation", np.full((30, 40), 200, np.uint8))
    client = session_of(staff.reader)
    answer = client.post("/api/choose_model", {"selectedModel": "Unet", "explain": True}).json()
    picture = client.get(answer["images"]["explanation"])
    assert picture["Content-Type"] == "image/png"
    assert np.asarray(PillowImage.open(io.BytesIO(picture.content))).tolist() == [[200] * 40] * 30
    assert client.get(f"/api/predictions/{staff.prediction.pk}/explanation").status_code == 404


def test_administrators_see_where_the_time_went(staff: Staff, upload, worker):
    upload.timings = {"decode": 0.1, "field_of_view": 0.05, "preview": 0.02, "store": 0.01}
    upload.save()
    prediction = session_of(staff.reader).post("/api/choose_model", {"selectedModel": "Unet"}).json()["prediction_id"]
    answer = session_of(staff.clinicadmin).get(f"/api/predictions/{prediction}/timings").json()
    stages = {each["stage"]: each["seconds"] for each in answer["stages"]}
    assert {"upload_decode", "upload_field_of_view", "upload_preview", "upload_store"} <= set(stages)
    assert {"queue", "grade", "encode", "notify"} <= set(stages)
    assert all(each["label"] for each in answer["stages"])
    assert answer["total"] == pytest.approx(sum(stages.values()), abs=1e-3)
    assert session_of(staff.reader).get(f"/api/predictions/{prediction}/timings").status_code == 403


def test_a_result_that_takes_too_long_is_asked_for_later(staff: Staff, upload, worker, settings):
    PredictionFactory(image=staff.image, state=PredictionState.RUNNING)
    settings.DRWEB_CHOOSE_MODEL_WAIT = 3
    worker.does = lambda: None
    client = session_of(staff.reader)
    response = client.post("/api/choose_model", {"selectedModel": "Unet"})
    assert response.status_code == 202
    answer = response.json()
    assert (answer["state"], answer["queue_position"]) == ("queued", 1)
    assert worker.turns == 3
    status = client.get(answer["status_url"])
    assert (status.status_code, status.json()["state"], status.json()["result"]) == (200, "queued", None)

    prediction = prediction_claim(pk=answer["prediction_id"])
    assert client.get(answer["status_url"]).json()["state"] == "running"
    prediction_succeed(prediction=prediction, analysis=Found(prediction))
    status = client.get(answer["status_url"]).json()
    assert status["state"] == "succeeded"
    assert status["result"]["grade"] == 3
    assert len(status["result"]["lesions"]) == 4


def test_nobody_has_to_wait(staff: Staff, upload, worker):
    response = session_of(staff.reader).post("/api/choose_model", {"selectedModel": "Unet", "wait": False})
    assert response.status_code == 202
    assert worker.turns == 0


def test_a_failed_analysis_says_why_and_can_be_tried_again(staff: Staff, upload, worker):
    worker.does = lambda: prediction_refuse(
        prediction=prediction_claim(),
        error=ModelUnavailable("weights_missing", "The weights of %(name)s are missing.", name="unet"),
        detail="/srv/secret",
    )
    client = session_of(staff.reader)
    response = client.post("/api/choose_model", {"selectedModel": "Unet"})
    assert response.status_code == 422
    error = error_of(response)
    assert (error["code"], error["message"]) == ("weights_missing", "The weights of unet are missing.")
    assert "secret" not in response.content.decode()
    status = client.get(error["details"]["status_url"]).json()
    assert status["error"] == {"code": "weights_missing", "message": "The weights of unet are missing."}
    retried = client.post(f"/api/predictions/{error['details']['prediction_id']}/retry").json()
    assert (retried["state"], retried["error"]) == ("queued", None)
    cancelled = client.post(f"/api/predictions/{error['details']['prediction_id']}/cancel").json()
    assert cancelled["state"] == "cancelled"
    again = client.post(f"/api/predictions/{error['details']['prediction_id']}/cancel")
    assert (again.status_code, error_of(again)["code"]) == (409, "already_finished")


def test_a_cancelled_analysis_ends_the_wait(staff: Staff, upload, worker):
    worker.does = lambda: Prediction.objects.update(state=PredictionState.CANCELLED)
    response = session_of(staff.reader).post("/api/choose_model", {"selectedModel": "Unet"})
    assert (response.status_code, error_of(response)["code"]) == (422, "cancelled")


@pytest.mark.parametrize("selected", ["ResNet", "", None, 7, ["Unet"], "../grader", "grader", "x" * 5000])
def test_an_unknown_network_is_refused(staff: Staff, upload, selected):
    response = session_of(staff.reader).post("/api/choose_model", {"selectedModel": selected})
    assert response.status_code == 400
    assert error_of(response)["code"] in {"unknown_model", "invalid"}
    assert not upload.predictions.exists()


def test_an_unknown_network_is_told_which_ones_there_are(staff: Staff, upload):
    response = session_of(staff.reader).post("/api/choose_model", {"selectedModel": "ResNet"})
    assert "manet, unet, unetplusplus" in error_of(response)["message"]


def test_missing_and_altered_weights_are_no_result(staff: Staff, upload, networks):
    client = session_of(staff.reader)
    (networks / "unet" / "model.safetensors").write_bytes(b"something else")
    altered = client.post("/api/choose_model", {"selectedModel": "Unet"})
    assert (altered.status_code, error_of(altered)["code"]) == (503, "weights_altered")
    (networks / "unet" / "model.safetensors").unlink()
    missing = client.post("/api/choose_model", {"selectedModel": "Unet"})
    assert (missing.status_code, error_of(missing)["code"]) == (503, "weights_missing")
    assert not upload.predictions.exists()


def test_a_full_queue_refuses_more(staff: Staff, upload, settings):
    settings.DRWEB_MAX_QUEUE = 1
    PredictionFactory(image=staff.image, state=PredictionState.QUEUED)
    response = session_of(staff.reader).post("/api/choose_model", {"selectedModel": "Unet"})
    assert (response.status_code, error_of(response)["code"]) == (503, "queue_full")


def test_without_any_upload_there_is_nothing_to_analyse(staff: Staff):
    response = session_of(staff.senior).post("/api/choose_model", {"selectedModel": "Unet"})
    assert (response.status_code, error_of(response)["code"]) == (400, "no_image")


def test_a_network_of_one_lesion_kind_leaves_the_others_open(staff: Staff):
    prediction = PredictionFactory(image=staff.image, lesions=False)
    prediction.lesions.create(lesion="EX", mask="x.png", count=2, area_px=9, area_percent_of_fov=0.1, area_disc=0.1)
    lesions = session_of(staff.reader).get(f"/api/predictions/{prediction.pk}").json()["result"]["lesions"]
    assert [(row["lesion"], row["count"]) for row in lesions] == [("EX", 2), ("SE", None), ("HE", None), ("MA", None)]
    assert lesions[1]["mask_url"] is None


# --- edit_image -------------------------------------------------------------------------------------------------------


def edit(client, content: bytes, **fields):
    return client.post("/api/edit_image", {"image": picture(content), **fields}, format="multipart")


def test_a_correction_is_a_new_revision_beside_the_networks_mask(staff: Staff):
    client = token_of(staff.reader)
    before = client.get(f"/api/predictions/{staff.prediction.pk}/masks/MA").content
    response = edit(client, mask_png((90, 90, 100, 100)), image_id=staff.image.pk, lesion="MA", base_revision=0)
    assert response.status_code == 200, response.content
    answer = response.json()
    assert answer["message"]
    assert (answer["image_id"], answer["lesion"], answer["revision"]) == (staff.image.pk, "MA", 1)
    assert (answer["author"], answer["count"], answer["area_px"]) == (staff.reader.username, 1, 100)
    saved = PillowImage.open(io.BytesIO(client.get(answer["image_url"]).content))
    assert (saved.size, int(np.asarray(saved).sum())) == ((WIDTH, HEIGHT), 100)
    assert client.get(f"/api/predictions/{staff.prediction.pk}/masks/MA").content == before

    image = client.get(f"/api/images/{staff.image.pk}").json()
    current = {mask["lesion"]: mask for mask in image["current_masks"]}
    assert (current["MA"]["revision"], current["MA"]["mask_url"]) == (1, answer["image_url"])
    assert (current["EX"]["revision"], current["EX"]["corrected"]) == (0, False)


def test_hard_exudates_of_the_latest_upload_are_meant_where_nothing_is_said(staff: Staff, upload):
    PredictionFactory(image=upload)
    answer = edit(session_of(staff.reader), mask_png()).json()
    assert (answer["image_id"], answer["lesion"]) == (upload.pk, "EX")


def test_who_started_from_an_older_revision_is_told_of_the_newer_one(staff: Staff):
    theirs = edit(session_of(staff.senior), mask_png(), image_id=staff.image.pk, base_revision=0)
    mine = edit(session_of(staff.reader), mask_png(), image_id=staff.image.pk, base_revision=0)
    assert mine.status_code == 409
    error = error_of(mine)
    assert error["code"] == "newer_revision"
    assert error["details"]["latest_revision"] == 1
    assert error["details"]["author"] == staff.senior.username
    assert error["details"]["created_at"]
    assert MaskRevision.objects.count() == 1
    client = session_of(staff.reader)
    assert edit(client, mask_png(), image_id=staff.image.pk, base_revision=1).json()["revision"] == 2
    assert edit(client, mask_png(), image_id=staff.image.pk).json()["revision"] == 3
    listed = client.get(f"/api/images/{staff.image.pk}/revisions?lesion=EX").json()["revisions"]
    assert [row["revision"] for row in listed] == [3, 2, 1]
    assert listed[2]["image_url"] == theirs.json()["image_url"]
    assert client.get(f"/api/images/{staff.image.pk}/revisions?lesion=MA").json() == {"revisions": []}
    assert client.get(f"/api/images/{staff.image.pk}/revisions?lesion=XX").status_code == 400


@pytest.mark.parametrize(
    ("content", "fields", "code"),
    [
        (lambda: mask_png(size=(64, 64)), {}, "wrong_mask_size"),
        (lambda: b"no picture", {}, "bad_mask"),
        (lambda: b"", {}, "bad_mask"),
        (mask_png, {"lesion": "XX"}, "invalid"),
        (mask_png, {"base_revision": -1}, "invalid"),
        (mask_png, {"base_revision": 5}, "newer_revision"),
    ],
)
def test_a_bad_correction_changes_nothing(staff: Staff, content, fields: dict, code: str):
    response = edit(session_of(staff.reader), content(), image_id=staff.image.pk, **fields)
    assert 400 <= response.status_code < 500
    assert error_of(response)["code"] == code
    assert not MaskRevision.objects.exists()


def test_a_photograph_has_to_be_analysed_before_it_is_corrected(staff: Staff, upload):
    response = edit(session_of(staff.reader), mask_png())
    assert (response.status_code, error_of(response)["code"]) == (409, "not_analysed")


# --- generate_report --------------------------------------------------------------------------------------------------

WORDS = {"name": "Li Wei", "age": 58, "diagnosis": "Review in six months.", "grade": 2}


def test_the_answer_is_the_report_as_a_download(staff: Staff):
    client = token_of(staff.reader)
    client.credentials(HTTP_ACCEPT="application/pdf", **client._credentials)
    response = client.post("/api/generate_report", WORDS | {"image_id": staff.image.pk})
    assert response.status_code == 200
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"].startswith("attachment; filename")
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(response.content)).pages)
    assert "Li Wei" in text
    assert "Review in six months." in text
    report = Report.objects.get()
    assert (report.study, report.patient_age, report.grade, report.language) == (staff.study, 58, 2, "en")
    again = client.get(response["Content-Location"])
    assert again.content == response.content
    assert again["Content-Disposition"].startswith("inline; filename")
    listed = client.get(f"/api/studies/{staff.study.pk}").json()["reports"]
    assert [row["pdf_url"] for row in listed] == [response["Content-Location"]]


@pytest.mark.parametrize(
    ("grade", "kept"),
    [(0, 0), ("4", 4), ("Moderate NPDR", 2), (" mild  npdr ", 1), ("PDR", 4), ("Severe non-proliferative DR", 3)],
)
def test_a_grade_may_be_a_number_or_a_name(staff: Staff, grade, kept: int):
    session_of(staff.reader).post("/api/generate_report", WORDS | {"grade": grade, "study_id": staff.study.pk})
    assert Report.objects.get().grade == kept


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"age": -1}, "age"),
        ({"age": 131}, "age"),
        ({"age": "old"}, "age"),
        ({"grade": 5}, "grade"),
        ({"grade": -1}, "grade"),
        ({"grade": True}, "grade"),
        ({"grade": 1.5}, "grade"),
        ({"grade": "bad"}, "grade"),
        ({"grade": {}}, "grade"),
        ({"language": "fr"}, "language"),
        ({"diagnosis": "x" * 20_001}, "diagnosis"),
        ({"image_id": "abc"}, "image_id"),
    ],
)
def test_a_wrong_word_is_named(staff: Staff, change: dict, field: str):
    response = session_of(staff.reader).post("/api/generate_report", WORDS | {"study_id": staff.study.pk} | change)
    assert response.status_code == 400
    error = error_of(response)
    assert error["code"] == "invalid"
    assert list(error["details"]) == [field]
    assert error["details"][field][0] in error["message"]
    assert not Report.objects.exists()


@pytest.mark.parametrize("field", WORDS)
def test_all_four_words_are_needed(staff: Staff, field: str):
    words = {name: value for name, value in WORDS.items() if name != field}
    response = session_of(staff.reader).post("/api/generate_report", words | {"study_id": staff.study.pk})
    assert response.status_code == 400
    assert list(error_of(response)["details"]) == [field]


def test_a_report_is_written_in_the_language_of_the_request(staff: Staff):
    client = session_of(staff.reader)
    client.post("/api/generate_report", WORDS | {"study_id": staff.study.pk}, HTTP_ACCEPT_LANGUAGE="zh-CN")
    client.post("/api/generate_report", WORDS | {"study_id": staff.study.pk, "language": "zh-Hans"})
    assert [report.language for report in Report.objects.all()] == ["zh-hans", "zh-hans"]


# --- languages --------------------------------------------------------------------------------------------------------


def test_labels_and_messages_are_in_the_language_of_the_request(staff: Staff):
    if not (settings.LOCALE_PATHS[0] / "zh_Hans" / "LC_MESSAGES" / "django.mo").is_file():
        pytest.skip("needs the compiled translations: manage.py compile_translations")
    client = session_of(staff.reader)
    address = f"/api/predictions/{staff.prediction.pk}"
    english = client.get(address, HTTP_ACCEPT_LANGUAGE="en").json()["result"]
    assert english["grade_label"] == "Moderate non-proliferative DR"
    answer = client.get(address, HTTP_ACCEPT_LANGUAGE="zh-CN,zh;q=0.9,en;q=0.5")
    assert answer["Content-Language"] == "zh-hans"
    chinese = answer.json()["result"]
    texts = [chinese["grade_label"], *(row["label"] for row in chinese["lesions"])]
    texts.append(error_of(client.get("/api/images/0", HTTP_ACCEPT_LANGUAGE="zh-Hans"))["message"])
    for text in texts:
        assert re.search(r"[\u4e00-\u9fff]", text), text


def test_installed_networks_are_listed_with_their_cards(staff: Staff, networks):
    install(networks, "unet-lite", segmentation("unet"), weights=b"lite")
    listed = session_of(staff.technician).get("/api/models").json()["models"]
    assert {row["name"]: (row["kind"], row["default"]) for row in listed} == {
        "unet": ("segmentation", True),
        "unetplusplus": ("segmentation", False),
        "manet": ("segmentation", False),
        "unet-lite": ("segmentation", False),
        "grader": ("grading", False),
    }
    assert listed[0]["validation"] == {"dice": {"EX": 0.5}}
    assert (listed[0]["version"], listed[0]["date"]) == ("1.0", "2026-01-01")
