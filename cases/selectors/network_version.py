"""Which versions of the networks are known, and which of them is active: cards and rows, no weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cases.choices import NetworkState
from cases.models import NetworkActivation, NetworkVersion, Prediction
from inference.cards import ModelCard
from inference.engines.equivalence import proven_engines
from inference.registry import InstalledModel, added_versions, shipped_versions


@dataclass(frozen=True)
class KnownVersion:
    """A version of a network.

    `row` is None for one that came with the system, `card` is None where the files are not on this machine.
    `proven_engines` are those in fewer bits than float32 that were measured to stay within bounds.
    """

    name: str
    version: str
    sha256: str
    state: NetworkState
    card: ModelCard | None
    row: NetworkVersion | None
    proven_engines: tuple[str, ...]

    @property
    def is_active(self) -> bool:
        """Whether this version answers requests for the network."""
        return self.state == NetworkState.ACTIVE

    @property
    def can_run(self) -> bool:
        """Whether photographs may be analysed with it."""
        return self.card is not None and self.state != NetworkState.RETIRED

    @property
    def key(self) -> str:
        """Names the version in an address."""
        return f"{self.name}:{self.sha256}"


def active_versions() -> dict[str, InstalledModel]:
    """By network name, the version that answers requests.

    The one that was activated last; or the one that came with the system, where none was activated or where what was
    activated came with an earlier release. A network whose activated version has lost its files is left out: no other
    version may answer in its name.
    """
    shipped, added = shipped_versions(), added_versions()
    found = {(model.name, model.card.sha256): model for model in (*added, *shipped)}
    active = {model.name: model for model in shipped}
    for name, sha256 in activated().items():
        if (name, sha256) in found:
            active[name] = found[name, sha256]
        elif NetworkVersion.objects.filter(name=name, sha256=sha256).exists():
            active.pop(name, None)
    return active


def activated() -> dict[str, str]:
    """By network name, the sha256 that was activated last."""
    return dict(NetworkActivation.objects.order_by("pk").values_list("name", "sha256"))


def known_versions() -> list[KnownVersion]:
    """Every version of every network, by name, the newest first and the one that came with the system last."""
    active = {(name, model.card.sha256) for name, model in active_versions().items()}
    added = {(model.name, model.card.sha256): model for model in added_versions()}
    known = [
        _known(row.name, row.version, row.sha256, active, model=added.get((row.name, row.sha256)), row=row)
        for row in NetworkVersion.objects.select_related("installed_by").order_by("-pk")
    ]
    known += [
        _known(model.name, model.card.version, model.card.sha256, active, model=model, row=None)
        for model in shipped_versions()
    ]
    return sorted(known, key=lambda version: version.name)


def version_get(name: str, sha256: str) -> KnownVersion | None:
    """A known version; None where there is none with these weights."""
    return next((each for each in known_versions() if (each.name, each.sha256) == (name, sha256)), None)


def weights_to_run(prediction: Prediction) -> Mapping[str, str]:
    """By network name, the sha256 of the weights that a worker is to use for a waiting analysis.

    Those that were asked for, even if others were activated meanwhile. Where an upgrade of the system has replaced
    them, those that are active now: the result names what really ran.
    """
    asked: dict[str, str] = prediction.networks.get("weights", {})
    present = {(model.name, model.card.sha256) for model in (*added_versions(), *shipped_versions())}
    if present.issuperset(asked.items()):
        return asked
    registered = set(NetworkVersion.objects.values_list("name", "sha256"))
    active = {name: model.card.sha256 for name, model in active_versions().items()}
    return {
        name: sha256 if (name, sha256) in present | registered else active.get(name, sha256)
        for name, sha256 in asked.items()
    }


def _known(
    name: str,
    version: str,
    sha256: str,
    active: set[tuple[str, str]],
    *,
    model: InstalledModel | None,
    row: NetworkVersion | None,
) -> KnownVersion:
    if (name, sha256) in active:
        state = NetworkState.ACTIVE
    elif row is not None and row.retired_at:
        state = NetworkState.RETIRED
    elif row is not None and row.proposed:
        state = NetworkState.PROPOSED
    else:
        state = NetworkState.INSTALLED
    proven = proven_engines(model) if model else ()
    return KnownVersion(name, version, sha256, state, model.card if model else None, row, proven)
