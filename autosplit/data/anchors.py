"""Anchors for a data set: k-means over the sizes of its boxes, with 1 - IoU as the distance.

Redmon & Farhadi 2017 (YOLO9000, arXiv 1612.08242, section 2, "Dimension Clusters"): boxes are laid
on one corner, so that only their sizes count.  Centres start as in k-means++ (Arthur &
Vassilvitskii 2007) and are means of the sizes of their boxes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autosplit.data.bilinear import letterbox_place
from autosplit.data.coco import Truth, clipped_box
from autosplit.errors import DataError, counted

Sizes = NDArray[np.float64]
"""Widths and heights of boxes, pixels, (n, 2)."""
STARTS = 5
"""Runs from other random centres; the best one counts."""
MOST_STEPS = 300
"""Steps of a run at most."""


@dataclass(frozen=True, slots=True)
class AnchorBoxes:
    """Anchors for a data set.

    Attributes:
        anchors: Width and height of each, pixels of the input, smallest area first.
        members: Number of boxes that each is nearest to.
        mean_iou: Mean overlap of the boxes with their nearest anchor, 0..1.
    """

    anchors: tuple[tuple[float, float], ...]
    members: tuple[int, ...]
    mean_iou: float

    def __str__(self) -> str:
        pairs = ", ".join(f"{round(w)},{round(h)}" for w, h in self.anchors)
        counts = ", ".join(map(str, self.members))
        return (
            f"anchors = {pairs}\n"
            f"boxes nearest to each: {counts}\n"
            f"mean IoU of boxes with their nearest anchor: {100 * self.mean_iou:.2f} %"
        )


def input_sizes(truths: Iterable[Truth], size: tuple[int, int], style: str) -> Sizes:
    """Sizes of the boxes of a data set as the network sees them; those of no area are left out.

    Args:
        truths: Ground truth of each picture.
        size: Height and width of the network's input, pixels.
        style: How a picture becomes the input, one of ``STYLES``.
    """
    found = []
    for truth in truths:
        _, _, width, height = letterbox_place(size, style, truth.width, truth.height)
        scale = width / truth.width, height / truth.height
        seen = [clipped_box("box", box, (truth.width, truth.height)) for box in truth.boxes]
        found += [(w * scale[0], h * scale[1]) for _, _, w, h in seen if min(w, h) > 0]
    return np.array(found, np.float64).reshape(-1, 2)


def find_anchors(sizes: Sizes, clusters: int, seed: int = 0) -> AnchorBoxes:
    """Cluster the sizes of boxes.

    Args:
        sizes: Widths and heights, pixels, (n, 2).
        clusters: Number of anchors.
        seed: Seed of the first centres.

    Raises:
        DataError: There are fewer different sizes than anchors.
    """
    different = len(np.unique(sizes, axis=0))
    if different < clusters:
        raise DataError(
            f"anchors: must have boxes of at least {counted(clusters, 'different size')}, "
            f"has {different}"
        )
    rng = np.random.default_rng(seed)
    runs = [_lloyd(sizes, _first_centres(sizes, clusters, rng)) for _ in range(STARTS)]
    centres = max(runs, key=lambda run: float(size_iou(sizes, run).max(1).mean()))
    centres = centres[np.argsort(centres.prod(1), kind="stable")]
    overlap = size_iou(sizes, centres)
    members = np.bincount(overlap.argmax(1), minlength=clusters)
    anchors = tuple((float(w), float(h)) for w, h in centres)
    return AnchorBoxes(anchors, tuple(map(int, members)), float(overlap.max(1).mean()))


def size_iou(sizes: Sizes, centres: Sizes) -> Sizes:
    """Overlap of boxes on one corner, (n, k).

    >>> size_iou(np.array([[2.0, 2.0]]), np.array([[1.0, 4.0]])).round(3).tolist()
    [[0.333]]
    """
    both = np.minimum(sizes[:, None], centres[None]).prod(-1)
    whole: Sizes = both / (sizes.prod(1)[:, None] + centres.prod(1)[None] - both)
    return whole


def _first_centres(sizes: Sizes, clusters: int, rng: np.random.Generator) -> Sizes:
    centres: Sizes = sizes[rng.integers(len(sizes))][None]
    while len(centres) < clusters:  # as far from all others as chance has it
        far = (1 - size_iou(sizes, centres).max(1)) ** 2
        centres = np.concatenate([centres, sizes[rng.choice(len(sizes), p=far / far.sum())][None]])
    return centres


def _lloyd(sizes: Sizes, centres: Sizes) -> Sizes:
    """Assign boxes to their nearest centre and move the centres, until nothing changes."""
    nearest = np.full(len(sizes), -1)
    for _ in range(MOST_STEPS):
        now = size_iou(sizes, centres).argmax(1)
        if (now == nearest).all():
            break
        nearest = now
        centres = np.array(
            [
                sizes[nearest == k].mean(0) if (nearest == k).any() else centres[k]
                for k in range(len(centres))
            ]
        )
    return centres
