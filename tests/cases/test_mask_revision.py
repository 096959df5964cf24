from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PillowImage

from cases.choices import PredictionState, Role
from cases.errors import ApplicationError, Conflict, NotAllowed
from cases.models import MaskRevision
from cases.selectors.mask import current_masks
from cases.services.mask_revision import mask_revision_create
from tests.factories import ImageFactory, PredictionFactory, mask_png, staffed_clinic

pytestmark = pytest.mark.django_db


def test_a_correction_becomes_the_next_revision_and_the_networks_mask_stays():
    staff = staffed_clinic()
    original = staff.prediction.lesions.get(lesion="HE").mask.read()
    first = mask_revision_create(
        user=staff.reader, image=staff.image, lesion="HE", content=mask_png((100, 80, 120, 90))
    )
    second = mask_revision_create(user=staff.senior, image=staff.image, lesion="HE", content=mask_png((0, 0, 0, 0)))
    assert (first.number, second.number) == (1, 2)
    assert (first.count, first.area_px) == (1, 200)
    assert (second.count, second.area_px) == (0, 0)
    assert staff.prediction.lesions.get(lesion="HE").mask.read() == original
    stored = np.array(PillowImage.open(first.mask))
    assert stored.dtype == bool
    assert stored[80:90, 100:120].all()
    assert stored.sum() == 200
    current = {mask.lesion: mask for mask in current_masks(staff.image, staff.prediction)}
    assert (current["HE"].revision, current["HE"].source) == (2, second)
    assert (current["EX"].revision, current["EX"].corrected) == (0, False)


def test_who_saves_on_an_older_revision_is_told_who_was_faster_and_nothing_is_lost():
    staff = staffed_clinic()
    mask_revision_create(user=staff.senior, image=staff.image, lesion="MA", content=mask_png(), base_revision=0)
    with pytest.raises(Conflict) as refused:
        mask_revision_create(user=staff.reader, image=staff.image, lesion="MA", content=mask_png(), base_revision=0)
    assert refused.value.details["latest_revision"] == 1
    assert refused.value.details["author"] == staff.senior.display_name()
    assert MaskRevision.objects.filter(image=staff.image).count() == 1
    saved = mask_revision_create(user=staff.reader, image=staff.image, lesion="MA", content=mask_png(), base_revision=1)
    assert saved.number == 2


def test_a_mask_of_another_size_is_refused():
    staff = staffed_clinic()
    with pytest.raises(ApplicationError) as refused:
        mask_revision_create(user=staff.reader, image=staff.image, lesion="EX", content=mask_png(size=(64, 64)))
    assert refused.value.code == "wrong_mask_size"


def test_there_is_nothing_to_correct_before_an_analysis():
    staff = staffed_clinic()
    image = ImageFactory(study=staff.study)
    PredictionFactory(image=image, state=PredictionState.QUEUED)
    with pytest.raises(Conflict) as refused:
        mask_revision_create(user=staff.reader, image=image, lesion="EX", content=mask_png())
    assert refused.value.code == "not_analysed"


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.TECHNICIAN, False),
        (Role.READER, True),
        (Role.SENIOR_READER, True),
        (Role.CLINIC_ADMIN, False),
    ],
)
def test_readers_correct_and_only_in_their_clinic(role, allowed):
    ours, theirs = staffed_clinic(), staffed_clinic()
    with pytest.raises(NotAllowed):
        mask_revision_create(user=theirs.by_role()[role], image=ours.image, lesion="EX", content=mask_png())
    if allowed:
        assert (
            mask_revision_create(user=ours.by_role()[role], image=ours.image, lesion="EX", content=mask_png()).author
            == ours.by_role()[role]
        )
    else:
        with pytest.raises(NotAllowed):
            mask_revision_create(user=ours.by_role()[role], image=ours.image, lesion="EX", content=mask_png())
