"""Segmentation: a class for each pixel; mean intersection over union, pixel accuracy."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from autosplit.errors import DataError
from autosplit.evaluate.task import SEGMENTATION, Task
from autosplit.evaluate.tasks.samples import (
    IGNORED,
    Answers,
    SampleRecord,
    moved,
    sqnr_db,
    tensor_labels,
)

_IGNORED = (IGNORED, 255, -1)
"""Labels of pixels that do not count: PyTorch's, PASCAL VOC's, and -1."""


def read_pixels(
    outputs: Answers, labels: object, batch: int, reference: Answers | None = None
) -> dict[str, Tensor]:
    """Read the class of each pixel.

    Args:
        outputs: The first are class scores, (batch, classes, H, W); one class is yes or no.
        labels: The class of each pixel, (batch, H, W) or (batch, 1, H, W), or None.  Pixels of the
            labels 255, -100 and -1 do not count.
        batch: Number of samples.
        reference: Outputs of the float network, or None where ``outputs`` are those.

    Raises:
        DataError: The output or the labels are of another shape, or a label is no class.
    """
    found = _classes(outputs[0], batch)
    before = found if reference is None else _classes(reference[0], batch)
    answers = moved(outputs[:1], (reference or outputs)[:1])
    answers["same"] = (found == before).flatten(1).double().mean(1)
    truth = tensor_labels(labels, "segmentation")
    if truth is None:
        return answers
    if truth.numel() != found.numel():
        raise DataError(
            f"evaluation data: must have a class for each pixel of {tuple(found.shape)}, got "
            f"labels of shape {tuple(truth.shape)}"
        )
    classes = max(outputs[0].shape[1], 2)
    truth = truth.reshape(found.shape).long()
    counted = torch.stack([truth != value for value in _IGNORED if value != classes - 1]).all(0)
    _check_labels(truth[counted], classes)
    return {**answers, **_counts(found, truth, counted, classes)}


def _classes(scores: Tensor, batch: int) -> Tensor:
    if scores.dim() < 3 or len(scores) != batch:
        raise DataError(
            "evaluation: the network's output must be class scores of each pixel, (batch, classes, "
            f"H, W), got {tuple(scores.shape)}"
        )
    return scores.argmax(1) if scores.shape[1] > 1 else (scores[:, 0] > 0).long()


def _check_labels(labels: Tensor, classes: int) -> None:
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        worst = labels.min() if labels.min() < 0 else labels.max()
        raise DataError(
            f"evaluation data: labels of pixels must be 0..{classes - 1}, the network's classes, "
            f"or 255 for pixels that do not count, got {int(worst)}"
        )


def _counts(found: Tensor, truth: Tensor, counted: Tensor, classes: int) -> dict[str, Tensor]:
    """Pixels of each class in each sample: found, there, and both; shape (samples, classes)."""
    batch = len(found)
    rows = torch.arange(batch).reshape(-1, *[1] * (found.dim() - 1)).expand_as(found)[counted]

    def count(labels: Tensor, keep: Any = slice(None)) -> Tensor:
        places = (rows * classes + labels)[keep]
        return torch.bincount(places, minlength=batch * classes).reshape(batch, classes)

    own, true = found[counted], truth[counted]
    return {"found": count(own), "there": count(true), "both": count(own, own == true)}


class PixelRecord(SampleRecord):
    """The record of a network that gives each pixel a class."""

    task: ClassVar[Task] = SEGMENTATION

    def scores(self) -> dict[str, float | None]:
        """Compute the mean IoU over classes that are found or there, and the pixel accuracy.

        IoU of a class = pixels that are both / pixels that are found or there, over all samples.
        """
        found: dict[str, float | None] = dict.fromkeys(self.task.columns)
        found["pixel_agreement"] = float(self.array("same").mean())
        found["sqnr_db"] = sqnr_db(self)
        if "both" in self.values:
            both, own, true = (self.array(name).sum(0) for name in ("both", "found", "there"))
            union = own + true - both
            known = union > 0
            found["miou"] = float(np.mean(both[known] / union[known])) if known.any() else 0.0
            found["pixel_accuracy"] = float(both.sum() / max(true.sum(), 1))
        return found
