import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.lesions import LESIONS
from inference.networks import NetworkSpec
from training.config import BudgetConfig, ConfigError, DataConfig, InputConfig, OptimiserConfig, TrainingConfig
from training.datasets.records import Record
from training.datasets.squares import Square
from training.sampling import CropDataset, lesion_points
from training.transforms import Placement, default_photometric


def square(seed=0, side=128, *, outlined=True):
    randomness = np.random.default_rng(seed)
    bits = np.zeros((side, side), np.uint8)
    bits[20:24, 30:34] |= 0b0001  # EX
    bits[90:92, 100:102] |= 0b1000  # MA
    return Square(
        record=Record(Path("x.jpg"), "s", "p", masks={} if outlined else None),
        rgb=randomness.integers(0, 255, (side, side, 3), dtype=np.uint8),
        bits=bits if outlined else None,
        inside=np.ones((side, side), bool),
    )


@pytest.fixture
def config():
    return TrainingConfig(
        name="tiny",
        network=NetworkSpec("unet", "se_resnet50", 4, (8, 8, 8, 8)),
        input=InputConfig(size=128, crop=32, lesion_centred=1.0),
        optimiser=OptimiserConfig(batch=2),
        budget=BudgetConfig(steps=8),
    )


def test_a_placement_without_turn_or_zoom_is_a_plain_crop():
    image = square().rgb
    crop = Placement(centre=(50, 40), zoom=1.0, angle=0.0, flip=False, crop=32).warp_image(image)
    assert np.array_equal(crop, image[24:56, 34:66])


def test_a_placement_mirrors_and_turns_image_and_mask_alike():
    image = square().rgb
    placement = Placement(centre=(50, 40), zoom=1.0, angle=0.0, flip=True, crop=32)
    mirrored = placement.warp_image(image)
    assert np.array_equal(mirrored[:, 1:], image[24:56, 34:66][:, ::-1][:, :-1])
    mask = np.zeros((128, 128), np.uint8)
    mask[40, 50] = 1
    turned = Placement(centre=(50, 40), zoom=3.0, angle=37.0, flip=True, crop=32)
    assert turned.warp_mask(mask).argmax() == np.ravel_multi_index((16, 16), (32, 32))


def test_every_lesion_counts_once():
    points = lesion_points(square())
    assert [len(p) for p in points.by_channel] == [1, 0, 0, 1]
    assert points.present == [0, 3]


def test_lesion_centred_crops_show_a_lesion(config):
    dataset = CropDataset(config, [square()])
    shown = [dataset[index]["target"].amax(dim=(1, 2)) for index in range(16)]
    assert all(t[0] > 0.3 or t[3] > 0.1 for t in shown)
    assert any(t[0] > 0.3 for t in shown)
    assert any(t[3] > 0.1 for t in shown)


def test_a_sample_depends_on_seed_and_index_alone(config):
    first, second = CropDataset(config, [square()]), CropDataset(config, [square()])
    second[0]  # another history
    for key, value in first[5].items():
        assert torch.equal(value, second[5][key])
    other = CropDataset(dataclasses.replace(config, seed=99), [square()])
    assert not torch.equal(first[5]["image"], other[5]["image"])


def test_photographs_that_nobody_outlined_are_marked(config):
    data = DataConfig(negatives_share=0.4, unlabelled_share=0.4)
    dataset = CropDataset(
        dataclasses.replace(config, data=data), [square()], [square(1, outlined=False)], [square(2, outlined=False)]
    )
    items = [dataset[index] for index in range(16)]
    assert {float(item["labelled"]) for item in items} == {0.0, 1.0}
    assert all(not item["target"].any() for item in items if item["labelled"] == 0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DataConfig(negatives_share=0.1), r"data\.negatives: 0 photographs for a share of 0\.1"),
        (DataConfig(negatives_share=0.7, unlabelled_share=0.6), r"data\.labelled: 1 photographs for a share of -0\.3"),
    ],
)
def test_a_share_without_photographs_is_refused(config, data, message):
    with pytest.raises(ConfigError, match=message):
        CropDataset(dataclasses.replace(config, data=data), [square()], [], [square()])


def test_photometric_transforms_change_colours_but_no_shape():
    image = square().rgb
    changed = default_photometric(seed=1)(image=image)["image"]
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, image)


def test_the_seeds_list_shows_whole_photographs_with_their_masks(config):
    seeded = dataclasses.replace(config, input=InputConfig(size=96, crop=32, transforms="seed"))
    dataset = CropDataset(seeded, [square()])
    item = dataset[3]
    assert item["image"].shape == (3, 96, 96)
    assert item["target"].shape == (4, 96, 96)
    assert set(item["target"].unique().tolist()) <= {0.0, 1.0}
    shown = torch.stack([dataset[index]["target"].sum(dim=(1, 2)) for index in range(8)])
    assert (shown[:, 0] > 0).all()  # 16 of 128 x 128 pixels: about 9 of 96 x 96
    assert torch.equal(shown[:, [1, 2]], torch.zeros(8, 2))
    assert torch.equal(dataset[3]["image"], item["image"])  # a function of seed and index
    assert not torch.equal(dataset[4]["image"], item["image"])


def with_bleeds(settings, share):
    return dataclasses.replace(settings, input=dataclasses.replace(settings.input, bleeds=share))


def marked_crops(settings, **pools):
    dataset = CropDataset(settings, [square()], **pools)
    return [bool(dataset[index]["target"][LESIONS.index("HE")].any()) for index in range(len(dataset))]


def test_the_configuration_says_how_many_crops_bleed(config):
    longer = dataclasses.replace(config, budget=dataclasses.replace(config.budget, steps=50))
    assert not any(marked_crops(longer))
    assert np.mean(marked_crops(with_bleeds(longer, 1.0))) > 0.9  # the rest lies outside the field of view
    assert 0.15 < np.mean(marked_crops(with_bleeds(longer, 0.3))) < 0.5


def test_photographs_that_only_a_teacher_can_tell_are_left_alone(config):
    data = dataclasses.replace(config.data, unlabelled_share=1.0)
    settings = with_bleeds(dataclasses.replace(config, data=data), 1.0)
    assert not any(marked_crops(settings, unlabelled=[square(outlined=False)]))
