import pytest
import torch

from training import precision


@pytest.mark.parametrize("pays", [True, False])
def test_networks_are_trained_in_half_precision_only_where_the_cpu_gains_by_it(monkeypatch, pays):
    monkeypatch.setattr(precision, "bf16_pays", lambda: pays)
    with precision.mixed_precision(torch.device("cpu")):
        assert torch.is_autocast_enabled("cpu") == pays
