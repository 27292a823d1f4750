"""What a network is for, and the columns of the scores of each task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autosplit.errors import DataError

COCO_NUMBERS = (
    "ap",
    "ap50",
    "ap75",
    "ap_small",
    "ap_medium",
    "ap_large",
    "ar1",
    "ar10",
    "ar100",
    "ar_small",
    "ar_medium",
    "ar_large",
)
"""Names of the twelve numbers of COCO in its order; ``average_precision`` says what they are."""
FLOAT = "float"
"""Name of the float network's own row among the scores."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task; its columns are those of ``scores.csv`` and ``summary.csv``.

    Attributes:
        name: Name of the task.
        metric: Column of the accuracy that a drop is counted in, where the data have labels.
        metric_name: Name of the accuracy in texts.
        agreement: Column of the agreement with the float network; it stands for the accuracy where
            the data have no labels.
        agreement_name: Name of the agreement in texts.
        columns: All columns that are measured of a plan except its drop, in order; shares are 0..1.
        bounds: Columns of the lower and upper end of the accuracy's 95 % confidence interval;
            empty where no interval is known.
        no_bound: Why a drop has no bound before all samples were run, so that no plan is stopped
            early; empty where it has one.
        floor: Least accuracy of the float network, 0..1, at which a drop is counted in it; below
            the drop is counted in the agreement.
    """

    name: str
    metric: str
    metric_name: str
    agreement: str
    agreement_name: str
    columns: tuple[str, ...]
    bounds: tuple[str, ...] = ()
    no_bound: str = ""
    floor: float = -math.inf

    @property
    def drop_bounds(self) -> tuple[str, ...]:
        """Columns of the lower and upper end of the drop's 95 % interval; empty without any."""
        return ("drop_low", "drop_high") if self.bounds else ()

    @property
    def pairs(self) -> tuple[str, ...]:
        """Columns of the samples that only the float network, and only the plan, gets right."""
        return ("lost", "won") if self.bounds else ()

    @property
    def measured(self) -> tuple[str, ...]:
        """Columns of ``summary.csv`` that are taken from ``scores.csv``."""
        return ("images", *self.columns, "drop", *self.drop_bounds, *self.pairs)

    @property
    def scores_header(self) -> tuple[str, ...]:
        """Columns of ``scores.csv``."""
        return ("name", *self.measured, "cut_bytes")

    def counts_metric(self, reference: Mapping[str, Any]) -> bool:
        """Whether a drop is counted in the accuracy, not in the agreement with the float network.

        Args:
            reference: The float network's row of ``scores.csv``.
        """
        found = reference.get(self.metric)
        return found not in (None, "") and float(found) >= self.floor

    def accuracy(
        self, score: Mapping[str, Any], reference: Mapping[str, Any] | None = None
    ) -> float | None:
        """Read the accuracy, 0..1, in a row of ``scores.csv``; None if it was not measured.

        Args:
            score: The row.
            reference: The float network's row, if the agreement is to stand for an accuracy below
                the floor.
        """
        counted = reference is None or self.counts_metric(reference)
        columns = (self.metric, self.agreement) if counted else (self.agreement,)
        known = (score.get(column) for column in columns)
        found = next((value for value in known if value not in (None, "")), None)
        return None if found is None else float(found)

    def interval(self, score: Mapping[str, Any]) -> tuple[float, float] | None:
        """Read the 95 % confidence interval of the accuracy, 0..1; None where none is known."""
        return _ends(score, self.bounds)

    def drop_interval(self, score: Mapping[str, Any]) -> tuple[float, float] | None:
        """Read the 95 % confidence interval of the drop, points; None where none is known."""
        return _ends(score, self.drop_bounds)

    def lost_and_won(self, score: Mapping[str, Any]) -> tuple[int, int] | None:
        """Read the samples that only one of the two networks gets right; None where not counted."""
        found = [int(score[name]) for name in self.pairs if score.get(name) not in (None, "")]
        return (found[0], found[1]) if len(found) == 2 else None


def _ends(score: Mapping[str, Any], columns: tuple[str, ...]) -> tuple[float, float] | None:
    """Both ends of an interval in a row; None where one is missing."""
    known = [float(score[name]) for name in columns if score.get(name) not in (None, "")]
    return (known[0], known[1]) if len(known) == 2 else None


def check_counted(task: Task, confidence: float | None) -> None:
    """Make sure that a drop can be shown to keep a limit, if that is asked.

    Raises:
        DataError: The task's accuracy counts no samples that are right or wrong.
    """
    if confidence is not None and not task.pairs:
        raise DataError(
            f"confidence: the accuracy must count samples that are right or wrong, "
            f"{task.metric_name} does not; leave --confidence out"
        )


AGREEMENT = "agreement with the float network"
_RATIO = "it is no mean over samples"

CLASSIFICATION = Task(
    "classification",
    "top1",
    "top-1",
    "agreement",
    AGREEMENT,
    ("top1", "top5", "agreement", "kl", "top1_low", "top1_high"),
    ("top1_low", "top1_high"),
)
BINARY = Task(
    "binary",
    "accuracy",
    "accuracy",
    "agreement",
    AGREEMENT,
    ("accuracy", "f1", "auroc", "agreement", "kl", "accuracy_low", "accuracy_high"),
    ("accuracy_low", "accuracy_high"),
)
MULTI_LABEL = Task(
    "multi-label",
    "label_accuracy",
    "accuracy of labels",
    "label_agreement",
    AGREEMENT,
    ("label_accuracy", "f1", "auroc", "label_agreement", "kl"),
)
REGRESSION = Task(
    "regression",
    "r2",
    "R2",
    "r2_vs_float",
    "R2 against the float network's answers",
    ("r2", "mae", "r2_vs_float", "sqnr_db"),
    no_bound=_RATIO,
)
SEGMENTATION = Task(
    "segmentation",
    "miou",
    "mIoU",
    "pixel_agreement",
    "agreement of pixels with the float network",
    ("miou", "pixel_accuracy", "pixel_agreement", "sqnr_db"),
    no_bound=_RATIO,
)
EMBEDDING = Task(
    "embedding",
    "recall_at_1",
    "recall@1",
    "cosine",
    "cosine with the float network's embeddings",
    ("recall_at_1", "cosine", "same_neighbour", "sqnr_db"),
    no_bound="a neighbour is looked for among all samples",
)
SEQUENCE_LABELLING = Task(
    "sequence-labelling",
    "token_accuracy",
    "accuracy of tokens",
    "token_agreement",
    "agreement of tokens with the float network",
    ("token_accuracy", "token_agreement", "kl"),
)
LANGUAGE_MODELLING = Task(
    "language-modelling",
    "next_token_accuracy",
    "accuracy of next tokens",
    "token_agreement",
    "agreement of tokens with the float network",
    ("next_token_accuracy", "perplexity", "token_agreement", "kl"),
)
DETECTION = Task(
    "detection",
    "ap",
    "AP",
    "ap_vs_float",
    "AP against the float network's detections",
    (*COCO_NUMBERS, "ap_vs_float", "ap50_vs_float"),
    no_bound=_RATIO,
    floor=0.05,  # any plan is as accurate as a network that finds nothing
)
OWN_SCORE = Task(
    "own-score",
    "score",
    "score",
    "r2_vs_float",
    "R2 against the float network's answers",
    ("score", "r2_vs_float", "sqnr_db"),
)
SEVERAL = Task(
    "several",
    "mean_accuracy",
    "mean accuracy of the outputs",
    "mean_agreement",
    "mean agreement of the outputs with the float network",
    ("mean_accuracy", "mean_agreement"),
    no_bound=_RATIO,
)
TASKS = (
    CLASSIFICATION,
    BINARY,
    MULTI_LABEL,
    REGRESSION,
    SEGMENTATION,
    EMBEDDING,
    SEQUENCE_LABELLING,
    LANGUAGE_MODELLING,
    DETECTION,
    OWN_SCORE,
    SEVERAL,
)
"""Every task; ``tasks.tasks.SCORERS`` has what scores each of them."""
ASKED_TASKS = tuple(task.name for task in TASKS if task not in (OWN_SCORE, SEVERAL))
"""Names that ``--task`` takes; a person's own score is asked for as ``FILE.py:FUNCTION``."""
