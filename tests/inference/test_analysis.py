import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from inference import analyse
from inference.analysis import STAGES, load_network, warm_up
from inference.cards import ModelCard, RuleCertainty
from inference.decoding import DecodedImage, decode
from inference.errors import ImageRejected, ModelUnavailable
from inference.field_of_view import FieldOfView, find_field_of_view
from inference.lesions import LESIONS
from inference.measurement import measure_one
from inference.regions import find_regions
from tests.tiny_weights import spec_of, write_tiny_model, write_tiny_models

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _pytorch(tiny_weights, monkeypatch):
    monkeypatch.setenv("DRWEB_ENGINE", "pytorch")


@pytest.fixture(scope="module")
def retina() -> np.ndarray:
    """Wider than high, as a camera frames it: original coordinates are not those of the square."""
    return cv2.copyMakeBorder(data.retina()[100:-60], 0, 0, 150, 60, cv2.BORDER_CONSTANT)


@pytest.fixture
def analysis(retina):
    return analyse(retina)


def test_result_is_in_original_coordinates(analysis, retina):
    assert (analysis.height, analysis.width) == retina.shape[:2]
    assert list(analysis.masks) == list(LESIONS)
    inside = find_field_of_view(retina).mask_for(retina.shape)
    for lesion, mask in analysis.masks.items():
        assert mask.shape == retina.shape[:2]
        assert mask.dtype == np.bool_
        assert mask.any(), lesion
        assert not (mask & ~inside).any(), lesion


def test_masks_are_the_probabilities_cut_at_the_cards_thresholds(analysis):
    for lesion, probability in analysis.probabilities.items():
        assert probability.dtype == np.uint8
        level = round(analysis.segmentation.thresholds[lesion] * 255)
        assert np.array_equal(probability >= max(1, level), analysis.masks[lesion])


def test_lesions_are_measured_on_the_masks(analysis):
    assert analysis.lesions == [
        measure_one(name, mask, analysis.field_of_view) for name, mask in analysis.masks.items()
    ]


def test_without_a_certainty_in_the_card_all_areas_are_sure(analysis):
    assert (analysis.unsure, analysis.segmentation.rule_certainty) == ({}, {})


def test_areas_that_nowhere_reach_the_cards_certainty_are_not_sure(
    analysis, retina, tiny_weights, tmp_path, monkeypatch
):
    levels = {
        lesion: round(float(np.median(probability[analysis.masks[lesion]])) / 255, 3)
        for lesion, probability in analysis.probabilities.items()
    }
    shutil.copytree(tiny_weights, tmp_path / "weights")
    path = tmp_path / "weights" / "unet" / "card.json"
    path.write_text(replace(ModelCard.from_json(path.read_text()), rule_certainty=RuleCertainty(levels)).to_json())
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tmp_path / "weights"))
    found = analyse(retina)
    assert found.segmentation.rule_certainty == levels
    for lesion, probability in found.probabilities.items():
        assert np.array_equal(found.masks[lesion], analysis.masks[lesion])
        regions = find_regions(found.masks[lesion])
        _, labels = cv2.connectedComponents(found.masks[lesion].view(np.uint8), connectivity=8)
        unsure = []
        for number, (x, y, width, _height) in enumerate(regions.boxes):
            own = labels[y, x : x + width][found.masks[lesion][y, x : x + width]][0]  # of the box's first row
            assert np.count_nonzero(labels == own) == regions.areas[number]
            if probability[labels == own].max() < round(levels[lesion] * 255):
                unsure.append(number)
        assert found.unsure[lesion] == unsure, lesion
    assert any(found.unsure.values())


def test_grade(analysis):
    assert len(analysis.grade_probabilities) == 5
    assert sum(analysis.grade_probabilities) == pytest.approx(1, abs=1e-5)
    assert analysis.grade == int(np.argmax(analysis.grade_probabilities))


def test_record_of_the_networks(analysis):
    networks = analysis.networks()
    for role, name in (("segmentation", "unet"), ("grader", "grader")):
        card = load_network(name).card
        assert networks[role]["name"] == name
        assert networks[role]["sha256"] == card.sha256
        assert networks[role]["version"] == "0.0.0-test"
        assert networks[role]["engine"] == "pytorch"
        assert networks[role]["thresholds"] == card.thresholds


def test_moving_the_retina_in_the_frame_moves_the_masks(retina, analysis):
    fov = analysis.field_of_view
    x0, y0, x1, y1 = fov.box
    moved = FieldOfView((x0 + 90, y0 + 40, x1 + 90, y1 + 40), (fov.centre[0] + 90, fov.centre[1] + 40), fov.radius)
    shifted = cv2.copyMakeBorder(retina, 40, 0, 90, 0, cv2.BORDER_CONSTANT)
    for lesion, mask in analyse(shifted, field_of_view=moved).masks.items():
        assert np.array_equal(mask[40:, 90:], analysis.masks[lesion]), lesion


def test_all_kinds_of_input_give_the_same(retina, analysis, tmp_path):
    content = cv2.imencode(".png", retina[..., ::-1])[1].tobytes()
    path = tmp_path / "eye.png"
    path.write_bytes(content)
    for image in (content, path, decode(content)):
        found = analyse(image)
        assert found.grade_probabilities == analysis.grade_probabilities
        assert all(np.array_equal(found.masks[lesion], analysis.masks[lesion]) for lesion in LESIONS)


def test_stages_are_told_in_order(retina):
    heard = []
    found = analyse(retina, on_stage=heard.append)
    assert tuple(heard) == STAGES
    assert set(found.timings) == {*STAGES, "load", "total"}


def test_the_listener_can_stop_the_work(retina):
    class Stopped(Exception):
        pass

    def stop(stage):
        if stage == "grade":
            raise Stopped

    with pytest.raises(Stopped):
        analyse(retina, on_stage=stop)


@pytest.mark.parametrize("model", ["Unet", "Unet++", "MAnet"])
def test_every_network(retina, model):
    assert analyse(retina, model=model).segmentation.name == model.lower().replace("++", "plusplus")


def test_single_lesion_network(retina, tmp_path, monkeypatch):
    from dataclasses import replace

    write_tiny_models(tmp_path, ["grader"])
    write_tiny_model(tmp_path / "unet", replace(spec_of("unet"), head="single:MA"))
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tmp_path))
    assert list(analyse(retina).masks) == ["MA"]


def test_a_card_may_ask_for_the_mean_with_the_half_turn(retina, analysis, tiny_weights, tmp_path, monkeypatch):
    weights = shutil.copytree(tiny_weights, tmp_path / "weights")
    card = ModelCard.from_json((weights / "unet" / "card.json").read_text())
    (weights / "unet" / "card.json").write_text(replace(card, half_turn=True).to_json())
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(weights))
    found, over_flips = analyse(retina), analyse(retina, flips=True)
    for other in (analysis, over_flips):
        assert any((found.probabilities[lesion] != other.probabilities[lesion]).any() for lesion in LESIONS)


def test_networks_that_are_not_in_use_give_their_memory_back(retina, monkeypatch):
    released = []
    for name in ("unet", "manet", "grader"):
        engine = load_network(name).engine
        monkeypatch.setattr(engine, "release", lambda name=name: released.append(name))
    analyse(retina, "manet")
    assert released == ["unet"]


def test_high_detail_and_flips_are_recorded_and_leave_the_grade_alone(retina, analysis):
    found = analyse(retina, detail="high", flips=True)
    assert (found.networks()["segmentation"]["detail"], found.networks()["segmentation"]["flips"]) == ("high", True)
    assert (analysis.segmentation.detail, analysis.segmentation.flips) == ("standard", False)
    assert found.grade_probabilities == analysis.grade_probabilities
    assert found.masks["EX"].shape == retina.shape[:2]
    assert not np.array_equal(found.masks["EX"], analysis.masks["EX"])


def test_no_fundus_photograph_is_refused():
    with pytest.raises(ImageRejected) as caught:
        analyse(data.astronaut())
    assert caught.value.code == "not_fundus"


def test_a_known_field_of_view_is_used_as_it_is(retina):
    fov = find_field_of_view(retina)
    assert analyse(retina, field_of_view=fov).field_of_view is fov


@pytest.mark.parametrize("detail", ["standard", "high"])
def test_no_more_of_a_large_photograph_is_decoded_than_the_networks_see(retina, monkeypatch, detail):
    large = cv2.imencode(".jpg", cv2.cvtColor(cv2.resize(retina, None, fx=2, fy=2), cv2.COLOR_RGB2BGR))[1].tobytes()
    sizes = []

    def watched(source, **how):
        found = decode(source, **how)
        sizes.append(found.rgb.shape)
        return found

    monkeypatch.setattr("inference.analysis.decode", watched)
    whole = analyse(large, detail=detail)
    half = analyse(large, detail=detail, field_of_view=whole.field_of_view)
    assert sizes == [(2 * retina.shape[0], 2 * retina.shape[1], 3), retina.shape]
    assert (half.width, half.height) == (whole.width, whole.height)
    for lesion, mask in whole.masks.items():
        assert half.masks[lesion].shape == mask.shape
        assert np.mean(half.masks[lesion] != mask) < 0.01
    close = whole.field_of_view
    near = replace(close, box=(close.box[0], close.box[1], close.box[0] + 100, close.box[1] + 100))
    analyse(large, detail=detail, field_of_view=near)  # of which the networks see every pixel
    assert sizes[-1] == sizes[0]


def test_a_smaller_copy_is_not_taken_for_the_photograph(retina):
    copy = DecodedImage(rgb=retina, width=2 * retina.shape[1], height=2 * retina.shape[0], format="JPEG")
    with pytest.raises(ValueError, match="not the photograph"):
        analyse(copy)


def test_wrong_arrays_are_programming_errors(retina):
    with pytest.raises(ValueError, match="uint8"):
        analyse(retina.astype(float))


def test_new_weights_are_taken_up_and_altered_ones_refused(retina, tmp_path, monkeypatch):
    write_tiny_models(tmp_path, ["unet", "grader"], seed=1)
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tmp_path))
    first = analyse(retina)
    write_tiny_models(tmp_path, ["unet"], seed=2)
    second = analyse(retina)
    assert second.segmentation.sha256 != first.segmentation.sha256
    assert not np.array_equal(second.masks["EX"], first.masks["EX"])
    (tmp_path / "unet" / "model.safetensors").write_bytes(b"not these")
    with pytest.raises(ModelUnavailable) as caught:
        analyse(retina)
    assert caught.value.code == "weights_altered"


def test_networks_are_loaded_once_by_many_threads(monkeypatch, tmp_path):
    from inference import analysis as module

    write_tiny_models(tmp_path, ["unet"], seed=3)
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tmp_path))
    opened = []
    load_engine = module.load_engine
    monkeypatch.setattr(module, "load_engine", lambda *given: opened.append(given) or load_engine(*given))
    found = []
    threads = [threading.Thread(target=lambda: found.append(load_network("unet"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    assert len({id(network) for network in found}) == 1


def test_warm_up_loads_both_networks(monkeypatch):
    warm_up("unet")
    from inference import analysis as module

    monkeypatch.setattr(module, "load_engine", lambda *_: pytest.fail("loaded again"))
    load_network("unet")
    load_network("grader")


def test_web_processes_import_no_heavy_library():
    program = (
        "import sys\n"
        "import inference, inference.lesions, inference.decoding, inference.field_of_view, inference.screening\n"
        "import inference.errors, inference.cards, inference.registry, inference.masks, inference.overlay\n"
        "import inference.measurement\n"
        "print(sorted({'torch', 'openvino', 'timm', 'segmentation_models_pytorch'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("broken", ["unet", "grader"])
def test_numbers_that_are_not_finite_are_an_error_and_never_a_healthy_eye(retina, monkeypatch, broken):
    engine = load_network(broken).engine
    run = engine.run
    monkeypatch.setattr(engine, "run", lambda batch: run(batch) * np.float32(np.nan))
    with pytest.raises(ModelUnavailable, match=broken) as caught:
        analyse(retina)
    assert caught.value.code == "not_finite"
