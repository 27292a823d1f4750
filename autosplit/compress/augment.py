"""Training samples changed at random: mirrored, other colours, four pictures in one.

Annotated boxes move with their pictures.  Inputs are pictures as a detector or a classifier takes
them, shape (n, C, H, W); boxes are moved to pixels of the input first.

| name | what it does | source |
| --- | --- | --- |
| ``flip`` | half of the pictures are mirrored left to right | |
| ``colour`` | contrast of 0.75 to 1.25, brightness of a tenth of the range | |
| ``mosaic`` | half of the pictures become four, scaled to halves about a random middle | Bochkovskiy et al. 2020, section 3.3 |
"""  # noqa: E501 - a table

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from autosplit.data.coco import Truth
from autosplit.data.images import Labels
from autosplit.errors import DataError

Place = Callable[[int, int], tuple[int, int, int, int]]
"""Left, top, width and height that a picture of a width and a height takes in the input."""
Change = Callable[[Tensor, Any, torch.Generator], tuple[Tensor, Any]]
LEAST_SIDE = 2.0
"""Sides in pixels below which a box that a mosaic cuts is left out."""


@dataclass(frozen=True)
class Augmentation:
    """Changes of a batch.

    Attributes:
        names: Names of ``CHANGES``, in order.
        place: Where pictures with boxes lie in the input.
    """

    names: tuple[str, ...] = ()
    place: Place | None = None

    def __call__(
        self, inputs: Tensor, labels: Labels | None, random: torch.Generator
    ) -> tuple[Tensor, Labels | None]:
        """Change a batch.

        Raises:
            DataError: The samples are no pictures, or a mosaic is asked for without boxes.
        """
        if not self.names:
            return inputs, labels
        if inputs.dim() != 4:
            raise DataError(
                f"--augment: needs pictures (n, C, H, W), the samples are {tuple(inputs.shape)}"
            )
        if labels is not None and _has_boxes(labels):
            assert self.place is not None
            size = inputs.shape[3], inputs.shape[2]
            labels = tuple(moved_to_input(truth, self.place, size) for truth in labels)
        for name in self.names:
            inputs, labels = CHANGES[name](inputs, labels, random)
        return inputs, labels


def moved_to_input(truth: Truth, place: Place, size: tuple[int, int]) -> Truth:
    """Annotated boxes in pixels of the input, as if the input were the picture.

    Args:
        truth: Boxes of a picture.
        place: Where the picture lies in the input.
        size: Width and height of the input.
    """
    left, top, width, height = place(truth.width, truth.height)
    across, down = width / truth.width, height / truth.height
    boxes = [
        (left + x * across, top + y * down, w * across, h * down) for x, y, w, h in truth.boxes
    ]
    areas = tuple(area * across * down for area in truth.areas)
    return replace(truth, width=size[0], height=size[1], boxes=tuple(boxes), areas=areas)


def _has_boxes(labels: Labels | None) -> bool:
    return isinstance(labels, Sequence) and all(isinstance(one, Truth) for one in labels)


def _flip(inputs: Tensor, labels: Labels, random: torch.Generator) -> tuple[Tensor, Labels]:
    chosen = torch.rand(len(inputs), generator=random) < 0.5
    inputs = torch.where(chosen.view(-1, 1, 1, 1), inputs.flip(3), inputs)
    if isinstance(labels, Tensor) and labels.dim() == 3:  # a class for each pixel
        labels = torch.where(chosen.view(-1, 1, 1), labels.flip(2), labels)
    elif _has_boxes(labels):
        pairs = zip(labels, chosen.tolist(), strict=True)
        labels = tuple(_mirrored(truth) if flipped else truth for truth, flipped in pairs)
    return inputs, labels


def _mirrored(truth: Truth) -> Truth:
    boxes = tuple((truth.width - x - w, y, w, h) for x, y, w, h in truth.boxes)
    return replace(truth, boxes=boxes)


def _colour(inputs: Tensor, labels: Labels, random: torch.Generator) -> tuple[Tensor, Labels]:
    """Contrast about the middle of the range and brightness, within the range of the batch."""
    shape = (len(inputs), 1, 1, 1)
    low, high = inputs.amin(), inputs.amax()
    gain = 0.75 + 0.5 * torch.rand(shape, generator=random)
    lift = (0.2 * torch.rand(shape, generator=random) - 0.1) * (high - low)
    middle = (low + high) / 2
    return ((inputs - middle) * gain + middle + lift).clamp(low, high), labels


def _mosaic(inputs: Tensor, labels: Labels, random: torch.Generator) -> tuple[Tensor, Labels]:
    """Each second picture, at random, of four parts: the corners meet in the middle half."""
    if not _has_boxes(labels):
        raise DataError("--augment mosaic: needs pictures with annotated boxes, has other labels")
    count, height, width = len(inputs), inputs.shape[2], inputs.shape[3]
    half = interpolate(inputs, scale_factor=0.5, mode="area")
    found, kept = inputs.clone(), list(labels)
    for image in (torch.rand(count, generator=random) < 0.5).nonzero().flatten().tolist():
        across, down = (0.25 + 0.5 * torch.rand(2, generator=random)).tolist()
        x, y = round(width * across), round(height * down)
        sources = torch.randint(count, (4,), generator=random).tolist()
        boxes, classes, crowds = [], [], []
        found[image] = inputs.mean()
        for corner, source in enumerate(sources):
            left, top = (corner % 2, corner // 2)
            part = half[source]
            rows, columns = part.shape[1:]
            # where the part begins: it touches the middle with its inner corner
            x0, y0 = (x if left else x - columns), (y if top else y - rows)
            x1, y1 = max(x0, 0), max(y0, 0)
            x2, y2 = min(x0 + columns, width), min(y0 + rows, height)
            found[image, :, y1:y2, x1:x2] = part[:, y1 - y0 : y2 - y0, x1 - x0 : x2 - x0]
            truth = labels[source]
            rest = truth.crowds or (False,) * len(truth.boxes)
            for (bx, by, bw, bh), kind, crowd in zip(truth.boxes, truth.classes, rest, strict=True):
                a, b = max(x0 + bx / 2, x1), max(y0 + by / 2, y1)
                c, d = min(x0 + (bx + bw) / 2, x2), min(y0 + (by + bh) / 2, y2)
                if c - a >= LEAST_SIDE and d - b >= LEAST_SIDE:
                    boxes.append((a, b, c - a, d - b))
                    classes.append(kind)
                    crowds.append(crowd)
        areas = tuple(w * h for _, _, w, h in boxes)
        kept[image] = Truth(width, height, tuple(boxes), tuple(classes), areas, tuple(crowds))
    return found, tuple(kept)


CHANGES: dict[str, Change] = {"flip": _flip, "colour": _colour, "mosaic": _mosaic}
"""Name -> what it does to a batch."""
