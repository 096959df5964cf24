"""Several versions of one network: which one answers, who may change that, and what the results say of it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from cases.choices import NetworkState, PredictionState
from cases.errors import ApplicationError, Conflict, NotAllowed, Unavailable
from cases.models import NetworkActivation, NetworkVersion, Prediction
from cases.networks import network_choices
from cases.selectors.network_version import active_versions, known_versions
from cases.services.analysis import prediction_run_next
from cases.services.clinic import clinic_set_default_network
from cases.services.network_version import (
    network_version_activate,
    network_version_install,
    network_version_retire,
    network_version_roll_back,
)
from cases.services.prediction import prediction_request, prediction_retry
from inference.cards import ModelCard
from tests.factories import ImageFactory, Staff, UserFactory, staffed_clinic
from tests.tiny_weights import spec_of, write_tiny_model, write_tiny_models

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """`shipped/` with unet and grader, and two further versions of unet."""
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_models(folder / "shipped", ("unet", "grader"))
    for version in ("2", "3"):
        write_tiny_version(folder / "models", version)
    return folder


def write_tiny_version(models: Path, version: str) -> ModelCard:
    folder = models / "unet" / version
    card = write_tiny_model(folder, spec_of("unet"), seed=int(version), version=version)
    card = dataclasses.replace(card, name="unet")
    (folder / "card.json").write_text(card.to_json())
    return card


@pytest.fixture
def shipped(tiny, tmp_path, monkeypatch) -> ModelCard:
    for folder in ("shipped", "models"):
        shutil.copytree(tiny / folder, tmp_path / folder)
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tmp_path / "shipped"))
    monkeypatch.setenv("DRWEB_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("DRWEB_ENGINE", "pytorch")
    return card_in(tmp_path / "shipped" / "unet")


def card_in(folder: Path) -> ModelCard:
    return ModelCard.from_json((folder / "card.json").read_text())


@pytest.fixture
def added(shipped, tmp_path) -> dict[str, ModelCard]:
    """The two further versions, with their rows."""
    cards = {version: card_in(tmp_path / "models" / "unet" / version) for version in ("2", "3")}
    for card in cards.values():
        NetworkVersion.objects.create(name="unet", version=card.version, sha256=card.sha256, card={})
    return cards


@pytest.fixture
def admin():
    return UserFactory(is_superuser=True)


@pytest.fixture
def staff() -> Staff:
    staff = staffed_clinic()
    Prediction.objects.all().delete()
    return staff


def activate(card: ModelCard, user=None) -> NetworkActivation:
    return network_version_activate(user=user, name=card.name, sha256=card.sha256)


def requested(staff: Staff, image=None) -> Prediction:
    return prediction_request(user=staff.technician, image=image or staff.image, model_name="Unet")


def ran(prediction: Prediction) -> str:
    prediction.refresh_from_db()
    assert prediction.state == PredictionState.SUCCEEDED, prediction.error_detail
    segmentation = prediction.networks["segmentation"]
    assert prediction.networks["weights"]["unet"] == segmentation["sha256"]
    return segmentation["version"]


def active() -> str:
    return active_versions()["unet"].card.version


def test_the_next_photograph_is_analysed_by_what_was_activated_and_a_waiting_one_by_what_was_asked_for(added, staff):
    waiting = requested(staff)
    activate(added["2"])
    next_one = requested(staff, ImageFactory(study=staff.study))
    while prediction_run_next():
        pass
    assert (ran(waiting), ran(next_one)) == ("0.0.0-test", "2")
    again = requested(staff)
    assert again != waiting
    prediction_run_next()
    assert ran(again) == "2"
    assert ran(waiting) == "0.0.0-test"


def test_a_result_names_what_really_ran_where_an_upgrade_replaced_what_was_asked_for(added, staff, tmp_path):
    waiting = requested(staff)
    upgrade = write_tiny_model(tmp_path / "shipped" / "unet", spec_of("unet"), seed=9, version="9")
    prediction_run_next()
    assert ran(waiting) == upgrade.version
    assert waiting.networks["weights"]["unet"] == upgrade.sha256


def test_no_other_version_answers_for_one_whose_files_are_gone(added, staff, tmp_path):
    activate(added["2"])
    waiting = requested(staff)
    shutil.rmtree(tmp_path / "models" / "unet" / "2")
    prediction_run_next()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error_code) == (PredictionState.FAILED, "version_missing")
    with pytest.raises(Unavailable):
        prediction_retry(user=staff.technician, prediction=waiting)
    with pytest.raises(Unavailable):
        requested(staff, ImageFactory(study=staff.study))
    activate(added["3"])
    prediction_retry(user=staff.technician, prediction=waiting)
    prediction_run_next()
    assert ran(waiting) == "3"


def test_roll_back_goes_one_version_back_each_time(added, admin):
    with pytest.raises(Conflict) as refused:
        network_version_roll_back(user=admin, name="unet")
    assert refused.value.code == "nothing_to_roll_back"
    activate(added["2"], admin)
    activate(added["3"], admin)
    assert active() == "3"
    for version in ("2", "0.0.0-test"):
        change = network_version_roll_back(user=admin, name="unet")
        assert (active(), change.version, change.activated_by) == (version, version, admin)
    with pytest.raises(Conflict):
        network_version_roll_back(user=admin, name="unet")
    log = NetworkActivation.objects.order_by("pk").values_list("version", "rolled_back")
    assert list(log) == [("2", False), ("3", False), ("2", True), ("0.0.0-test", True)]


def test_an_upgrade_brings_its_network_where_the_shipped_one_was_active(added, tmp_path, shipped):
    activate(added["2"])
    network_version_roll_back(user=None, name="unet")
    write_tiny_model(tmp_path / "shipped" / "unet", spec_of("unet"), seed=9, version="9")
    assert active() == "9"
    activate(added["3"])
    write_tiny_model(tmp_path / "shipped" / "unet", spec_of("unet"), seed=10, version="10")
    assert active() == "3"


def test_altered_weights_are_not_activated(added, tmp_path):
    (tmp_path / "models" / "unet" / "2" / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(Unavailable) as refused:
        activate(added["2"])
    assert refused.value.code == "weights_altered"
    assert active() == "0.0.0-test"
    assert not NetworkActivation.objects.exists()


def test_a_retired_version_is_not_activated_and_an_active_one_not_retired(added, shipped):
    activate(added["2"])
    with pytest.raises(Conflict, match="active"):
        network_version_retire(user=None, name="unet", sha256=added["2"].sha256)
    with pytest.raises(Conflict, match="came with the system"):
        network_version_retire(user=None, name="unet", sha256=shipped.sha256)
    network_version_retire(user=None, name="unet", sha256=added["3"].sha256)
    with pytest.raises(Conflict, match="retired"):
        activate(added["3"])
    states = {each.version: each.state for each in known_versions() if each.name == "unet"}
    assert states == {
        "0.0.0-test": NetworkState.INSTALLED,
        "2": NetworkState.ACTIVE,
        "3": NetworkState.RETIRED,
    }


def test_only_a_system_administrator_changes_what_is_active(added, staff, admin):
    for user in (*staff.by_role().values(), UserFactory(is_superuser=True, is_active=False)):
        with pytest.raises(NotAllowed):
            activate(added["2"], user)
        with pytest.raises(NotAllowed):
            network_version_roll_back(user=user, name="unet")
        with pytest.raises(NotAllowed):
            network_version_retire(user=user, name="unet", sha256=added["2"].sha256)
    assert active() == "0.0.0-test"
    activate(added["2"], admin)
    assert active() == "2"


@pytest.fixture
def new(shipped, tmp_path) -> Path:
    """A model folder outside: version 4 of unet."""
    write_tiny_version(tmp_path / "new", "4")
    return tmp_path / "new" / "unet" / "4"


def install(source, user=None) -> NetworkVersion:
    return network_version_install(user=user, source=source)


def left_over(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "models").iterdir()} - {"unet"}


def test_a_model_is_installed_beside_the_others_and_answers_once_it_is_activated(new, tmp_path, admin, staff):
    row = install(new, admin)
    assert (row.name, row.version, row.installed_by) == ("unet", "4", admin)
    assert ModelCard.from_json(json.dumps(row.card)) == card_in(new)
    assert active() == "0.0.0-test"
    network_version_activate(user=admin, name=row.name, sha256=row.sha256)
    prediction = requested(staff)
    prediction_run_next()
    assert ran(prediction) == "4"
    with pytest.raises(Conflict) as refused:
        install(new)
    assert refused.value.code == "version_exists"
    assert left_over(tmp_path) == set()


def test_the_same_weights_under_another_version_are_a_conflict(new, tmp_path):
    install(new)
    renamed = dataclasses.replace(card_in(new), version="5")
    (new / "card.json").write_text(renamed.to_json())
    with pytest.raises(Conflict):
        install(new)
    assert not (tmp_path / "models" / "unet" / "5").exists()
    with pytest.raises(Conflict):
        install(tmp_path / "shipped" / "unet")


def test_installing_again_brings_back_files_that_were_lost(new, tmp_path):
    row = install(new)
    shutil.rmtree(tmp_path / "models" / "unet" / "4")
    assert {each.version: each.card for each in known_versions()}["4"] is None
    assert install(new) == row
    network_version_activate(user=None, name="unet", sha256=row.sha256)
    assert active() == "4"


def test_a_refused_model_leaves_nothing(new, tmp_path, staff):
    (new / "extra.py").write_text("print('hello')")
    with pytest.raises(ApplicationError) as refused:
        install(new)
    assert (refused.value.code, refused.value.status) == ("files_wrong", 400)
    (new / "extra.py").unlink()
    (new / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(ApplicationError):
        install(new)
    with pytest.raises(NotAllowed):
        install(new, staff.clinicadmin)
    assert left_over(tmp_path) == set()
    assert not (tmp_path / "models" / "unet" / "4").exists()
    assert not NetworkVersion.objects.exists()


def test_the_command_line_goes_the_whole_way(new, capsys):
    call_command("models", "install", str(new))
    call_command("models", "activate", "unet", "4")
    assert active() == "4"
    call_command("models", "rollback", "unet")
    call_command("models", "retire", "unet", "4")
    call_command("models", "list")
    lines = [line.split()[:3] for line in capsys.readouterr().out.splitlines() if line.startswith("unet")]
    assert lines == [["unet", "4", "retired"], ["unet", "0.0.0-test", "active"]]
    with pytest.raises(CommandError, match="no version 7"):
        call_command("models", "activate", "unet", "7")
    with pytest.raises(CommandError, match="retired"):
        call_command("models", "activate", "unet", "4")
    with pytest.raises(CommandError):
        call_command("models", "install", str(new / "nothing"))


def test_a_clinic_chooses_its_default_among_the_active_networks(shipped, staff):
    clinic_set_default_network(user=staff.clinicadmin, clinic=staff.clinic, name="unet")
    assert next(choice.name for choice in network_choices(clinic=staff.clinic) if choice.is_default) == "unet"
    for name in ("grader", "manet", "nonsense"):
        with pytest.raises(Conflict):
            clinic_set_default_network(user=staff.clinicadmin, clinic=staff.clinic, name=name)
    clinic_set_default_network(user=staff.clinicadmin, clinic=staff.clinic, name="")
    for user in (staff.technician, staff.reader, staff.senior, staffed_clinic().clinicadmin):
        with pytest.raises(NotAllowed):
            clinic_set_default_network(user=user, clinic=staff.clinic, name="unet")
