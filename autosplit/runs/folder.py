"""The run folder: where it is, and the graph and the plans in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from autosplit.errors import PlanError, StageError, did_you_mean
from autosplit.files import read_csv, read_json, sha256_of_file
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import graph_from_dict
from autosplit.plainfile import is_plain_name
from autosplit.plan.planfile import PlanFile, read_plan
from autosplit.report.tables import PLANS_HEADER
from autosplit.runs.options import StatsOptions

RESULTS = Path("results")
"""Where run folders are unless told otherwise."""


def default_folder(model: str) -> Path:
    """``results/NAME`` for a model spec, where NAME is what the loaded model calls itself.

    >>> str(default_folder("nets/mine.py:build")), str(default_folder("torchvision:resnet50"))
    ('results/build', 'results/resnet50')
    """
    name = model.removeprefix("torchvision:")
    if name.startswith("torchvision-backbone:"):
        name = f"{name.partition(':')[2]}_backbone"
    elif name.startswith("yolo:"):
        name = Path(name.removeprefix("yolo:")).name.removesuffix(".cfg")
    elif re.search(r"\.py:\w+$", name):
        name = name.rpartition(":")[2]
    elif name.endswith(".pt2"):
        name = Path(name).stem
    return RESULTS / re.sub(r"\W+", "_", name)


def find_folder() -> Path:
    """The run folder of the default model, else the only one there is.

    Raises:
        StageError: There are several others to choose from.
    """
    default = default_folder(StatsOptions().model)
    folders = sorted({path.parent.parent for path in RESULTS.glob("*/stages/*.json")})
    if default in folders or not folders:
        return default
    if len(folders) > 1:
        names = ", ".join(map(str, folders))
        raise StageError(f"{RESULTS}: there are several run folders, choose with --run: {names}")
    return folders[0]


def read_graph(folder: Path) -> Graph:
    """The graph of a run folder."""
    path = folder / "graph.json"
    return graph_from_dict(read_json(path, "graph"), str(path))


def read_plans(folder: Path, graph: Graph, names: Sequence[str]) -> dict[str, PlanFile]:
    """Plans of a run folder by name.

    Raises:
        PlanError: One is for another network or under another name, or its file is wrong.
    """
    graph_sha256 = sha256_of_file(folder / "graph.json")
    files = {}
    for name in names:
        path = folder / "plans" / f"{name}.yaml"
        file = files[name] = read_plan(path, graph)
        if file.graph_sha256 != graph_sha256:
            raise PlanError(f"{path}: must be a plan of {graph.name} as in graph.json, is not")
        if file.plan.name != name:
            raise PlanError(f"{path}: name must be {name!r}, got {file.plan.name!r}")
    return files


def plan_names(folder: Path, plans: str = "all") -> list[str]:
    """Names of the plans that ``--plans`` asks for.

    Args:
        folder: Run folder.
        plans: ``all``, ``pareto`` (those, and each method's only plan, which has its name), or
            names separated by commas.

    Returns:
        Names; of ``all`` and ``pareto`` in the order of ``plans.csv``.

    Raises:
        PlanError: One is unknown, or there is none.
    """
    rows = read_csv(folder / "plans.csv", PLANS_HEADER)
    names = list(dict.fromkeys(row["name"] for row in rows))
    for name in names:
        if not is_plain_name(name):
            where = folder / "plans.csv"
            raise PlanError(f"{where}: name: must be a plain name of a file, got {name!r:.60}")
    if plans == "all":
        return names
    if plans == "pareto":
        wanted = {r["name"] for r in rows if r["name"] == r["method"] or r["pareto"] == "1"}
        return [name for name in names if name in wanted]
    asked = list(dict.fromkeys(word.strip() for word in plans.split(",") if word.strip()))
    if not asked:
        raise PlanError("plans: must be pareto, all, or names separated by commas, got none")
    for name in asked:
        if name not in names:
            near = did_you_mean(name, [*names, "pareto", "all"])
            raise PlanError(f"{folder}: no plan {name!r}{near}")
    return asked
