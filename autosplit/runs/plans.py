"""Single plans of a run folder: found by name, printed, or run as they were finished."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from autosplit.errors import PlanError, did_you_mean
from autosplit.files import read_yaml
from autosplit.plainfile import read_text
from autosplit.plan.distiller import distiller_overrides
from autosplit.runs.finished import Quantized, finished_plan
from autosplit.runs.folder import plan_names, read_graph, read_plans
from autosplit.runs.needs import require
from autosplit.runs.network import load_network
from autosplit.runs.options import StatsOptions
from autosplit.runs.stamps import resolve

if TYPE_CHECKING:
    from autosplit.models.load import Model


def emit_plan(folder: Path, name: str, form: str = "native") -> str:
    """A plan of a run folder as text, as it was searched: its finished integers are no text.

    Args:
        folder: Run folder.
        name: Name of a plan, or ``pick`` for the picked one.
        form: ``native``, the YAML of the plan's file; or ``distiller``, the YAML of Intel's
            Distiller, which has widths and no place for integers.

    Raises:
        PlanError: There is no such plan.
    """
    name = picked(folder) if name == "pick" else name
    path = _plan_path(folder, name)
    if form == "native":
        return read_text(path)
    graph = read_graph(folder)
    found = distiller_overrides(read_plans(folder, graph, [name])[name], graph)
    return yaml.safe_dump(found, sort_keys=False)


def picked(folder: Path) -> str:
    """Name of the plan that ``collect`` picked for its headline link."""
    require(folder, "collect", "emit")
    data = read_yaml(folder / "pick.yaml", "pick")
    return str(data["picks"][data["headline"]]["plan"])


def all_picked(folder: Path) -> tuple[str, ...]:
    """Names of the plans that ``collect`` picked, of all links, each once."""
    require(folder, "collect", "tune")
    picks = read_yaml(folder / "pick.yaml", "pick")["picks"]
    return tuple(dict.fromkeys(str(pick["plan"]) for pick in picks.values()))


def network_and_plan(
    folder: Path | None, given: Mapping[str, Any], plan: str | None
) -> tuple[Model, Path | None]:
    """The network of a run folder, or as given, and the file of a plan of it.

    A plan of a run folder is the finished one; the searched one if it was never finished.

    Args:
        folder: Run folder; its options hold where none are given, and its pick is the plan where
            none is named.
        given: Options of ``stats`` that say which network.
        plan: Name of a plan of the run folder, or a file.

    Raises:
        StageError: The run folder has no network or no pick yet, or the plan has changed since it
            was finished.
        PlanError: There is no such plan.
    """
    stamp = None if folder is None else require(folder, "stats", "detect")
    model = load_network(resolve(given, stamp, StatsOptions()))
    if plan is not None and plan.endswith((".yaml", ".yml")):
        return model, Path(plan)
    if folder is not None:
        return model, _finished_path(folder, picked(folder) if plan is None else plan)
    if plan is not None:
        raise PlanError(f"plan: must be a file such as plan.yaml without --run, got {plan!r}")
    return model, None


def _plan_path(folder: Path, name: str) -> Path:
    require(folder, "search", "emit")
    names = plan_names(folder)
    if name not in names:
        raise PlanError(f"{folder}: no plan {name!r}{did_you_mean(name, names)}")
    return folder / "plans" / f"{name}.yaml"


def _finished_path(folder: Path, name: str) -> Path:
    path = _plan_path(folder, name)
    graph = read_graph(folder)
    quantized = Quantized(folder / "quantized", graph)
    if not quantized.files(name):
        return path
    finished_plan(folder, quantized, read_plans(folder, graph, [name])[name])
    return quantized.path(name)
