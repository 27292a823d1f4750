"""The stage ``search``: cuts and widths for some hardware and limits, every plan a file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from autosplit.files import sha256_of_file, write_csv
from autosplit.hardware.device import memory_limit
from autosplit.plan.int8_weights import stats_for
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import write_plan
from autosplit.report.tables import PLANS_HEADER, plan_rows
from autosplit.runs.folder import read_graph
from autosplit.runs.hardware import Hardware, keep_profiles, load_hardware
from autosplit.runs.hashes import hash_files
from autosplit.runs.options import SearchOptions
from autosplit.runs.planning import make_plans, plan_files
from autosplit.runs.stages.frame import Job, Made, Prepared, Stage, delete_old
from autosplit.search.problem import Problem
from autosplit.stats.stats import Stats
from autosplit.stats.statsfile import STATS_FILES, read_stats


def _prepare(job: Job[SearchOptions]) -> Prepared:
    options = job.options
    hardware = load_hardware(options.edge, options.cloud, options.links, job.folder)
    inputs = hash_files(job.folder, ("graph.json", *STATS_FILES)) | hardware.hashes()
    return Prepared(inputs, partial(_search, job, hardware))


def _search(job: Job[SearchOptions], hardware: Hardware) -> Made:
    """Make the plans.

    Raises:
        InfeasibleError: Nothing fits the memory.
    """
    options = job.options
    graph = read_graph(job.folder)
    stats = stats_for(hardware.edge, graph, read_stats(job.folder))
    problem = Problem(
        graph,
        stats.distortions,
        hardware.edge,
        hardware.cloud,
        hardware.links,
        _searched_bytes(options, hardware),
        options.widths,
        input_codings=stats.input_codings,
        coded=stats.sent(options.coding),
    )
    with job.progress("search: cuts and widths", 1) as advance:
        planned = make_plans(problem, options)
        advance(1)
    write = partial(_write, job, problem, planned.plans, stats)
    return Made(f"search: {planned.text}", write)


def _searched_bytes(options: SearchOptions, hardware: Hardware) -> int | None:
    """Memory that the plans of the search may use: the limit without what is left free."""
    limit = memory_limit(options.memory_bytes, hardware.edge)
    return None if limit is None else max(limit - options.reserve_bytes, 0)


def _write(
    job: Job[SearchOptions], problem: Problem, plans: Sequence[Plan], stats: Stats
) -> Sequence[str]:
    folder, graph = job.folder, problem.graph
    outputs = ["plans.csv"]
    with job.progress("search: writing plans", len(plans)) as advance:
        digest = sha256_of_file(folder / "graph.json")
        for file in plan_files(plans, graph, stats, digest, problem.coded):
            outputs.append(f"plans/{file.plan.name}.yaml")
            write_plan(folder / outputs[-1], file)
            advance(1)
    named = job.options.edge, job.options.cloud, *job.options.links
    outputs += keep_profiles(folder, named)
    delete_old(job, outputs)
    rows = plan_rows(graph, plans, tuple(problem.links), problem.limit_bytes)
    write_csv(folder / "plans.csv", PLANS_HEADER, rows)
    return outputs


SEARCH = Stage("search", SearchOptions, ("stats",), _prepare)
