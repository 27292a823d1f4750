"""Scores of many plans: each is kept as soon as it is there, so that nothing is measured twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from torch import Tensor

from autosplit.capture import Program
from autosplit.errors import DataError
from autosplit.evaluate import Batches, Reference, Score, evaluate, measure_float
from autosplit.files import read_json, write_json
from autosplit.images import Images
from autosplit.plan import PlanFile
from autosplit.progress import Progress
from autosplit.report import FLOAT

BATCH_ELEMENTS = 4_000_000
"""Input elements of a batch: enough to keep the cores busy, few enough to stay out of swap."""
CACHE_BYTES = 2**30
"""Decoded evaluation images are kept in memory up to this size, else read again for each plan."""


@dataclass(frozen=True)
class Ledger:
    """The scores that a run folder keeps, one file each.

    Attributes:
        folder: Where the files are.
        source: What every score depends on, network and images -> SHA-256.
        plans: Plan -> SHA-256 of its file.
    """

    folder: Path
    source: Mapping[str, str]
    plans: Mapping[str, str]

    def find(self, name: str) -> dict[str, Any] | None:
        """The score of a plan, None if it was not measured on the same network, images and plan."""
        path = self._path(name)
        if not path.exists():
            return None
        data = read_json(path, "score")
        return dict(data["score"]) if data.get("key") == self._key(name) else None

    def keep(self, row: Mapping[str, Any]) -> None:
        """Keep a score."""
        name = str(row["name"])
        write_json(self._path(name), "score", {"key": self._key(name), "score": dict(row)})

    def _key(self, name: str) -> dict[str, str]:
        return {**self.source, "plan": self.plans.get(name, "")}

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def score_plans(
    program: Program,
    files: Iterable[PlanFile],
    batches: Batches,
    ledger: Ledger,
    jobs: int,
    progress: Progress,
) -> None:
    """Run the float network and every plan, and keep each score as soon as it is there.

    Args:
        program: The captured network.
        files: The plans.
        batches: Evaluation data.
        ledger: Where scores are kept.
        jobs: Plans run at the same time.
        progress: Told of each network that is done.
    """
    todo = list(files)
    with progress(f"quantize: {len(todo) + 1} networks", len(todo) + 1) as advance:
        reference = measure_float(program, batches)
        ledger.keep(_float_row(reference))
        advance(1)

        def one(file: PlanFile) -> None:
            ledger.keep(_row(evaluate(program, file, batches, reference)))
            advance(1)

        Parallel(n_jobs=jobs, prefer="threads")(delayed(one)(file) for file in todo)


def _float_row(reference: Reference) -> dict[str, Any]:
    return {
        "name": FLOAT,
        "images": len(reference.classes),
        "top1": reference.top1,
        "top5": reference.top5,
        "agreement": 1.0,
        "drop": 0.0,
    }


def _row(score: Score) -> dict[str, Any]:
    return {
        "name": score.plan,
        "images": score.images,
        "top1": score.top1,
        "top5": score.top5,
        "agreement": score.agreement,
        "top1_low": score.low,
        "top1_high": score.high,
        "drop": score.drop,
        "cut_bytes": score.crossing_bytes,
    }


def batch_size(program: Program, asked: int) -> int:
    """Images per step: what the program is bound to, what was asked for, or what suits the size.

    Args:
        program: The captured network.
        asked: What was asked for, 0 for nothing.
    """
    elements = sum(program.graph.elements(name) for name in program.graph.inputs)
    suited = min(256, max(16, BATCH_ELEMENTS // elements))
    return program.batch_size or asked or suited


def batches_of(images: Images, program: Program, asked: int) -> Batches:
    """Batches that a program can run; one that is bound to a batch size gets whole batches only.

    Args:
        images: The images; what is left over after the last whole batch is left out.
        program: The captured network.
        asked: Images per step as asked for, 0 for nothing.

    Raises:
        DataError: There are not enough images for one whole batch.
    """
    size = batch_size(program, asked)
    if program.batch_size is None:
        return lambda: images.batches(size)
    if len(images) < size:
        raise DataError(
            f"data: must have at least {size} images, for the network runs whole batches of "
            f"{size} only, got {len(images)}"
        )
    return lambda: (batch for batch in images.batches(size) if len(batch[0]) == size)


def cached(batches: Batches) -> Batches:
    """The same batches, decoded once if they are few."""
    kept: list[tuple[Tensor, Tensor | None]] = []
    total = 0
    for batch in batches():
        total += batch[0].nbytes
        if total > CACHE_BYTES:
            return batches
        kept.append(batch)
    return lambda: kept
