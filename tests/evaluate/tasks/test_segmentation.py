"""Segmentation: mIoU and pixel accuracy are those of torchmetrics."""

import pytest
import torch
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_jaccard_index

from autosplit.errors import DataError
from autosplit.evaluate.tasks.segmentation import PixelRecord, read_pixels

DRAWN = torch.Generator().manual_seed(0)
LOGITS = torch.randn(6, 4, 5, 5, generator=DRAWN)
TRUTH = torch.randint(4, (6, 5, 5), generator=DRAWN)


def filled(logits, truth, reference=None, size=4):
    record = PixelRecord(total=len(logits))
    for first in range(0, len(logits), size):
        place = slice(first, first + size)
        part = logits[place]
        labels = None if truth is None else truth[place]
        ref = part if reference is None else reference[place]
        record.add(read_pixels((part,), labels, len(part), (ref,)))
    return record


def test_scores_are_those_of_torchmetrics():
    scores = filled(LOGITS, TRUTH).scores()

    miou = multiclass_jaccard_index(LOGITS, TRUTH, 4)
    accuracy = multiclass_accuracy(LOGITS, TRUTH, 4, average="micro")
    assert scores["miou"] == pytest.approx(float(miou), abs=1e-6)
    assert scores["pixel_accuracy"] == pytest.approx(float(accuracy), abs=1e-6)


@pytest.mark.parametrize("ignored", [255, -100, -1])
def test_pixels_that_do_not_count(ignored):
    truth = TRUTH.clone()
    truth[:, :2] = ignored
    scores = filled(LOGITS, truth[:, None]).scores()

    miou = multiclass_jaccard_index(LOGITS[:, :, 2:], TRUTH[:, 2:], 4)
    assert scores["miou"] == pytest.approx(float(miou), abs=1e-6)


def test_a_class_that_is_neither_found_nor_there_does_not_count():
    logits = torch.zeros(1, 3, 1, 2)
    logits[0, 0, 0] = 1.0

    scores = filled(logits, torch.tensor([[[0, 1]]])).scores()
    assert scores["miou"] == 0.25  # of the class 0 a half, of 1 nothing; 2 is not there


def test_agreement_is_a_share_of_pixels():
    other = LOGITS.clone()
    other[:, :, 0] = -other[:, :, 0]
    scores = filled(other, None, LOGITS).scores()

    same = (other.argmax(1) == LOGITS.argmax(1)).double().mean()
    assert scores["pixel_agreement"] == pytest.approx(float(same))
    assert scores["miou"] is None


def test_one_class_is_yes_or_no():
    logits = torch.tensor([[[[2.0, -1.0]]]])

    assert filled(logits, torch.tensor([[[1, 0]]])).scores()["pixel_accuracy"] == 1.0


@pytest.mark.parametrize(
    ("logits", "truth", "problem"),
    [
        (torch.zeros(2, 3), None, r"\(batch, classes, H, W\), got \(2, 3\)"),
        (LOGITS, TRUTH + 1, r"labels of pixels must be 0\.\.3, .*, got 4"),
        (LOGITS, TRUTH[:, 0], r"each pixel of \(4, 5, 5\), got labels of shape \(4, 5\)"),
    ],
)
def test_other_outputs_and_labels_are_refused(logits, truth, problem):
    with pytest.raises(DataError, match=problem):
        filled(logits, truth)
