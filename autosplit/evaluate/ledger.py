"""What was measured of every edge half, kept as files so that no image is run twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autosplit.evaluate.boxes import BoxRecord
from autosplit.evaluate.classes import ClassRecord
from autosplit.evaluate.record import Record
from autosplit.evaluate.task import FLOAT
from autosplit.files import read_json, write_json

RECORDS: dict[str, type[Record]] = {kind.task.name: kind for kind in (ClassRecord, BoxRecord)}
"""Task -> its records."""


@dataclass(frozen=True)
class Ledger:
    """The records that a run folder keeps: one file for each different edge half.

    Attributes:
        folder: Where the files are.
        source: What every record depends on, network and images -> SHA-256.
    """

    folder: Path
    source: Mapping[str, str]

    def find(self, half: str) -> Record:
        """The record of an edge half; empty if it was never run on the same network and images."""
        path = self._path(half)
        if not path.exists():
            return ClassRecord()
        data = read_json(path, "record")
        if data.get("source") != self._source(half):
            return ClassRecord()
        return RECORDS[data["task"]].of(data["record"])

    def keep(self, half: str, record: Record) -> None:
        """Keep a record."""
        data = {"source": self._source(half), "task": record.task.name, "record": record.data()}
        write_json(self._path(half), "record", data)

    def forget(self, half: str) -> None:
        """Forget a record."""
        self._path(half).unlink(missing_ok=True)

    def _source(self, half: str) -> dict[str, str]:
        return {**self.source, "half": half}

    def _path(self, half: str) -> Path:
        return self.folder / f"{half if half == FLOAT else half[:16]}.json"
