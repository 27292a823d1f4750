"""Losses beside their formulas."""

import math

import pytest
import torch

from autosplit.compress.losses import TASK_LOSSES, Objective
from autosplit.errors import DataError, OptionError

ANSWERS = torch.tensor([[0.0, math.log(3.0)]])  # probabilities 1/4 and 3/4


def test_cross_entropy_with_and_without_smoothing():
    """-log 3/4; smoothed by 0.2: -(0.9 log 3/4 + 0.1 log 1/4)."""
    label = torch.tensor([1])

    plain = Objective("classification")([ANSWERS], label, None)
    smooth = Objective("classification", 0.2)([ANSWERS], label, None)

    assert float(plain) == pytest.approx(-math.log(0.75))
    assert float(smooth) == pytest.approx(-(0.9 * math.log(0.75) + 0.1 * math.log(0.25)))


def test_pixels_of_no_class_count_for_nothing():
    maps = ANSWERS.view(1, 2, 1, 1).expand(1, 2, 1, 3)

    got = TASK_LOSSES["segmentation"](maps, torch.tensor([[[1, 255, 1]]]), 0.0)

    assert float(got) == pytest.approx(-math.log(0.75))


def test_binary_labels_are_smoothed_towards_a_half():
    """With p = 1/2, any label gives log 2."""
    zero = torch.zeros(2, 3)

    got = TASK_LOSSES["multi-label"](zero, torch.tensor([[1, 0, 1], [0, 0, 1]]), 0.1)

    assert float(got) == pytest.approx(math.log(2))
    confident = TASK_LOSSES["binary"](torch.tensor([[50.0]]), torch.tensor([1]), 0.1)
    assert float(confident) == pytest.approx(0.05 * 50, rel=1e-4)


def test_numbers_are_compared_by_their_square():
    got = TASK_LOSSES["regression"](torch.tensor([[1.0], [3.0]]), torch.tensor([2, 5]), 0.0)

    assert float(got) == pytest.approx((1 + 4) / 2)


def test_a_teacher_takes_its_share():
    """Of two equal classes the divergence from (1/4, 3/4) is 1/4 log 1/2 + 3/4 log 3/2."""
    student, label = torch.zeros(1, 2), torch.tensor([1])
    divergence = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)

    got = Objective("classification", share=0.25)([student], label, [ANSWERS])

    assert float(got) == pytest.approx(0.25 * divergence + 0.75 * math.log(2), rel=1e-5)
    alone = Objective("detection", share=1.0)([student], None, [ANSWERS])
    assert float(alone) == pytest.approx(divergence, rel=1e-5)


def test_what_is_missing_is_said():
    with pytest.raises(OptionError, match="has no loss for the labels of the task detection"):
        Objective("detection")
    with pytest.raises(DataError, match="must have labels to be trained on, have none"):
        Objective("classification")([ANSWERS], None, None)
