import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.networks import NetworkSpec, build
from inference.networks.spec import grade_probabilities, lesion_probabilities


@pytest.mark.parametrize("architecture", ["unet", "unetplusplus", "manet"])
@pytest.mark.parametrize(("head", "outputs"), [("multilabel", 4), ("softmax", 5), ("single:MA", 1)])
def test_segmentation_networks_give_logits_of_the_inputs_size(architecture, head, outputs):
    spec = NetworkSpec(architecture, "se_resnet50", 4, (16, 16, 8, 8), head)
    network = build(spec).eval()
    with torch.no_grad():
        logits = network(torch.randn(1, 3, 64, 64))
    assert logits.shape == (1, outputs, 64, 64)
    assert spec.outputs == outputs
    assert len(lesion_probabilities(logits[0].numpy(), spec)) == len(spec.lesions)


def test_a_cut_encoder_stage_is_neither_kept_nor_shipped():
    names = build(NetworkSpec("unet", "se_resnet50", 4, (16, 16, 8, 8))).state_dict()
    assert not any("layer4" in name for name in names)
    full = build(NetworkSpec("unet", "se_resnet50", 5, (16, 16, 16, 8, 8))).state_dict()
    assert any("layer4" in name for name in full)


def test_efficientnet_lite_is_available():
    network = build(NetworkSpec("unet", "timm-tf_efficientnet_lite2", 5, (16, 16, 8, 8, 8))).eval()
    with torch.no_grad():
        assert network(torch.randn(1, 3, 64, 64)).shape == (1, 4, 64, 64)


@pytest.mark.parametrize(("head", "outputs"), [("classes", 5), ("ordinal", 4)])
def test_the_grader_gives_one_logit_per_answer(head, outputs):
    spec = NetworkSpec("resnet50", "resnet50", head=head)
    with torch.no_grad():
        logits = build(spec).eval()(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, outputs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"architecture": "vgg", "encoder": "x"}, "unknown architecture 'vgg'"),
        ({"architecture": "unet", "encoder": "se_resnet50", "encoder_depth": 4}, "one width per encoder stage"),
        ({"architecture": "resnet50", "encoder": "resnet50", "head": "softmax"}, "unknown head 'softmax'"),
    ],
)
def test_an_impossible_network_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        NetworkSpec(**arguments)


def test_softmax_probabilities_leave_out_the_background():
    spec = NetworkSpec("unet", "se_resnet50", 4, (8, 8, 8, 8), "softmax")
    logits = np.random.default_rng(1).normal(size=(5, 3, 3)).astype(np.float32)
    expected = torch.softmax(torch.from_numpy(logits), 0)[1:].numpy()
    assert np.allclose(lesion_probabilities(logits, spec), expected, atol=1e-6)


def test_sigmoid_probabilities_do_not_overflow():
    spec = NetworkSpec("unet", "se_resnet50", 4, (8, 8, 8, 8))
    logits = np.array([-1e4, -2.0, 0.0, 1e4], np.float32).reshape(4, 1, 1)
    assert lesion_probabilities(logits, spec).ravel() == pytest.approx([0, 1 / (1 + np.e**2), 0.5, 1])


@settings(max_examples=50)
@given(
    st.sampled_from([("classes", 5), ("ordinal", 4)]),
    st.lists(st.floats(-30, 30), min_size=5, max_size=5),
    st.floats(0.2, 10),
)
def test_grade_probabilities_sum_to_one(head, logits, temperature):
    name, count = head
    spec = NetworkSpec("resnet50", "resnet50", head=name)
    probability = grade_probabilities(np.array(logits[:count], np.float32), spec, temperature)
    assert probability.shape == (5,)
    assert (probability >= -1e-6).all()
    assert probability.sum() == pytest.approx(1, abs=1e-5)


def test_temperature_flattens_but_never_changes_the_grade():
    spec = NetworkSpec("resnet50", "resnet50", head="classes")
    logits = np.array([0.1, 2.0, 1.0, -1.0, 0.5], np.float32)
    hot, cold = grade_probabilities(logits, spec, 5.0), grade_probabilities(logits, spec, 1.0)
    assert hot.argmax() == cold.argmax() == 1
    assert hot.max() < cold.max()


def test_web_processes_can_import_the_contract_without_torch():
    modules = (
        "inference", "inference.lesions", "inference.errors", "inference.cards", "inference.field_of_view",
        "inference.preprocessing", "inference.networks",
    )  # fmt: skip
    code = f"import sys, {', '.join(modules)}; sys.exit(any(m in sys.modules for m in ('torch', 'openvino', 'timm')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
