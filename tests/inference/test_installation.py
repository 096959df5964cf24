"""What may be installed as a model, and above all what may not."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from inference import installation, model_check
from inference.cards import ModelCard
from inference.engines.equivalence import proven_engines
from inference.installation import ModelRefused, check_model, unpack
from inference.networks import build
from inference.networks.spec import NetworkSpec
from inference.registry import InstalledModel
from tests.tiny_weights import record_measured


@pytest.fixture
def model(tiny_weights_folder, tmp_path) -> Path:
    """A sound model that a test may spoil."""
    return Path(shutil.copytree(tiny_weights_folder / "unet", tmp_path / "model"))


def zipped(files: dict[str, bytes], **how) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer


def tarred(files: dict[str, bytes], mode: str = "w") -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def refusal(source, folder: Path) -> str:
    target = folder / "target"
    target.mkdir(exist_ok=True)
    with pytest.raises(ModelRefused) as refused:
        unpack(source, target)
    assert "%(" not in refused.value.message
    return refused.value.code


GOOD = {"card.json": b"{}", "model.safetensors": b"weights"}


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("folder", ["", "unet-lite/", "./"])
def test_an_archive_is_unpacked_under_our_own_names(tmp_path, pack, folder):
    unpack(pack({folder + name: content for name, content in GOOD.items()}), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == GOOD


def test_a_folder_and_an_archive_by_its_path(tmp_path, model):
    (tmp_path / "from-folder").mkdir()
    unpack(model, tmp_path / "from-folder")
    (tmp_path / "model.zip").write_bytes(zipped(GOOD, compression=zipfile.ZIP_DEFLATED).getvalue())
    (tmp_path / "from-zip").mkdir()
    unpack(tmp_path / "model.zip", tmp_path / "from-zip")
    for folder in ("from-folder", "from-zip"):
        assert {path.name for path in (tmp_path / folder).iterdir()} == set(GOOD)


@pytest.mark.parametrize(
    "name",
    ["../card.json", "/card.json", "a/../card.json", "a/b/card.json", "..\\card.json", "model.pkl", "README", "a/.."],
)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_no_other_file_is_taken_and_none_leaves_its_folder(tmp_path, pack, name):
    assert refusal(pack({name: b"{}", **GOOD}), tmp_path) == "files_wrong"
    assert {path.name for path in tmp_path.iterdir()} == {"target"}


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_both_files_are_needed(tmp_path, missing):
    assert refusal(zipped({name: b"x" for name in GOOD if name != missing}), tmp_path) == "files_wrong"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_comes_once(tmp_path):
    buffer = zipped(GOOD)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("again/card.json", b"{}")
    assert refusal(buffer, tmp_path) == "files_wrong"


def test_links_are_refused_wherever_they_point(tmp_path, model):
    (model / "card.json").rename(tmp_path / "elsewhere.json")
    (model / "card.json").symlink_to(tmp_path / "elsewhere.json")
    assert refusal(model, tmp_path) == "files_wrong"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            link = tarfile.TarInfo("card.json")
            link.type, link.linkname = kind, "/etc/passwd"
            archive.addfile(link)
    buffer.seek(0)
    assert refusal(buffer, tmp_path) == "files_wrong"
    entry = zipfile.ZipInfo("card.json")
    entry.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    assert refusal(buffer, tmp_path) == "files_wrong"


def test_sizes_are_counted_and_not_believed(tmp_path, monkeypatch):
    monkeypatch.setitem(installation._LIMITS, "model.safetensors", 10_000)
    bomb = zipped({**GOOD, "model.safetensors": bytes(10_000_000)}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb.getvalue()) < 20_000
    assert refusal(bomb, tmp_path) == "file_too_large"
    assert sum(path.stat().st_size for path in (tmp_path / "target").iterdir()) <= 10_000 + len(GOOD["card.json"])


@pytest.mark.parametrize(
    "archive",
    [
        lambda: io.BytesIO(b""),
        lambda: io.BytesIO(b"no archive at all" * 100),
        lambda: tarred(GOOD, mode="w:gz"),
        lambda: io.BytesIO(zipped(GOOD).getvalue()[:-30]),
        lambda: io.BytesIO(zipped({"card.json": b"{}" * 200}).getvalue().replace(b"{}", b"[]")),
    ],
    ids=["empty", "nonsense", "compressed tar", "cut off", "damaged"],
)
def test_what_cannot_be_read_is_refused(tmp_path, archive):
    assert refusal(archive(), tmp_path) == "archive_invalid"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packing_methods_that_ask_for_much_memory_are_refused(tmp_path, method):
    assert refusal(zipped(GOOD, compression=method), tmp_path) == "files_wrong"


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_spoilt_archives_are_refused_or_read(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from([zipped, tarred]))(GOOD).getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    target = tmp_path_factory.mktemp("spoilt")
    try:
        unpack(io.BytesIO(content), target)
    except ModelRefused:
        return
    assert {path.name for path in target.iterdir()} == set(GOOD)


def rewrite_card(model: Path, **changes) -> None:
    card = json.loads((model / "card.json").read_text())
    (model / "card.json").write_text(json.dumps({**card, **changes}))


def rewrite_weights(model: Path, tensors: dict[str, torch.Tensor]) -> None:
    content = save({name: tensor.contiguous() for name, tensor in tensors.items()})
    (model / "model.safetensors").write_bytes(content)
    rewrite_card(model, sha256=hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../unet"},
        {"name": "Unet"},
        {"name": 5},
        {"name": "grader"},
        {"version": "1/2"},
        {"version": ".."},
        {"version": 2},
        {"input_size": 4096},
        {"input_size": 64.0},
        {"validation": []},
        {"unheard_of": 1},
        {"thresholds": {"EX": 0.5}},
        {"training_data": [{"name": "a", "licence": "b", "source": "c", "images": "many"}]},
        {"network": {"architecture": "unet", "encoder": "tu-hf-hub:a/b", "encoder_depth": 1, "decoder_channels": [1]}},
        {"network": []},
    ],
    ids=str,
)
def test_a_card_that_would_do_harm_is_refused(model, changes):
    rewrite_card(model, **changes)
    with pytest.raises(ModelRefused) as refused:
        check_model(model)
    assert refused.value.code == "card_invalid"


@pytest.mark.parametrize("content", ["", "[]", "{}", "nonsense", "[" * 100_000])
def test_a_card_that_is_none_is_refused(model, content):
    (model / "card.json").write_text(content)
    with pytest.raises(ModelRefused) as refused:
        check_model(model)
    assert refused.value.code == "card_invalid"


def test_weights_of_another_sha256_are_refused(model):
    rewrite_card(model, sha256="0" * 64)
    with pytest.raises(ModelRefused) as refused:
        check_model(model)
    assert refused.value.code == "weights_altered"


def test_a_sound_model_passes_and_an_unfit_one_does_not_in_a_child_process(model):
    assert check_model(model) == ModelCard.from_json((model / "card.json").read_text())
    tensors = load((model / "model.safetensors").read_bytes())
    name = min(name for name, tensor in tensors.items() if tensor.ndim == 4 and tensor.shape[2] > 1)
    rewrite_weights(model, {**tensors, name: tensors[name][:, :, :1]})
    with pytest.raises(ModelRefused, match=name) as refused:
        check_model(model)
    assert refused.value.code == "network_unfit"


def fault(model: Path) -> str:
    with pytest.raises(SystemExit) as ended:
        model_check.main(model)
    return str(ended.value)


def write_measured(model: Path) -> InstalledModel:
    installed = InstalledModel(ModelCard.from_json((model / "card.json").read_text()), model)
    record_measured(installed, "openvino-bf16")
    return installed


def test_a_model_brings_what_was_measured_of_its_engines(model, tmp_path):
    write_measured(model)
    (tmp_path / "unpacked").mkdir()
    unpack(model, tmp_path / "unpacked")
    installed = InstalledModel(check_model(tmp_path / "unpacked"), tmp_path / "unpacked")
    assert proven_engines(installed) == ("openvino-bf16",)


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"sha256": "0" * 64}, "other weights"),
        ({"engines": []}, "no record"),
        ({"probability_difference": float("nan")}, "between 0 and 1"),
        ({"dice": {"EX": float("nan"), "SE": 0.5, "HE": 0.5, "MA": 0.5}}, "between 0 and 1"),
        ({"reference_dice": {"EX": 7, "SE": 0.5, "HE": 0.5, "MA": 0.5}}, "between 0 and 1"),
        ({"dice": {"EX": "0.5", "SE": 0.5, "HE": 0.5, "MA": 0.5}}, "between 0 and 1"),
        ({"dice": {}, "reference_dice": {}}, "each lesion"),
        ({"reference_dice": {"EX": 0.5}}, "each lesion"),
        ({"dice": []}, "no record"),
        ({"photographs": "many"}, "whole numbers"),
        ({"grade_changes": -1}, "whole numbers"),
        ({"unheard_of": 1}, "no record"),
    ],
    ids=str,
)
def test_a_record_of_engines_that_nobody_can_have_made_is_refused(model, spoilt, said):
    installed = write_measured(model)
    content = json.loads((model / "engines.json").read_text())
    where = content if spoilt.keys() <= {"sha256", "engines"} else content["engines"]["openvino-bf16"]
    where.update(spoilt)
    (model / "engines.json").write_text(json.dumps(content))
    with pytest.raises(ModelRefused, match=said) as refused:
        check_model(model)
    assert refused.value.code == "record_invalid"
    assert proven_engines(installed) == ()


@pytest.mark.parametrize("content", ["", "[]", "{}", "nonsense", "[" * 100_000, "\x00"])
def test_a_record_of_engines_that_is_none_is_refused(model, content):
    installed = write_measured(model)
    (model / "engines.json").write_text(content)
    with pytest.raises(ModelRefused) as refused:
        check_model(model)
    assert refused.value.code == "record_invalid"
    assert "%(" not in refused.value.message
    assert proven_engines(installed) == ()


def test_tensors_are_exactly_those_of_the_architecture(model):
    tensors = load((model / "model.safetensors").read_bytes())
    first = next(iter(sorted(tensors)))
    rewrite_weights(model, {name: tensor for name, tensor in tensors.items() if name != first})
    assert f"missing: {first}" in fault(model)
    rewrite_weights(model, {**tensors, "extra": torch.zeros(3)})
    assert "does not have: extra" in fault(model)
    rewrite_weights(model, {**tensors, first: tensors[first].to(torch.int8)})
    assert "number format I8" in fault(model)
    rewrite_weights(model, {**tensors, first: torch.full_like(tensors[first], torch.nan)})
    assert first in fault(model)
    assert "not finite" in fault(model)


def test_weights_that_are_no_safetensors_are_refused(model):
    (model / "model.safetensors").write_bytes(b"\x80\x04no safetensors")
    assert "cannot be read" in fault(model)


def test_a_network_that_overflows_is_refused(model):
    tensors = load((model / "model.safetensors").read_bytes())
    rewrite_weights(model, {name: t * 0 + 60000 if t.ndim == 4 else t for name, t in tensors.items()})
    assert "blank picture" in fault(model) or "not finite" in fault(model)


def test_a_grader_that_looks_for_cells_of_lesions_passes(model):
    spec = NetworkSpec("lesion_resnet50", "resnet18", encoder_depth=3, decoder_channels=(8, 8, 8), head="classes")
    tensors = build(spec).state_dict().items()
    rewrite_weights(model, {name: t.half() if t.is_floating_point() else t for name, t in tensors})
    grader = {"name": "grader", "kind": "grading", "lesions": [], "thresholds": {}, "network": dataclasses.asdict(spec)}
    rewrite_card(model, **grader, input_size=128)
    assert model_check.main(model) is None
    rewrite_card(model, input_size=64)  # four cells, where it looks for five
    with pytest.raises(RuntimeError, match="out of range"):
        model_check.main(model)
    wider = dataclasses.replace(spec, decoder_channels=(8, 8, 16))
    rewrite_card(model, network=dataclasses.asdict(wider))
    assert "shape" in fault(model)
