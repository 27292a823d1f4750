"""The stage ``search``: cuts and widths for the given hardware and limits, every plan a file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from autosplit.files import sha256_of_file, write_csv
from autosplit.plan.crossing import wire_layout
from autosplit.plan.grids import plan_grids
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile, write_plan
from autosplit.report.tables import PLANS_HEADER, plan_rows
from autosplit.runs.folder import read_graph
from autosplit.runs.hardware import Hardware, load_hardware
from autosplit.runs.hashes import hash_files
from autosplit.runs.options import SearchOptions
from autosplit.runs.planning import make_plans
from autosplit.runs.stages.frame import Job, Made, Prepared, Stage
from autosplit.search.problem import Problem
from autosplit.stats.stats import Stats
from autosplit.stats.statsfile import STATS_FILES, read_stats


def _prepare(job: Job[SearchOptions]) -> Prepared:
    options = job.options
    hardware = load_hardware(options.edge, options.cloud, options.links)
    inputs = hash_files(job.folder, ("graph.json", *STATS_FILES)) | hardware.hashes()
    return Prepared(inputs, partial(_search, job, hardware))


def _search(job: Job[SearchOptions], hardware: Hardware) -> Made:
    """Make the plans.

    Raises:
        InfeasibleError: Nothing fits the memory.
    """
    options = job.options
    graph, stats = read_graph(job.folder), read_stats(job.folder)
    problem = Problem(
        graph,
        stats.distortions,
        hardware.edge,
        hardware.cloud,
        hardware.links,
        options.memory_bytes,
        options.widths,
        input_coding=stats.input_coding,
    )
    with job.progress("search: cuts and widths", 1) as advance:
        planned = make_plans(problem, options)
        advance(1)
    write = partial(_write, job, problem, planned.plans, stats)
    return Made(f"search: {planned.text}", write)


def _write(
    job: Job[SearchOptions], problem: Problem, plans: Sequence[Plan], stats: Stats
) -> Sequence[str]:
    folder, graph = job.folder, problem.graph
    baseline = next((plan for plan in plans if plan.method == "cloud16"), None)
    predictions = {} if baseline is None else baseline.predictions
    compared = {link: seconds.latency_s for link, seconds in predictions.items()}
    name = "" if baseline is None else baseline.name
    about = graph.name, sha256_of_file(folder / "graph.json"), name, compared
    outputs = ["plans.csv"]
    with job.progress("search: writing plans", len(plans)) as advance:
        for plan in plans:
            weights, activations = plan_grids(plan, stats)
            wire = wire_layout(graph.cut(plan.edge), activations, plan.input_coding)
            file = PlanFile(
                plan, weights, activations, *about, equalized=graph.equalized, wire=wire
            )
            outputs.append(f"plans/{plan.name}.yaml")
            write_plan(folder / outputs[-1], file)
            advance(1)
    for old in () if job.before is None else job.before.outputs:
        if old not in outputs:
            (folder / old).unlink(missing_ok=True)
    rows = plan_rows(graph, plans, tuple(problem.links), problem.limit_bytes)
    write_csv(folder / "plans.csv", PLANS_HEADER, rows)
    return outputs


SEARCH = Stage("search", SearchOptions, ("stats",), _prepare)
