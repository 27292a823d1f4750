"""The command ``prune``."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from autosplit.cli.talk import bar
from autosplit.runs.options import PruneOptions, StatsOptions


def prune_command(**given: Any) -> None:
    """Take channels out of a network, and write the variant.

    Example: autosplit prune --model fashion-resnet --data fashion-mnist --ratio 0.3 --out half
    """
    own = {field.name for field in fields(PruneOptions)}
    options = PruneOptions(**{name: value for name, value in given.items() if name in own})
    measured = StatsOptions(**{name: value for name, value in given.items() if name not in own})
    from autosplit.runs.named import check_names  # numpy takes longer than help may

    check_names(given)
    from autosplit.compress.run_prune import run_prune
    from autosplit.runs.network import check_network
    from autosplit.runs.trust import trusted_code

    check_network(measured)
    trusted_code(None, given)
    print(run_prune(measured, options, bar).text())
