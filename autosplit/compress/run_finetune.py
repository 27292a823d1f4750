"""The command ``tune`` without a plan: the network of a run folder, trained further in float.

It learns the labels, or the answers of a teacher alone, and becomes a variant.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from autosplit.compress.run_train import TrainReport, run_train
from autosplit.compress.run_tune import OWN, with_data
from autosplit.errors import OptionError
from autosplit.progress import Progress
from autosplit.runs.declared.compress import TrainOptions, TuneOptions
from autosplit.runs.needs import require
from autosplit.runs.options import StatsOptions
from autosplit.runs.stamps import resolve

_OF_A_PLAN = ("quantizer",)
"""Options that a network in float has no use for."""


def run_finetune(folder: Path, options: TuneOptions, progress: Progress) -> TrainReport | None:
    """Train the network of a run folder and write the variant.

    Args:
        folder: Run folder.
        options: How to train; ``plan`` is None.
        progress: Is told of each step and epoch.

    Returns:
        What was trained; None in a process that writes no files.

    Raises:
        OptionError: An option is of plans alone, or the teacher is the network itself.
    """
    measured = resolve({}, require(folder, "stats", "tune"), StatsOptions())
    usual = TuneOptions()
    for name in _OF_A_PLAN:
        if getattr(options, name) != getattr(usual, name):
            raise OptionError(f"--{name}: is of plans alone, name one with --plan")
    if options.teacher == OWN:
        raise OptionError(
            f"--teacher: must be another network where no --plan is named, {OWN} answers as the "
            "trained network does"
        )
    shared = {field.name for field in fields(TrainOptions)} - {"teacher"}
    given = {
        field.name: getattr(options, field.name)
        for field in fields(TuneOptions)
        if field.name in shared
    }
    asked = TrainOptions(**given, teacher=options.teacher, teacher_share=1.0)
    return run_train(with_data(measured, options.data), asked, progress)
