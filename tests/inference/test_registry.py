import dataclasses
import json
import shutil

import pytest

from inference import registry
from inference.errors import ModelUnavailable
from tests.tiny_weights import write_tiny_model


@pytest.fixture
def own_weights(tiny_weights_folder, tmp_path, monkeypatch):
    """A copy that a test may damage."""
    folder = tmp_path / "weights"
    for name in ("unet", "grader"):
        shutil.copytree(tiny_weights_folder / name, folder / name)
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(folder))
    return folder


def test_installed_models(tiny_weights):
    assert set(registry.installed_models()) == {"unet", "unetplusplus", "manet", "grader"}
    assert set(registry.installed_models("segmentation")) == {"unet", "unetplusplus", "manet"}
    assert registry.installed_models()["unet"].network.architecture == "unet"


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("unet", "unet"),
        ("Unet", "unet"),
        ("U-Net", "unet"),
        ("Unet++", "unetplusplus"),
        ("UNet++", "unetplusplus"),
        ("unetplusplus", "unetplusplus"),
        ("UnetPlusPlus", "unetplusplus"),
        ("MAnet", "manet"),
        ("MA-Net", "manet"),
        (" manet ", "manet"),
    ],
)
def test_spellings(tiny_weights, spelling, name):
    assert registry.resolve_model_name(spelling) == name


@pytest.mark.parametrize("name", ["", "resnet", "../unet", "grader", "un et!", "x" * 500])
def test_unknown_names_list_the_installed(tiny_weights, name):
    with pytest.raises(ModelUnavailable, match=r"manet, unet, unetplusplus") as caught:
        registry.resolve_model_name(name)
    assert caught.value.code == "unknown_model"
    assert len(caught.value.message) < 200


def test_known_network_that_is_not_installed(own_weights):
    with pytest.raises(ModelUnavailable, match="manet is not installed") as caught:
        registry.resolve_model_name("MAnet")
    assert caught.value.code == "weights_missing"


def test_no_weights_folder_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tmp_path / "nowhere"))
    assert registry.installed_models() == {}
    with pytest.raises(ModelUnavailable) as caught:
        registry.resolve_model_name("unet")
    assert caught.value.code == "weights_missing"


def test_altered_weights_are_found_by_every_door(own_weights):
    before = registry.identity(registry.find_model("unet"))
    file = own_weights / "unet" / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    model = registry.find_model("unet")
    for door in (registry.load_weights, registry.verify_weights, registry.identity):
        with pytest.raises(ModelUnavailable, match="unet") as caught:
            door(model)
        assert caught.value.code == "weights_altered"
    content[-1] ^= 1
    file.write_bytes(content)
    assert registry.identity(model) == before
    assert registry.load_weights(model) == bytes(content)


def test_identity_names_every_network(tiny_weights):
    cards = registry.installed_models()
    models = [registry.find_model(name) for name in ("manet", "grader")]
    assert registry.identity(*models) == {"manet": cards["manet"].sha256, "grader": cards["grader"].sha256}


def test_versions_are_found_by_their_weights_wherever_they_are(own_weights, tmp_path, monkeypatch):
    monkeypatch.setenv("DRWEB_MODELS_DIR", str(tmp_path / "models"))
    added = write_tiny_model(tmp_path / "models" / "unet" / "2", registry.find_model("unet").card.network, seed=5)
    added = dataclasses.replace(added, name="unet", version="2")
    (tmp_path / "models" / "unet" / "2" / "card.json").write_text(added.to_json())
    shipped = registry.find_model("unet")
    assert registry.find_model("unet", added.sha256).folder == tmp_path / "models" / "unet" / "2"
    assert registry.find_model("unet", shipped.card.sha256) == shipped
    assert [model.card for model in registry.added_versions()] == [added]
    for name, sha256 in (("grader", added.sha256), ("unet", "0" * 64)):
        with pytest.raises(ModelUnavailable) as caught:
            registry.find_model(name, sha256)
        assert caught.value.code == "version_missing"


def test_a_card_that_cannot_be_read_hides_its_model_only(own_weights, caplog):
    card = own_weights / "unet" / "card.json"
    fields = json.loads(card.read_text())
    card.write_text(json.dumps({**fields, "unheard_of": 1}))
    assert set(registry.installed_models()) == {"grader"}
    assert "unheard_of" in caplog.text
    with pytest.raises(ModelUnavailable) as caught:
        registry.find_model("unet")
    assert caught.value.code == "card_invalid"
