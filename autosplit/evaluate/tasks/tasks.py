"""The task of a network, and what reads, records and scores its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from autosplit.data.datasets import DataSet
from autosplit.data.images import Labels
from autosplit.evaluate.judge import Answering, Judge
from autosplit.evaluate.record import Record
from autosplit.evaluate.task import (
    BINARY,
    CLASSIFICATION,
    DETECTION,
    EMBEDDING,
    LANGUAGE_MODELLING,
    MULTI_LABEL,
    OWN_SCORE,
    REGRESSION,
    SEGMENTATION,
    SEQUENCE_LABELLING,
    SEVERAL,
    Task,
)
from autosplit.evaluate.tasks.binary import yes_no_of_logits, yes_no_of_probabilities
from autosplit.evaluate.tasks.classification import read_classes
from autosplit.evaluate.tasks.detection import detection_judge
from autosplit.evaluate.tasks.embedding import read_vectors
from autosplit.evaluate.tasks.own_score import OwnScore
from autosplit.evaluate.tasks.regression import read_numbers
from autosplit.evaluate.tasks.segmentation import read_pixels
from autosplit.evaluate.tasks.several import RECORDS, SeveralRecord, labels_of, labels_of_one
from autosplit.evaluate.tasks.tokens import read_next_tokens, read_tokens

Reader = Callable[..., Any]
"""Reads answers of ``(outputs, labels, batch, reference)``; see ``Judge.read``."""


@dataclass(frozen=True)
class ScoredOutput:
    """One output that is scored, and how.

    Attributes:
        name: Name of the output.
        place: Number of the output among all outputs of the network.
        task: How it is scored.
        probabilities: Whether answers of yes or no are probabilities, and no logits.
        own: A person's function; None for other tasks.
    """

    name: str
    place: int
    task: Task
    probabilities: bool = False
    own: OwnScore | None = None

    @property
    def read(self) -> Reader:
        """What reads its answers."""
        if self.own is not None:
            return self.own
        if self.task in (BINARY, MULTI_LABEL) and self.probabilities:
            return yes_no_of_probabilities
        return READERS[self.task.name]


@dataclass(frozen=True)
class TaskChoice:
    """What a network is for, and which of its outputs are scored.

    Attributes:
        task: The task.
        scored: The outputs that are scored.
        classes: Number of classes that answers are chosen from; None where there are none.
        why: How it was found, in words.
    """

    task: Task
    scored: tuple[ScoredOutput, ...] = ()
    classes: int | None = None
    why: str = ""

    @property
    def text(self) -> str:
        """The task, the outputs that are scored, and why, for a person."""
        names = ", ".join(one.name for one in self.scored)
        outputs = f" of {names}" if names and names != "output" else ""
        return f"{self.task.name}{outputs} ({self.why})"

    def judge(self, model: Answering, data: DataSet) -> Judge:
        """Return the judge of the network's answers to the samples of a data set.

        Raises:
            DataError: The data do not suit the network, as boxes of other classes.
        """
        if self.task is DETECTION:
            return detection_judge(model, data)
        if self.task is SEVERAL:
            return Judge(self._read_several, self._empty_several)
        return Judge(self._read_one, RECORDS[self.task.name])

    def _read_one(
        self,
        outputs: tuple[Tensor, ...],
        labels: Labels | None,
        batch: int,
        reference: tuple[Tensor, ...] | None = None,
    ) -> Any:
        (first, *_) = self.scored
        if first.own is not None:
            own = [outputs[one.place] for one in self.scored]
            ref = reference and [reference[one.place] for one in self.scored]
            return first.own(own, labels, batch, ref)
        ref = None if reference is None else (reference[first.place],)
        own_labels = labels_of_one(labels, first.name, first.place)
        return first.read((outputs[first.place],), own_labels, batch, ref)

    def _read_several(
        self,
        outputs: tuple[Tensor, ...],
        labels: Any,
        batch: int,
        reference: tuple[Tensor, ...] | None = None,
    ) -> dict[str, Any]:
        answers = {}
        for place, one in enumerate(self.scored):
            ref = None if reference is None else (reference[one.place],)
            own = labels_of(labels, one.name, place)
            answers[one.name] = one.read((outputs[one.place],), own, batch, ref)
        return answers

    def _empty_several(self) -> SeveralRecord:
        return SeveralRecord(parts={one.name: RECORDS[one.task.name]() for one in self.scored})


SCORERS: dict[str, type[Record]] = {**RECORDS, SEVERAL.name: SeveralRecord}
"""Name of a task -> the record that scores its answers."""
READERS: dict[str, Reader] = {
    CLASSIFICATION.name: read_classes,
    BINARY.name: yes_no_of_logits,
    MULTI_LABEL.name: yes_no_of_logits,
    REGRESSION.name: read_numbers,
    SEGMENTATION.name: read_pixels,
    EMBEDDING.name: read_vectors,
    SEQUENCE_LABELLING.name: read_tokens,
    LANGUAGE_MODELLING.name: read_next_tokens,
}
"""Name of a task -> what reads the answers; detection and a person's own score make theirs."""
assert set(READERS) | {DETECTION.name, OWN_SCORE.name, SEVERAL.name} == set(SCORERS)
