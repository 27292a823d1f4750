"""How the answers of a network are read and recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image
from torch import Tensor

from autosplit.data.images import Labels
from autosplit.evaluate.record import Record
from autosplit.models.networks.yolo_decode import YoloHead


class Answering(Protocol):
    """What must be known of a network to read its answers; a loaded model and a ``Net`` know it."""

    @property
    def name(self) -> str:
        """Name of the network."""

    @property
    def heads(self) -> tuple[YoloHead, ...]:
        """How each output of a detector is read; empty for other networks."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, where they are known."""

    @property
    def preprocess(self) -> Callable[[Image.Image], Tensor]:
        """Makes an input of the network of a picture."""


@dataclass(frozen=True)
class Judge:
    """Reads the answers of one network and gives the record that keeps them.

    Attributes:
        read: Makes answers of the network's outputs for a batch, the labels of the batch or None,
            the number of samples, and the float network's outputs for the same batch;
            ``Record.add`` takes the answers.
        empty: Makes an empty record.
        compares: Whether ``read`` looks at the float network's outputs.
    """

    read: Callable[[tuple[Tensor, ...], Labels | None, int, tuple[Tensor, ...] | None], Any]
    empty: Callable[[], Record]
    compares: bool = True
