"""Records kept as files, one for each different edge half, so that no image is run twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autosplit.errors import FileError
from autosplit.evaluate.record import Record
from autosplit.evaluate.task import FLOAT
from autosplit.evaluate.tasks.tasks import SCORERS
from autosplit.files import read_json, sha256_of, write_json


@dataclass(frozen=True)
class Ledger:
    """The records that a run folder keeps: one file for each different edge half.

    Attributes:
        folder: Folder of the files.
        source: SHA-256 of what every record depends on, the network and the images.
    """

    folder: Path
    source: Mapping[str, str]

    def find(self, half: str) -> Record | None:
        """Read the record of an edge half.

        Args:
            half: SHA-256 of the edge half, or ``FLOAT``.

        Returns:
            None if the half was never run on the same network and images, or its file was changed.

        Raises:
            FileError: The file cannot be read, or holds no record.
        """
        path = self._path(half)
        if not path.exists():
            return None
        data = read_json(path, "record")
        if data.get("source") != self._source(half) or data.get("sha256") != _sha256(data):
            return None
        try:
            return SCORERS[data["task"]].of(data["record"])
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(
                f"{path}: must be a record of answers, got {type(error).__name__}: {error}; delete "
                "the file and the samples are run anew"
            ) from error

    def keep(self, half: str, record: Record) -> None:
        """Write the record of an edge half."""
        data = {"source": self._source(half), "task": record.task.name, "record": record.data()}
        write_json(self._path(half), "record", {**data, "sha256": _sha256(data)})

    def forget(self, half: str) -> None:
        """Delete the record of an edge half, if there is one."""
        self._path(half).unlink(missing_ok=True)

    def _source(self, half: str) -> dict[str, str]:
        return {**self.source, "half": half}

    def _path(self, half: str) -> Path:
        return self.folder / f"{half if half == FLOAT else half[:16]}.json"


def _sha256(data: Mapping[str, Any]) -> str:
    """SHA-256 of a record's file, but for the SHA-256 itself."""
    parts = {key: data.get(key) for key in ("source", "task", "record")}
    return sha256_of(json.dumps(parts, sort_keys=True))


@dataclass(frozen=True)
class MemoryLedger:
    """The records of edge halves, kept in memory for as long as the object lives."""

    records: dict[str, Record] = field(default_factory=dict)

    def find(self, half: str) -> Record | None:
        """Return the record of an edge half; None if it was never run."""
        return self.records.get(half)

    def keep(self, half: str, record: Record) -> None:
        """Keep the record of an edge half."""
        self.records[half] = record

    def forget(self, half: str) -> None:
        """Forget the record of an edge half, if there is one."""
        self.records.pop(half, None)


AnyLedger = Ledger | MemoryLedger
"""A ledger in the files of a run folder, or in memory."""
