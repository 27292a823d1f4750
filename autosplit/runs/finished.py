"""The finished plans of a run folder: ``quantized/NAME.yaml``, each of the plan of its name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autosplit.errors import AutoSplitError, StageError
from autosplit.graph.graph import Graph
from autosplit.plan.plan import Origin
from autosplit.plan.planfile import PlanFile, read_plan, write_plan
from autosplit.runs.folder import plan_names, read_plans

TUNED = "tuned "
"""How ``Origin.finishing_sha256`` begins in a plan that was trained after it was finished."""


@dataclass(frozen=True)
class Quantized:
    """Finished plans, and whether they are what they should be.

    A searched plan is a plan as the search wrote it.

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

    def find(self, searched: PlanFile) -> PlanFile | None:
        """The finished form of a searched plan; None if missing, edited, or made of another."""
        path = self.path(searched.plan.name)
        if not path.exists():
            return None
        try:
            file = read_plan(path, self.graph)
        except AutoSplitError:
            return None
        if file.origin is None or file.graph_sha256 != searched.graph_sha256:
            return None
        finishing = self.finishing or file.origin.finishing_sha256
        made = Origin(searched.half_sha256, finishing, file.half_sha256)
        return file if file.origin == made else None

    def has(self, searched: PlanFile) -> bool:
        """Whether a searched plan's finished form is there, with all that the plan says."""
        file = self.find(searched)
        return file is not None and _about(file) == _about(searched)

    def keep(self, searched: PlanFile, finished: PlanFile) -> None:
        """Write what a searched plan, or one with the same edge half, was finished to."""
        origin = Origin(searched.half_sha256, self.finishing, finished.half_sha256)
        about = {name: getattr(searched, name) for name in _ABOUT}
        path = self.path(searched.plan.name)
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


def finished_names(quantized: Quantized, names: Sequence[str], plans: str) -> list[str]:
    """The names that have finished plans; all of them if a person named them.

    Raises:
        StageError: There is none.
    """
    found = [name for name in names if quantized.files(name)]
    if not found:
        raise StageError(
            f"{quantized.folder}: must hold finished plans, has none of those asked for, "
            "run: autosplit quantize without --finished"
        )
    return found if plans in {"all", "pareto"} else list(names)


def check_untuned(quantized: Quantized, searched: Mapping[str, PlanFile], folder: Path) -> None:
    """Make sure that finishing plans again overwrites none that was trained.

    Raises:
        StageError: One was.
    """
    every = replace(quantized, finishing="")
    for name, file in searched.items():
        found = every.find(file)
        if found is None or found.origin is None:
            continue
        if found.origin.finishing_sha256.startswith(TUNED):
            raise StageError(
                f"{quantized.path(name)}: was trained by autosplit tune, quantize would overwrite "
                f"it; evaluate it: autosplit quantize --finished --run {folder}; to finish the "
                "plan anew all the same: --force"
            )


def finished_plan(folder: Path, quantized: Quantized, searched: PlanFile) -> PlanFile:
    """What a plan was finished to.

    Raises:
        StageError: It is missing, or one of the two has changed since.
    """
    found = quantized.find(searched)
    if found is None:
        name = searched.plan.name
        raise StageError(
            f"{quantized.path(name)}: must be what plans/{name}.yaml was finished to, is missing "
            f"or one of them has changed since, run: autosplit quantize --run {folder}"
        )
    return found


def forget_strangers(folder: Path, quantized: Quantized, known: Collection[str]) -> None:
    """Delete finished plans that belong to no plan of a run folder; those known do."""
    names = set(plan_names(folder))
    for name in quantized.names().difference(known):
        try:
            searched = read_plans(folder, quantized.graph, [name])[name] if name in names else None
        except AutoSplitError:  # edited, and not asked for
            searched = None
        if searched is None or quantized.find(searched) is None:
            quantized.forget(name)


def _beside(path: Path) -> Path:
    """File of the integers of a plan's file."""
    return path.with_suffix(".safetensors")


_ABOUT = ("plan", "model", "graph_sha256", "baseline", "baseline_latency_s")
"""What a finished plan has from its searched plan as it is."""


def _about(file: PlanFile) -> tuple[object, ...]:
    found = replace(file, plan=replace(file.plan, crossing_bytes=0))  # coded anew when finished
    return tuple(getattr(found, name) for name in _ABOUT)
