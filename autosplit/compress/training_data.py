"""Training samples of the data that options name, as a part of their own."""

from __future__ import annotations

from dataclasses import replace

from autosplit.capture.program import Program
from autosplit.data.datasets import DataSet
from autosplit.errors import DataError, counted, warn
from autosplit.models.load import Model
from autosplit.runs.network import load_images
from autosplit.runs.options import StatsOptions

_EVERY = 2**31
"""More samples than a data set has."""
_FEW = 5_000


def training_data(
    asked: StatsOptions,
    model: Model,
    program: Program,
    train_images: int | None = None,
    images: int | None = None,
) -> DataSet:
    """Training samples as the calibration part, and evaluation data.

    Args:
        asked: Network and data.
        model: The network.
        program: The captured network.
        train_images: Training samples at most; None: all.
        images: Evaluation samples at most; None: all.

    Raises:
        DataError: Both are the same samples.
    """
    asked = replace(asked, calibration_images=train_images or _EVERY)
    data = load_images(asked, model, program, images)
    if data.shared:
        raise DataError(
            f"{asked.data}: must have a training part of its own to train on, its samples are "
            "also those of the evaluation; name other data with --data"
        )
    if len(data.calibration) < _FEW:
        warn(
            f"{asked.data}: has {counted(len(data.calibration), 'training sample')}, which is few; "
            "what is trained may fit them alone"
        )
    return data
