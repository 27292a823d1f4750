"""Training samples changed at random: boxes stay on their objects."""

import pytest
import torch

from autosplit.compress.augment import CHANGES, Augmentation, moved_to_input
from autosplit.data.coco import Truth
from autosplit.errors import DataError
from autosplit.runs.declared.choices import AUGMENTATION_NAMES


def unmoved(width, height):
    return 0, 0, width, height


def pictures(count=16, side=32):
    """Dark pictures with one bright box each, at even places."""
    random = torch.Generator().manual_seed(0)
    images = torch.zeros(count, 3, side, side)
    truths = []
    for image in images:
        x, y = (2 * torch.randint(0, 10, (2,), generator=random)).tolist()
        image[:, y : y + 8, x : x + 12] = 1.0
        truths.append(Truth(side, side, ((x, y, 12, 8),), (1,), (96.0,), (False,)))
    return images, tuple(truths)


def drawn(truth):
    """A picture with the boxes of a truth."""
    found = torch.zeros(3, truth.height, truth.width)
    for x, y, w, h in truth.boxes:
        found[:, round(y) : round(y + h), round(x) : round(x + w)] = 1.0
    return found


def augmented(*names, seed=1, place=unmoved):
    random = torch.Generator().manual_seed(seed)
    return Augmentation(names, place)(*pictures(), random)


def test_mirrored_boxes_are_on_their_objects_and_half_are_mirrored():
    images, truths = augmented("flip")

    assert all(torch.equal(image, drawn(t)) for image, t in zip(images, truths, strict=True))
    same = [torch.equal(a, b) for a, b in zip(images, pictures()[0], strict=True)]
    assert 3 <= sum(same) <= 13


def test_boxes_of_a_mosaic_are_on_their_objects():
    images, truths = augmented("mosaic")
    before = pictures()[0]

    changed = [place for place in range(16) if not torch.equal(images[place], before[place])]
    assert 3 <= len(changed) <= 13
    seen = 0
    for place in changed:
        for x, y, w, h in truths[place].boxes:
            assert w <= 6
            assert h <= 4
            inside = images[place, :, round(y) : round(y + h), round(x) : round(x + w)]
            assert float(inside.mean()) > 0.95
            seen += 1
        bright = float((images[place, 0] > 0.5).sum())
        assert bright == pytest.approx(sum(truths[place].areas), abs=2 * 6 + 1)
    assert seen > len(changed)


def test_colours_keep_the_range_and_the_boxes():
    images, truths = augmented("colour")
    before, same = pictures()

    assert truths == same
    assert float(images.min()) >= 0
    assert float(images.max()) <= 1
    assert not torch.equal(images, before)


def test_the_seed_decides():
    one, again, other = (augmented(*CHANGES, seed=seed)[0] for seed in (1, 1, 2))

    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_boxes_are_moved_to_the_input():
    truth = Truth(20, 10, ((2, 1, 4, 2),), (0,), (8.0,))

    moved = moved_to_input(truth, lambda _width, _height: (0, 8, 32, 16), (32, 32))

    # A picture of 20 x 10 takes 32 x 16 from row 8 on: 1.6 times as large.
    assert (moved.width, moved.height) == (32, 32)
    assert moved.boxes[0] == pytest.approx((3.2, 9.6, 6.4, 3.2))
    assert moved.areas[0] == pytest.approx(8 * 1.6**2)


def test_classes_of_pixels_are_mirrored_too():
    images = torch.arange(4.0).view(1, 1, 1, 4).repeat(12, 3, 2, 1)
    labels = torch.arange(4).view(1, 1, 4).repeat(12, 2, 1)

    flipped, classes = Augmentation(("flip",))(images, labels, torch.Generator().manual_seed(0))

    assert torch.equal(flipped[:, 0].long(), classes)
    assert not torch.equal(classes, labels)


def test_what_cannot_be_is_one_clear_line():
    random = torch.Generator()
    with pytest.raises(DataError, match="--augment: needs pictures"):
        Augmentation(("flip",))(torch.zeros(2, 4), None, random)
    with pytest.raises(DataError, match="--augment mosaic: needs pictures with annotated boxes"):
        Augmentation(("mosaic",))(torch.zeros(2, 3, 8, 8), torch.zeros(2), random)


def test_the_names_are_those_that_can_be_asked_for():
    assert tuple(CHANGES) == AUGMENTATION_NAMES
