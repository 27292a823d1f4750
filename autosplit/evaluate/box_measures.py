"""Precision, recall, F1 and the confusion of classes of found boxes, at an IoU of 0.5.

Boxes are matched as COCO matches them: the box of the best score first, each with the free box of
its class that it overlaps most; one inside a crowd counts neither way.  Precision is the share of
the found boxes that match, recall the share of the boxes there that are matched, F1 their harmonic
mean (van Rijsbergen 1979).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autosplit.data.coco import Truth
from autosplit.evaluate.average_precision import FoundBoxes
from autosplit.evaluate.scorefile import (
    BOX_FILES,
    BOX_SCORES_HEADER,
    CONFUSION_HEADER,
    CURVES_HEADER,
)

MATCH_IOU = 0.5
"""Least overlap of a match."""
SHOWN_SCORE = 0.25
"""Boxes of at least this score are counted where a single threshold is asked for."""
RECALL_STEPS = np.linspace(0, 1, 101)
"""Recalls at which COCO reads the precision."""
CURVE_STEP = 5
"""Every so many of these are written."""
BACKGROUND = "background"
"""Stands for no box in the confusion of classes."""
Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MatchedBoxes:
    """All boxes of one class that were found, best score first, and whether each is right.

    Attributes:
        scores: Score of each, (n,).
        hits: Whether each matches a box that is there, (n,).
        there: Number of boxes that are there.
    """

    scores: Numbers
    hits: Flags
    there: int

    def at(self, score: float) -> tuple[float, float, float]:
        """Precision, recall and F1 of the boxes of at least a score, each 0..1."""
        return self._of(int((self.scores >= score).sum()))

    def best(self) -> tuple[float, float]:
        """The score of the best F1, and that F1; score 1 where nothing is found."""
        if not len(self.scores):
            return 1.0, 0.0
        right = self.hits.cumsum()
        f1 = 2 * right / (np.arange(1, len(right) + 1) + max(self.there, 1))
        last = np.append(self.scores[1:] != self.scores[:-1], True)  # equal scores count together
        place = int(np.argmax(np.where(last, f1, -1.0)))
        return float(self.scores[place]), float(f1[place])

    def curve(self) -> Numbers:
        """Precision at each of ``RECALL_STEPS``: the best at that recall or a higher one."""
        right = self.hits.cumsum()
        precision = right / np.arange(1, len(right) + 1)
        highest = np.maximum.accumulate(precision[::-1])[::-1] if len(right) else precision
        places = np.searchsorted(right / max(self.there, 1), RECALL_STEPS, side="left")
        precisions: Numbers = np.append(highest, 0.0)[np.minimum(places, len(right))]
        return precisions

    def _of(self, count: int) -> tuple[float, float, float]:
        right = int(self.hits[:count].sum())
        total = count + self.there
        return (
            right / count if count else 0.0,
            right / self.there if self.there else 0.0,
            2 * right / total if total else 0.0,
        )


@dataclass(frozen=True, slots=True, eq=False)
class BoxMeasures:
    """What is measured of found boxes beside average precision.

    Attributes:
        labels: Names of the classes.
        matched: Boxes of each class.
        confusion: Boxes there (rows) by what was found at their place (columns), with
            ``BACKGROUND`` last, (C + 1, C + 1); at ``SHOWN_SCORE``.
    """

    labels: tuple[str, ...]
    matched: tuple[MatchedBoxes, ...]
    confusion: NDArray[np.int64]

    def together(self) -> MatchedBoxes:
        """Boxes of all classes."""
        scores = np.concatenate([one.scores for one in self.matched])
        hits = np.concatenate([one.hits for one in self.matched])
        order = np.argsort(-scores, kind="stable")
        return MatchedBoxes(scores[order], hits[order], sum(one.there for one in self.matched))

    def rows(self, name: str) -> dict[str, list[dict[str, Any]]]:
        """Rows of every file of ``BOX_FILES``.

        Args:
            name: Name of the plan.
        """
        makers = (self.score_rows, self.curve_rows, self.confusion_rows)
        return {file: [*make(name)] for file, make in zip(BOX_FILES, makers, strict=True)}

    def score_rows(self, name: str) -> Iterator[dict[str, Any]]:
        """Rows of ``box_scores.csv``, of all boxes and of each class that is there.

        Args:
            name: Name of the plan.
        """
        for label, one in [("all", self.together()), *self._known()]:
            precision, recall, f1 = one.at(SHOWN_SCORE)
            score, best = one.best()
            best_precision, best_recall, _ = one.at(score)
            values = (precision, recall, f1, score, best_precision, best_recall, best)
            numbers = (round(value, 6) for value in values)
            about = (name, label, one.there, int((one.scores >= SHOWN_SCORE).sum()))
            yield dict(zip(BOX_SCORES_HEADER, (*about, *numbers), strict=True))

    def curve_rows(self, name: str) -> Iterator[dict[str, Any]]:
        """Rows of ``precision_recall.csv``: 21 recalls of each class that is there."""
        for label, one in self._known():
            for recall, precision in list(zip(RECALL_STEPS, one.curve(), strict=True))[
                ::CURVE_STEP
            ]:
                row = (name, label, round(float(recall), 2), round(float(precision), 6))
                yield dict(zip(CURVES_HEADER, row, strict=True))

    def confusion_rows(self, name: str) -> Iterator[dict[str, Any]]:
        """Rows of ``confusion.csv``: pairs that occur."""
        names = (*self.labels, BACKGROUND)
        for there, found in np.argwhere(self.confusion).tolist():
            row = (name, names[there], names[found], int(self.confusion[there, found]))
            yield dict(zip(CONFUSION_HEADER, row, strict=True))

    def _known(self) -> list[tuple[str, MatchedBoxes]]:
        pairs = zip(self.labels, self.matched, strict=True)
        return [(label, one) for label, one in pairs if one.there]


def measure_boxes(
    truths: Sequence[Truth], found: Sequence[FoundBoxes], labels: Sequence[str]
) -> BoxMeasures:
    """Match found boxes with those that are there.

    Args:
        truths: Ground truth of each picture.
        found: Boxes that were found in each picture, in the same order.
        labels: Names of the classes.
    """
    count = len(labels)
    confusion = np.zeros((count + 1, count + 1), np.int64)
    entries: list[tuple[float, int, bool]] = []
    there = np.zeros(count, np.int64)
    for truth, seen in zip(truths, found, strict=True):
        crowds = np.array(truth.crowds, bool)
        kinds = np.array(truth.classes, np.int64)
        there += np.bincount(kinds[~crowds], minlength=count)
        order = np.argsort(-seen.scores, kind="stable")
        best = FoundBoxes(seen.boxes[order], seen.scores[order], seen.classes[order])
        boxes = np.array(truth.boxes, np.float64).reshape(-1, 4)
        overlap = iou_of(best.boxes, boxes, crowds)
        hits = _hits(overlap, best.classes, kinds, crowds)
        entries += [
            (float(score), int(kind), bool(hit))
            for score, kind, hit in zip(best.scores, best.classes, hits, strict=True)
            if hit >= 0
        ]
        _confuse(confusion, overlap, best, kinds, crowds)
    entries.sort(key=lambda entry: -entry[0])
    matched = []
    for number in range(count):
        own = [(score, hit) for score, kind, hit in entries if kind == number]
        scores = np.array([score for score, _ in own])
        right = np.array([hit for _, hit in own], bool)
        matched.append(MatchedBoxes(scores, right, int(there[number])))
    return BoxMeasures(tuple(labels), tuple(matched), confusion)


def iou_of(found: Numbers, there: Numbers, crowds: Flags) -> Numbers:
    """Overlap of boxes (left, top, width, height), (n, m); of a crowd, the share of the found box.

    Args:
        found: Found boxes, (n, 4).
        there: Boxes that are there, (m, 4).
        crowds: Whether each of these is a crowd, (m,).
    """
    low = np.maximum(found[:, None, :2], there[None, :, :2])
    ends = found[:, :2] + found[:, 2:], there[:, :2] + there[:, 2:]
    high = np.minimum(ends[0][:, None], ends[1][None])
    both = np.clip(high - low, 0, None).prod(-1)
    own, other = found[:, 2:].prod(-1)[:, None], there[:, 2:].prod(-1)[None]
    whole = np.where(crowds[None], own, own + other - both)
    shares: Numbers = np.divide(both, whole, out=np.zeros_like(both), where=whole > 0)
    return shares


def _hits(
    overlap: Numbers, found: NDArray[np.int64], there: NDArray[np.int64], crowds: Flags
) -> NDArray[np.int64]:
    """1 for a found box that is right, 0 for one that is wrong, -1 for one that counts neither."""
    free = ~crowds
    hits = np.zeros(len(found), np.int64)
    for place, kind in enumerate(found):
        row = np.where(there == kind, overlap[place], 0.0)
        best = int(np.argmax(np.where(free, row, -1.0))) if free.any() else -1
        if best >= 0 and row[best] >= MATCH_IOU:
            hits[place], free[best] = 1, False
        elif bool((row[crowds] >= MATCH_IOU).any()):
            hits[place] = -1
    return hits


def _confuse(
    confusion: NDArray[np.int64],
    overlap: Numbers,
    found: FoundBoxes,
    there: NDArray[np.int64],
    crowds: Flags,
) -> None:
    """Count pairs of any classes, the largest overlap first; what is left is paired with nothing.

    Found boxes below ``SHOWN_SCORE``, crowds, and boxes inside a crowd are left out.
    """
    shown = found.scores >= SHOWN_SCORE
    rows = {int(i) for i in np.flatnonzero(shown)}
    columns = {int(j) for j in np.flatnonzero(~crowds)}
    pairs = np.argwhere((overlap >= MATCH_IOU) & shown[:, None] & ~crowds[None])
    for i, j in sorted(map(tuple, pairs.tolist()), key=lambda pair: -overlap[pair]):
        if i in rows and j in columns:
            confusion[there[j], found.classes[i]] += 1
            rows.remove(i)
            columns.remove(j)
    for j in columns:
        confusion[there[j], -1] += 1
    for i in rows:
        if not (overlap[i, crowds] >= MATCH_IOU).any():
            confusion[-1, found.classes[i]] += 1
