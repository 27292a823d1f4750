"""How the answers of a network are read and recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from autosplit.data.images import Labels
from autosplit.evaluate.record import Record


@dataclass(frozen=True)
class Judge:
    """Reads the answers of one network and gives the record that keeps them.

    Attributes:
        read: Makes answers of the network's outputs for a batch, the labels of the batch or None,
            and the number of images; ``Record.add`` takes the answers.
        empty: Makes an empty record.
    """

    read: Callable[[tuple[Tensor, ...], Labels | None, int], Any]
    empty: Callable[[], Record]
