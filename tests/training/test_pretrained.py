"""Where weights come from, and which of them learn."""

import dataclasses

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet50

from inference.networks import NetworkSpec, build
from training.config import ConfigError, InputConfig, OptimiserConfig, TrainingConfig
from training.optimiser import make_optimiser, training_mode
from training.pretrained import initialise
from training.segmentation import TaughtSegmenter, expect_background

UNET = NetworkSpec("unet", "se_resnet50", 4, (8, 8, 8, 8))
UNET_PLUS_PLUS = dataclasses.replace(UNET, architecture="unetplusplus")


def config(network=UNET, source="", **optimiser):
    return TrainingConfig(
        name="tiny",
        network=network,
        input=InputConfig(size=64),
        initial_weights=str(source),
        optimiser=OptimiserConfig(**optimiser),
    )


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(1)
    return build(UNET)


@pytest.fixture
def unet_file(tmp_path, unet):
    save_file({k: v.half() if v.is_floating_point() else v for k, v in unet.state_dict().items()}, tmp_path / "u.st")
    return (tmp_path / "u.st").rename(tmp_path / "unet.safetensors")


def same(one, other):
    return all(
        torch.allclose(a, b.float(), atol=1e-3) for a, b in zip(one.parameters(), other.parameters(), strict=True)
    )


def test_a_network_of_the_same_kind_takes_everything(unet, unet_file):
    network = build(UNET)
    initialise(network, config(source=unet_file))
    assert same(network, unet)


def test_another_architecture_takes_the_encoder_alone(unet, unet_file):
    network = build(UNET_PLUS_PLUS)
    decoder = [p.detach().clone() for p in network.decoder.parameters()]
    initialise(network, config(UNET_PLUS_PLUS, unet_file))
    assert same(network.encoder, unet.encoder)
    assert all(torch.equal(a, b) for a, b in zip(decoder, network.decoder.parameters(), strict=True))


def test_the_encoder_may_come_from_a_file_of_its_own(tmp_path, unet, unet_file):
    other = build(UNET_PLUS_PLUS)
    save_file(other.state_dict(), tmp_path / "other.safetensors")
    settings = config(UNET_PLUS_PLUS, tmp_path / "other.safetensors")
    network = build(UNET_PLUS_PLUS)
    initialise(network, dataclasses.replace(settings, encoder_weights=str(unet_file)))
    assert same(network.encoder, unet.encoder)
    assert same(network.decoder, other.decoder)
    network = build(UNET_PLUS_PLUS)
    initialise(network, dataclasses.replace(settings, initial_weights="", encoder_weights=str(unet_file)))
    assert same(network.encoder, unet.encoder)
    assert not same(network.decoder, other.decoder)


def test_another_head_takes_encoder_and_decoder(unet, unet_file):
    single = dataclasses.replace(UNET, head="single:MA")
    network = build(single)
    initialise(network, config(single, unet_file))
    assert same(network.decoder, unet.decoder)
    assert network.segmentation_head[0].weight.shape[0] == 1


def test_a_file_of_a_run_or_of_an_encoder_alone_fits_too(tmp_path, unet):
    for prefix, tensors in (("student.", unet.state_dict()), ("", unet.encoder.state_dict())):
        file = tmp_path / "x.safetensors"
        save_file({prefix + k: v for k, v in tensors.items()}, file)
        network = build(UNET)
        initialise(network, config(source=file))
        assert same(network.encoder, unet.encoder)


def test_a_grader_starts_from_torchvisions_own_file(tmp_path):
    published = resnet50(weights=None)  # 1000 classes, as published
    torch.save(published.state_dict(), tmp_path / "resnet50-11ad3fa6.pth")
    spec = NetworkSpec("resnet50", "resnet50", head="classes")
    network = build(spec)
    initialise(network, config(spec, tmp_path / "resnet50-11ad3fa6.pth"))
    assert same(network.layer4, published.layer4)
    assert torch.equal(network.bn1.running_var, published.bn1.running_var)
    assert network.fc.weight.shape == (5, 2048)


def test_files_that_do_not_serve_are_named(tmp_path, unet_file):
    grader = NetworkSpec("resnet50", "resnet50", head="classes")
    with pytest.raises(ConfigError, match=r"unet\.safetensors does not fit: .*bn1"):
        initialise(build(grader), config(grader, unet_file))
    with pytest.raises(ConfigError, match=r"file not found.*none\.safetensors"):
        initialise(build(UNET), config(source=tmp_path / "none.safetensors"))
    for name in ("bad.safetensors", "bad.pth"):
        (tmp_path / name).write_bytes(b"no weights at all")
        with pytest.raises(ConfigError, match=f"{name} cannot be read"):
            initialise(build(UNET), config(source=tmp_path / name))
    torch.save({"epoch": 3}, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match="no state dict"):
        initialise(build(UNET), config(source=tmp_path / "other.pth"))


def test_lesions_are_not_expected_before_they_are_seen():
    for head, channel in (("multilabel", slice(None)), ("softmax", slice(1, None))):
        spec = dataclasses.replace(UNET, head=head)
        network = build(spec)
        nn.init.zeros_(network.segmentation_head[0].weight)
        expect_background(network, spec)
        logits = network.eval()(torch.randn(1, 3, 32, 32))
        probability = logits.sigmoid() if head == "multilabel" else logits.softmax(1)
        assert probability[:, channel].amax() < 0.03


@pytest.mark.parametrize("taught", [False, True])
def test_a_frozen_encoder_stays_as_it_is_and_costs_no_backward_pass(unet, taught):
    network = TaughtSegmenter(build(UNET), unet) if taught else build(UNET)
    settings = config(encoder_lr=0.0, lr=0.1)
    optimiser = make_optimiser(network, settings)
    encoder = network.student.encoder if taught else network.encoder
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    training_mode(network, settings)
    features = encoder(torch.randn(2, 3, 64, 64))
    assert not any(feature.requires_grad for feature in features)  # nothing to go back through
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    optimiser.step()
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert not any("encoder." in name for name in changed)


@pytest.mark.parametrize("taught", [False, True])
def test_a_frozen_layer_stays_as_it_is(unet, taught):
    layer = "decoder.blocks.0.conv1.0"
    network = TaughtSegmenter(build(UNET), unet) if taught else build(UNET)
    optimiser = make_optimiser(network, config(frozen=(layer,), lr=0.1))
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    optimiser.step()
    kept = [name for name, parameter in network.named_parameters() if torch.equal(parameter, before[name])]
    assert [name for name in kept if "decoder" in name] == [("student." if taught else "") + layer + ".weight"]
    with pytest.raises(ConfigError, match=r"optimiser\.frozen: .*no attribute `nothing`"):
        make_optimiser(network, config(frozen=("decoder.nothing",)))


@pytest.mark.parametrize("taught", [False, True])
def test_the_encoder_has_a_rate_of_its_own(unet, taught):
    network = TaughtSegmenter(build(UNET), unet) if taught else build(UNET)
    groups = make_optimiser(network, config(encoder_lr=0.1)).param_groups
    share = {id(p): group["lr_share"] for group in groups for p in group["params"]}
    assert {share[id(p)] for name, p in network.named_parameters() if "encoder." in name} == {0.1}
    assert {share[id(p)] for name, p in network.named_parameters() if "encoder." not in name} == {1.0}


def test_a_network_without_an_encoder_has_no_rate_for_it():
    spec = NetworkSpec("resnet50", "resnet50", head="classes")
    with pytest.raises(ConfigError, match="encoder_lr: a resnet50"):
        make_optimiser(build(spec), config(spec, encoder_lr=0.1))
