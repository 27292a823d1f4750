"""Options of ``autosplit profile``, which measures this machine."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.runs import kinds
from autosplit.runs.declared.shared import run_folder_option
from autosplit.runs.option import option

RUNTIME_NAMES = ("onnxruntime",)
"""Runtimes whose seconds can be measured."""


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """What ``autosplit profile`` measures."""

    run: str | None = run_folder_option("the only run folder in results/")
    runtime: str = option(
        "onnxruntime", kinds.choice(*RUNTIME_NAMES), "network", "What runs the network."
    )
    threads: int = option(1, kinds.count(1, 1024), "network", "Threads that it computes with.")
    out: str = option(
        "device.yaml",
        kinds.text("FILE"),
        "output",
        "Device profile to write, which --edge and --cloud take; its table stands beside it.",
    )
