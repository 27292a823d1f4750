"""Options of a run folder: of every stage, and of ``autosplit emit``, which prints a plan."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.runs import kinds
from autosplit.runs.declared.choices import FORMAT_NAMES
from autosplit.runs.declared.shared import run_folder_option
from autosplit.runs.option import option


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """The run folder of a stage, and how the stage treats what is in it."""

    out: str | None = option(
        None,
        kinds.text("RUN"),
        "output",
        "Run folder: the folder that the stages read and write.",
        none="results/NAME, after the network",
        flag="--run",
        first=True,
    )
    force: bool = option(
        False, kinds.flag(), "output", "Repeat the work even if nothing has changed.", first=True
    )
    trust: bool = option(
        False,
        kinds.flag(),
        "network",
        "Run the Python code that a received run folder or sweep file names. Read the code first. "
        "Without this option, autosplit runs only code that was given on the command line of this "
        "machine.",
    )
    pins_file: str | None = option(
        None,
        kinds.text("FILE"),
        "search",
        "YAML file with pinned widths: {pins: {PATTERN: {weight: 8}}}. --pin is applied after it.",
        none="no file",
    )
    prune: bool = option(
        False,
        kinds.flag(),
        "search",
        "Decide kept channels and widths together, with all layers on the edge within --memory, "
        "and search the pruned network as a variant beside the whole one.",
    )


@dataclass(frozen=True, slots=True)
class EmitOptions:
    """What ``autosplit emit`` prints."""

    run: str | None = run_folder_option("the only run folder in results/")
    format: str = option(
        "native",
        kinds.choice(*FORMAT_NAMES),
        "output",
        "Format: native is autosplit's YAML, distiller is the YAML of Intel Distiller.",
    )
