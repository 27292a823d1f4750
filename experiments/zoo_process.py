"""A process for each network of the zoo, with limits; rows that are kept from run to run."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import json
import os
import resource
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

from zoo_networks import Exhibit

ROOT = Path(__file__).parent.parent
MEMORY_BYTES, HEAVY_MEMORY_BYTES = 8 << 30, 20 << 30
"""Address space of a process; of one with a heavy network."""
ENDED = "ended by signal"
"""How the result of a network begins that a limit ended."""
LIBRARIES = ("torchvision", "timm", "transformers")


@dataclass
class Row:
    """One line of the table; what was not reached is None.

    ``code`` is the beginning of the digest of the code that found the row.
    """

    name: str
    task: str
    capture_s: float | None = None
    program_vs_module: float | None = None
    halves_vs_whole: float | None = None
    macs_over_torch: float | None = None
    weights_over_parameters: float | None = None
    why_not_1: str = ""
    sqnr_w8a8_db: float | None = None
    result: str = ""
    code: str = ""


def in_a_process(examine: Callable[[Exhibit], Row], exhibit: Exhibit, seconds: int) -> Row:
    """The row of a network that runs in a process with a limit of its time and memory.

    A heavy network waits until no other one runs.
    """
    if not exhibit.heavy:
        return _in_a_process(examine, exhibit, seconds, MEMORY_BYTES)
    with (ROOT / ".zoo" / "heavy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _in_a_process(examine, exhibit, seconds, HEAVY_MEMORY_BYTES)


def _in_a_process(
    examine: Callable[[Exhibit], Row], exhibit: Exhibit, seconds: int, memory_bytes: int
) -> Row:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        used = int(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, used + seconds))
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        warnings.simplefilter("ignore")
        try:
            row = examine(exhibit)
        except Exception as error:  # noqa: BLE001 - the table says what it is
            text = " ".join(str(error).replace(f"{ROOT}/", "").split()) or type(error).__name__
            row = Row(exhibit.name, exhibit.task, result=f"{type(error).__name__}: {text:.200}")
        with os.fdopen(write, "w") as pipe:
            json.dump(asdict(row), pipe)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    if text:
        return Row(**json.loads(text))
    why = f"{ENDED} {os.WTERMSIG(status)}, its limits are {seconds} s of one core and "
    return Row(exhibit.name, exhibit.task, result=f"{why}{memory_bytes >> 30} GiB")


def code_digest() -> str:
    """Digest of what makes a row: the code of autosplit, this one's, and the libraries."""
    digest = hashlib.sha256()
    for path in sorted([*ROOT.glob("autosplit/**/*.py"), *ROOT.glob("experiments/zoo*.py")]):
        digest.update(path.read_bytes())
    for library in ("torch", *LIBRARIES):
        digest.update(version(library).encode())
    return digest.hexdigest()


def kept_rows(path: Path) -> dict[str, Row]:
    """Rows of earlier runs, by name; a line that was cut is none."""
    rows: dict[str, Row] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.endswith("}"):
            row = Row(**json.loads(line) | {"code": path.stem[:8]})
            rows[row.name] = row
    return rows


def older_rows(folder: Path, table: Path) -> dict[str, Row]:
    """Rows that any code found, by name, of each the newest; those of the table are the oldest."""
    rows = _table_rows(table) if table.exists() else {}
    for path in sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime):
        rows |= kept_rows(path)
    return rows


def _table_rows(table: Path) -> dict[str, Row]:
    texts = {field.name for field in fields(Row) if field.type == "str"}
    rows = {}
    with table.open(newline="") as file:
        for line in csv.DictReader(file):
            row = {k: v if k in texts else float(v) if v else None for k, v in line.items()}
            rows[line["name"]] = Row(**row)  # type: ignore[arg-type]
    return rows
