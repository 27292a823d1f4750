"""Whether the float network does no better than guessing, so that no plan of it says anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import binomtest

from autosplit.errors import counted
from autosplit.evaluate.record import Record
from autosplit.evaluate.task import (
    BINARY,
    CLASSIFICATION,
    DETECTION,
    EMBEDDING,
    LANGUAGE_MODELLING,
    MULTI_LABEL,
    REGRESSION,
    SEGMENTATION,
    SEQUENCE_LABELLING,
)

ERROR = 0.05
"""Guessing scores as much as the network with at least this probability."""
ENOUGH = 50
"""Of so many answers, samples or tokens, a network that guesses is refused; of fewer it is told
of, unless it finds boxes: their floor holds for any number of pictures."""
_SOME = 16
"""Fewer samples say nothing."""


ONLY_CROWDS = "must have an AP, has none, every annotated box is of a crowd (iscrowd)"
"""What is the matter with the data of a detector that cannot be scored on them."""

NO_BOXES = "must have an AP, has none, no picture has an annotated box"
"""Likewise, where there is nothing to find."""

UNDEFINED = "R2 is undefined"
"""Begins what is the matter with labels that are all the same number."""


def guessing(record: Record, classes: int | None) -> str:
    """Tell what must hold of the float network's accuracy and does not; empty if all is well.

    Few samples say nothing: it must also be known that the accuracy is in the lower half between
    guessing and certainty.  A detector's AP must reach a floor on any number of images, and labels
    of which no accuracy can be computed are told on any number of samples.

    Args:
        record: The float network's record.
        classes: Number of classes that answers are chosen from; None where there are none.
    """
    found = _GUESSING.get(record.task.name)
    guess = "" if found is None else found(record, classes)
    if not guess or record.task.name == DETECTION.name or guess.startswith(UNDEFINED):
        return guess
    if _answers(record) < _SOME:
        return ""
    return f"must do better than guessing, {guess}"


def is_refused(record: Record) -> bool:
    """Whether a float network that guesses ends the run: it ran on enough samples to be sure.

    Args:
        record: The float network's record.
    """
    return _answers(record) >= ENOUGH or record.task.name == DETECTION.name


def _answers(record: Record) -> int:
    """Number of answers that were scored: samples, or their tokens that have labels."""
    if record.task.name not in (SEQUENCE_LABELLING.name, LANGUAGE_MODELLING.name):
        return record.seen
    found: Any = record
    return int(found.array("tokens").sum()) if "tokens" in found.values else record.seen


def is_guess(hits: int, count: int, chance: float) -> bool:
    """Whether guessing is right as often, and a network is hardly ever so bad.

    Args:
        hits: Right answers.
        count: Answers.
        chance: Share of right answers when guessing, 0..1.
    """
    if not 0 < chance < 1 or not count:
        return False
    test = binomtest(hits, count, chance, alternative="greater")
    high = binomtest(hits, count).proportion_ci(1 - ERROR, method="exact").high
    return bool(test.pvalue > ERROR and high < (1 + chance) / 2)


def _classes(record: Any, classes: int | None) -> str:
    if record.hits is None:
        return ""
    hits, count = sum(record.hits), record.seen
    if len(set(record.classes)) == 1 and hits < count:
        return f"every one of {counted(count, 'sample')} gets the class {record.classes[0]}"
    if classes and is_guess(hits, count, 1 / classes):
        return (
            f"{hits:,} of {counted(count, 'sample')} are right, guessing is right 1 time in "
            f"{classes:,}"
        )
    return ""


def _yes_no(record: Any, classes: int | None) -> str:  # noqa: ARG001 - one signature
    if not record.has_labels:
        return ""
    area = record.scores()["auroc"]
    if area is None:
        return _one_answer(record)
    yes = record.array("label").sum(0)
    no = record.seen - yes
    known = (yes > 0) & (no > 0)
    # variance of the area under the curve of guesses (Mann and Whitney 1947), mean over labels
    variance = ((record.seen + 1) / (12 * yes[known] * no[known])).mean() / known.sum()
    half = 2 * float(np.sqrt(variance))
    if area - half <= 0.5 and area + half < 0.75:
        return f"the area under the ROC curve is {area:.3f}, that of guesses is 0.5"
    return ""


def _one_answer(record: Any) -> str:
    """Compare yes and no with a coin where no label has both: the ROC curve is undefined."""
    hits = record.hits()
    right, count = int(hits.sum()), hits.size
    labels = set(record.array("label").ravel())
    if not is_guess(right, count, 0.5):
        return ""
    same = f"all labels are {int(min(labels))}" if len(labels) == 1 else "no label is yes and no"
    return f"{same}, and {right:,} of {count:,} answers are right, guessing is right 1 time in 2"


def _numbers(record: Any, classes: int | None) -> str:  # noqa: ARG001 - one signature
    r2 = record.scores()["r2"]
    if record.constant:
        return f"{UNDEFINED}, {record.constant}"
    if r2 is None or r2 > 0:
        return ""
    return f"R2 is {r2:.3g}, answering the mean for every sample has 0"


def _pixels(record: Any, classes: int | None) -> str:
    if "both" not in record.values:
        return ""
    own, true = (record.array(name).sum(0) for name in ("found", "there"))
    if (own > 0).sum() == 1 and (true > 0).sum() > 1:
        return f"every pixel gets the class {int(own.argmax())}"
    accuracy = record.scores()["pixel_accuracy"]
    if classes and classes > 1 and accuracy <= 1 / classes:
        return f"{100 * accuracy:.2f} % of the pixels are right, guessing is 1 in {classes}"
    return ""


def _vectors(record: Any, classes: int | None) -> str:  # noqa: ARG001 - one signature
    recall = record.scores()["recall_at_1"]
    if recall is None:
        return ""
    count = record.seen
    sizes = np.unique(record.values["label"], return_counts=True)[1]
    chance = float((sizes * (sizes - 1)).sum() / (count * (count - 1)))
    if is_guess(round(recall * count), count, chance):
        return f"recall@1 is {recall:.3f}, that of guesses is {chance:.3f}"
    return ""


def _tokens(record: Any, classes: int | None) -> str:
    if "hits" not in record.values or not classes:
        return ""
    hits, count = int(record.array("hits").sum()), int(record.array("tokens").sum())
    if is_guess(hits, count, 1 / classes):
        return f"{hits:,} of {count:,} tokens are right, guessing is 1 in {classes:,}"
    return ""


def _boxes(record: Any, classes: int | None) -> str:  # noqa: ARG001 - one signature
    if record.truths is None or record.is_precise:
        return ""
    ap = record.precision(record.truths).numbers["ap"]
    if ap is None:
        return ONLY_CROWDS if any(truth.boxes for truth in record.truths) else NO_BOXES
    return (
        f"must have an AP of at least {100 * record.task.floor:g} %, has {100 * ap:.2f} %: the "
        "boxes that it finds hardly fit the annotated ones"
    )


_GUESSING: dict[str, Callable[[Any, int | None], str]] = {
    CLASSIFICATION.name: _classes,
    BINARY.name: _yes_no,
    MULTI_LABEL.name: _yes_no,
    REGRESSION.name: _numbers,
    SEGMENTATION.name: _pixels,
    EMBEDDING.name: _vectors,
    SEQUENCE_LABELLING.name: _tokens,
    LANGUAGE_MODELLING.name: _tokens,
    DETECTION.name: _boxes,
}
"""Name of a task -> what tells that a network guesses; a person's own score has no such level."""
