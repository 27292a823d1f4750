"""How a network's answers are read and recorded, by the network's task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from autosplit.data.datasets import DataSet
from autosplit.data.images import Labels
from autosplit.data.preprocess import Letterbox
from autosplit.errors import DataError
from autosplit.evaluate.boxes import BoxReader, BoxRecord
from autosplit.evaluate.classes import ClassRecord, read_classes
from autosplit.evaluate.record import Record
from autosplit.models.load import Model


@dataclass(frozen=True)
class Judge:
    """How a network's answers are read and put down.

    Attributes:
        read: Outputs of a batch, its labels and number of images -> what ``Record.add`` takes.
        empty: Makes an empty record.
    """

    read: Callable[[tuple[Tensor, ...], Labels | None, int], Any]
    empty: Callable[[], Record]


CLASS_JUDGE = Judge(read_classes, ClassRecord)
"""Of classifiers."""


def judge_of(model: Model, data: DataSet) -> Judge:
    """How the answers of a network to the images of a data set are read.

    Raises:
        DataError: The data have boxes of other classes than the network's.
    """
    if not model.heads:
        return CLASS_JUDGE
    if data.labels:
        _check_classes(model.labels, data.labels)
    place = model.preprocess
    if not isinstance(place, Letterbox):
        raise DataError(f"{model.name}: a detector must take letterboxed images")
    reader = BoxReader(model.heads, place.size, place.back, model.labels)
    return Judge(reader.read, lambda: BoxRecord(labels=model.labels))


def _check_classes(network: tuple[str, ...], data: tuple[str, ...]) -> None:
    """Make sure that boxes are of the network's classes; names are compared where both have any."""
    if len(data) != len(network):
        raise DataError(
            f"data: must have the network's {len(network)} classes, has {len(data)} categories, "
            f"from {data[0]!r} to {data[-1]!r}"
        )
    named = not any(name.isdecimal() for name in (*network, *data))
    if named and not any(map(str.__eq__, network, data)):
        raise DataError(
            f"data: must have the network's classes, its first is {network[0]!r}, "
            f"the data's is {data[0]!r}"
        )
    for place, name in enumerate(data):
        if named and name in network and network[place] != name:
            raise DataError(
                f"data: must number its classes as the network does, {name!r} is number {place}, "
                f"the network's is number {network.index(name)}"
            )
