"""The command ``train``."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from autosplit.cli.talk import bar
from autosplit.runs.options import StatsOptions, TrainOptions


def train_command(**given: Any) -> None:
    """Train a network in float, from scratch or from its weights, and write it as a variant.

    Example: autosplit train --model half/network.pt2 --data fashion-mnist:DIR --teacher
    fashion-resnet --epochs 5 --lr 0.01 --out tuned
    """
    own = {field.name for field in fields(TrainOptions)}
    options = TrainOptions(**{name: value for name, value in given.items() if name in own})
    measured = StatsOptions(
        **{name: value for name, value in given.items() if name not in own}, seed=options.seed
    )
    from autosplit.runs.named import check_names  # numpy takes longer than help may

    check_names(given)
    from autosplit.compress.run_train import run_train
    from autosplit.runs.network import check_network
    from autosplit.runs.trust import trusted_code

    check_network(measured)
    trusted_code(None, given)
    report = run_train(measured, options, bar)
    if report is not None:
        print(report.text())
