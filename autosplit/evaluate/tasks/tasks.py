"""The task of a network, and what reads, records and scores its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autosplit.data.datasets import DataSet
from autosplit.evaluate.judge import Answering, Judge
from autosplit.evaluate.record import Record
from autosplit.evaluate.task import CLASSIFICATION, DETECTION, Task
from autosplit.evaluate.tasks.classification import ClassRecord, classification_judge
from autosplit.evaluate.tasks.detection import BoxRecord, detection_judge


@dataclass(frozen=True)
class Scorer:
    """What a task needs in order to be scored.

    Attributes:
        record: Type of the records; ``record.of`` reads one from a file.
        judge: Makes the judge of one network and one data set; raises ``DataError`` where they do
            not suit each other.
    """

    record: type[Record]
    judge: Callable[[Answering, DataSet], Judge]


def task_of(model: Answering) -> Task:
    """Return the task of a network: detection where it has heads of boxes, else classification."""
    return DETECTION if model.heads else CLASSIFICATION


def judge_of(model: Answering, data: DataSet) -> Judge:
    """Return the judge of a network's answers to the images of a data set.

    Raises:
        DataError: The data do not suit the network, as boxes of other classes than the network's.
    """
    return SCORERS[task_of(model).name].judge(model, data)


SCORERS: dict[str, Scorer] = {
    CLASSIFICATION.name: Scorer(ClassRecord, classification_judge),
    DETECTION.name: Scorer(BoxRecord, detection_judge),
}
"""Name of a task -> what scores it."""
