import numpy as np
import pytest
import torch

from inference.networks import NetworkSpec, build
from tests.training.test_grading import SIDE, photograph
from training.classifier_refit import refit_classifier
from training.config import InputConfig, TrainingConfig
from training.grading import grade_logits


def test_a_refitted_last_layer_reads_what_the_features_tell():
    torch.manual_seed(0)
    config = TrainingConfig("toy", NetworkSpec("resnet50", "resnet50", head="classes"), InputConfig(size=32))
    squares = []
    for index in range(60):
        square = photograph(index, index % 5)
        square.rgb[:] = 40 * (index % 5) + np.random.default_rng(index).integers(0, 12, (SIDE, SIDE, 3))
        squares.append(square)
    tensors = build(config.network).state_dict()
    refitted = refit_classifier(tensors, config, squares)
    assert all(refitted[name] is tensors[name] for name in tensors if not name.startswith("fc."))
    network = build(config.network)
    network.load_state_dict(refitted)
    predicted = grade_logits(network.eval(), squares, config).argmax(1)
    assert (predicted == np.arange(60) % 5).mean() > 0.7


def test_every_grade_must_occur():
    config = TrainingConfig("toy", NetworkSpec("resnet50", "resnet50", head="classes"), InputConfig(size=32))
    with pytest.raises(ValueError, match="all five grades"):
        refit_classifier(build(config.network).state_dict(), config, [photograph(1, 0), photograph(2, 3)])
