"""The finished plans of a run folder: ``quantized/NAME.yaml``, each of the plan of its name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from autosplit.errors import AutoSplitError
from autosplit.graph.graph import Graph
from autosplit.plan.plan import Origin
from autosplit.plan.planfile import PlanFile, read_plan, write_plan


@dataclass(frozen=True)
class Quantized:
    """Finished plans, and whether they are what they should be.

    A request is a plan as the search wrote it.

    Attributes:
        folder: Where they are.
        graph: The network.
        finishing: SHA-256 of how they are finished; empty: in any way.
    """

    folder: Path
    graph: Graph
    finishing: str = ""

    def path(self, name: str) -> Path:
        """File of the finished plan of a name."""
        return self.folder / f"{name}.yaml"

    def find(self, request: PlanFile) -> PlanFile | None:
        """The finished plan of a request; None if it is missing, edited, or made of another one."""
        path = self.path(request.plan.name)
        if not path.exists():
            return None
        try:
            file = read_plan(path, self.graph)
        except AutoSplitError:
            return None
        if file.origin is None or file.graph_sha256 != request.graph_sha256:
            return None
        finishing = self.finishing or file.origin.finishing
        made = Origin(request.half_sha256, finishing, file.half_sha256)
        return file if file.origin == made else None

    def has(self, request: PlanFile) -> bool:
        """Whether the finished plan of a request is there, with all that the request says."""
        file = self.find(request)
        return file is not None and _about(file) == _about(request)

    def keep(self, request: PlanFile, finished: PlanFile) -> None:
        """Write what a request, or one with the same edge half, was finished to."""
        origin = Origin(request.half_sha256, self.finishing, finished.half_sha256)
        about = {name: getattr(request, name) for name in _ABOUT}
        path = self.path(request.plan.name)
        write_plan(path, replace(finished, **about, origin=origin))
        if not (finished.codes or finished.biases):
            _beside(path).unlink(missing_ok=True)

    def files(self, name: str) -> tuple[Path, ...]:
        """The finished plan of a name and what is beside it, those that are there."""
        path = self.path(name)
        return tuple(file for file in (path, _beside(path)) if file.exists())

    def names(self) -> set[str]:
        """Names of the plans that there are files of."""
        return {path.stem for path in self.folder.glob("[!.]*.*")}

    def forget(self, name: str) -> None:
        """Delete the finished plan of a name, and what is beside it."""
        for path in self.files(name):
            path.unlink()


def _beside(path: Path) -> Path:
    """File of the integers of a plan's file."""
    return path.with_suffix(".safetensors")


_ABOUT = ("plan", "model", "graph_sha256", "baseline", "baseline_latency_s")
"""What a finished plan has from its request as it is."""


def _about(file: PlanFile) -> tuple[object, ...]:
    return tuple(getattr(file, name) for name in _ABOUT)
