import pytest
import torch

from training.config import ConfigError
from training.export import blended


def test_a_blend_lies_between_two_networks_and_keeps_its_own_counters():
    own = {"w": torch.tensor([1.0, 2.0]), "counter": torch.tensor(7)}
    others = {"w": torch.tensor([3.0, 2.0]).half(), "counter": torch.tensor(1)}
    mixed = blended(own, others, 0.25)
    assert mixed["w"].tolist() == [1.5, 2.0]
    assert mixed["counter"] == 7


def test_only_weights_of_the_same_network_are_blended():
    own = {"w": torch.zeros(2)}
    for others in ({"w": torch.zeros(3)}, {"v": torch.zeros(2)}, {"w": torch.zeros(2), "v": torch.zeros(2)}):
        with pytest.raises(ConfigError, match=r"of another network: [vw]"):
            blended(own, others, 0.5)
    with pytest.raises(ConfigError, match=r"between 0 and 1, not at 1\.5"):
        blended(own, own, 1.5)
