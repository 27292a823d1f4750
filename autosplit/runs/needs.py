"""Stages that must be done before another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from autosplit.errors import StageError
from autosplit.runs.hardware import load_hardware
from autosplit.runs.hashes import hash_files, hash_measured, is_found
from autosplit.runs.options import StatsOptions
from autosplit.runs.reads import changed_reads
from autosplit.runs.stamps import Stamp, changed_outputs, read_stamp, resolve


def require(folder: Path, stage: str, asked: str) -> Stamp:
    """The stamp of a stage that another one needs.

    Raises:
        StageError: It was not finished in this folder, what it read has changed since (a file of
            the run folder, the network, the data, a profile), or what it wrote.
    """
    stamp = read_stamp(folder, stage)
    if stamp is None:
        raise StageError(
            f"{folder}: 'autosplit {asked}' needs 'autosplit {stage}' to be done first in this "
            f"run folder, run: autosplit {stage} --run {folder}"
        )
    now = hash_files(folder, tuple(stamp.inputs)) | _hash_outside(folder, stage, stamp)
    changed = [name for name, sha in stamp.inputs.items() if now.get(name, sha) != sha]
    if all(is_found(stamp.options.get(name)) for name in ("model", "data")):
        changed += changed_reads(stamp.inputs, (folder,))
    changed += changed_outputs(folder, stamp)
    if changed:
        raise StageError(
            f"{folder}: 'autosplit {asked}' needs 'autosplit {stage}' to be done again, "
            f"{changed[0]} has changed since (or is not found from here), "
            f"run: autosplit {stage} --run {folder}"
        )
    return stamp


def _hash_outside(folder: Path, stage: str, stamp: Stamp) -> dict[str, str]:
    """SHA-256, now, of what a stage read from outside the run folder, by the names in its stamp."""
    options = stamp.options
    if stage == "stats":
        read = replace(resolve({}, stamp, StatsOptions()), parent=None)  # may be gone by now
        found = hash_measured(read)
        # a run folder that was moved away from its network and data is as it was measured
        return {name: sha for name, sha in found.items() if is_found(getattr(read, name))}
    if stage != "search":
        return {}
    return load_hardware(options["edge"], options["cloud"], options["links"], folder).hashes()
