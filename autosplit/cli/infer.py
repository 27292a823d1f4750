"""The command ``infer``."""

from __future__ import annotations

from typing import Any

from autosplit.cli.options import BundleFolder


def infer_command(bundle: BundleFolder, **given: Any) -> None:
    """Run the edge half of a plan here on pictures, and its cloud half on a server."""
    from autosplit.deploy.device import answers_of
    from autosplit.runs.declared.bundle import InferOptions

    for line in answers_of(bundle, InferOptions(**given)):
        print(line)
