"""A variant: a compressed child of a network, with its parent on record.

Its folder holds ``network.pt2``, which ``--model`` takes, and ``network.autosplit.yaml`` beside it:
how pictures are prepared, the task, the classes, and under ``variant`` what was done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch.export import ExportedProgram

from autosplit import __version__
from autosplit.capture.program import Program
from autosplit.compress.checkpoint_files import CHECKPOINT_FILE
from autosplit.compress.live import save_program
from autosplit.errors import FileError
from autosplit.models.load import Model
from autosplit.models.sidecar import write_sidecar

NETWORK_FILE = "network.pt2"


@dataclass(frozen=True)
class VariantRecord:
    """What is known of a variant.

    Attributes:
        parent: Name of the network that it was made of.
        parent_sha256: Hash of that network.
        method: Command that made it.
        macs, parent_macs: Multiply-accumulates of both.
        weights, parent_weights: Weights and biases of both.
        accuracy, parent_accuracy: Of both, 0..1; None: not measured.
        samples: Samples that accuracy was measured on.
        settings: Options that it was made with.
        kept_channels: Weight -> places of the channels that are left.
        assumed: Whether the preparation of pictures is a guess.
    """

    parent: str
    parent_sha256: str
    method: str
    macs: int
    parent_macs: int
    weights: int
    parent_weights: int
    accuracy: float | None = None
    parent_accuracy: float | None = None
    samples: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    kept_channels: Mapping[str, Iterable[int]] = field(default_factory=dict)
    assumed: bool = False

    def data(self) -> dict[str, Any]:
        """As the sidecar keeps it."""
        return {
            "made_by": f"autosplit {__version__}",
            "method": self.method,
            "settings": dict(self.settings),
            "parent": {
                "name": self.parent,
                "sha256": self.parent_sha256,
                "macs": self.parent_macs,
                "weights": self.parent_weights,
                "accuracy": self.parent_accuracy,
            },
            "macs": self.macs,
            "weights": self.weights,
            "accuracy": self.accuracy,
            "samples": self.samples,
            "assumed": self.assumed,
            "kept_channels": {name: ranges(places) for name, places in self.kept_channels.items()},
        }


def ranges(places: Iterable[int]) -> str:
    """Numbers as ranges.

    >>> ranges([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    found: list[list[int]] = []
    for place in places:
        if found and place == found[-1][1] + 1:
            found[-1][1] = place
        else:
            found.append([place, place])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in found)


def check_folder(folder: Path) -> None:
    """Refuse a place that cannot be a variant's folder, before any work.

    Raises:
        FileError: It is a file, or holds other things than a variant.
    """
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder}: must be a folder for a variant, it is a file")
    if folder.is_dir() and any(folder.iterdir()) and not _is_own(folder):
        raise FileError(f"{folder}: must be empty or hold a variant, it holds other files")


def _is_own(folder: Path) -> bool:
    """Whether a folder holds a variant, or a training of one."""
    return any((folder / name).exists() for name in (NETWORK_FILE, CHECKPOINT_FILE))


def write_variant(
    folder: Path, program: ExportedProgram, model: Model, task: str, record: VariantRecord
) -> Path:
    """Write a variant's folder.

    Args:
        folder: The folder; a variant that is there is replaced.
        program: The network.
        model: Its parent, whose preparation of pictures and classes it keeps.
        task: Name of its task.
        record: What is known of it.

    Returns:
        The path that ``--model`` takes.
    """
    path = folder / NETWORK_FILE
    save_program(path, program)
    write_sidecar(
        path,
        model.preprocess,
        task=None if model.heads else task,
        output=None,
        classes=model.labels,
        variant=record.data(),
    )
    return path


def macs_and_weights(program: Program) -> tuple[int, int]:
    """Multiply-accumulates for one sample, and weights with biases, of a captured network."""
    graph = program.graph
    macs = sum(layer.macs for layer in graph.layers)
    return macs, sum(layer.weight_elements + layer.fixed_elements for layer in graph.layers)
