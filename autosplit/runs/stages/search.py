"""The stage ``search``: cuts and widths for some hardware and limits, every plan a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from autosplit.errors import StageError
from autosplit.files import read_csv, sha256_of_file, write_csv
from autosplit.hardware.device import memory_limit
from autosplit.plan.int8_weights import stats_for
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import write_plan
from autosplit.report.tables import PLANS_HEADER, plan_rows
from autosplit.runs.folder import read_graph
from autosplit.runs.hardware import Hardware, keep_profiles, load_hardware
from autosplit.runs.hashes import hash_files, hash_spec
from autosplit.runs.options import SearchOptions, StatsOptions
from autosplit.runs.planning import make_plans, plan_files
from autosplit.runs.stages.frame import Job, Made, Prepared, Stage, delete_old
from autosplit.runs.stages.stats import STATS
from autosplit.runs.stamps import resolve
from autosplit.runs.variants import (
    VARIANTS_FILE,
    VARIANTS_HEADER,
    PlanRows,
    divergence_of,
    joint_rows,
    joint_text,
    measured_alike,
    variants_of,
)
from autosplit.search.problem import Problem
from autosplit.stats.stats import Stats
from autosplit.stats.statsfile import STATS_FILES, read_stats


def _prepare(job: Job[SearchOptions]) -> Prepared:
    options = job.options
    hardware = load_hardware(options.edge, options.cloud, options.links, job.folder)
    inputs = hash_files(job.folder, ("graph.json", *STATS_FILES)) | hardware.hashes()
    for variant in variants_of(job.folder, options.variants):
        inputs[f"variant {variant.name}"] = hash_spec(str(variant.network))
    return Prepared(inputs, partial(_search, job, hardware))


def _search(job: Job[SearchOptions], hardware: Hardware) -> Made:
    """Make the plans.

    Raises:
        InfeasibleError: Nothing fits the memory.
    """
    options = job.options
    hardware.warn_of_runtimes()
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
    own = plan_rows(graph, planned.plans, tuple(problem.links), problem.limit_bytes)
    joint = _with_variants(job, own, problem.limit_bytes) if options.variants else []
    write = partial(_write, job, problem, planned.plans, stats, own, joint)
    return Made(f"search: {planned.text}{joint_text(joint) if joint else ''}", write)


def _with_variants(job: Job[SearchOptions], own: PlanRows, limit_bytes: int | None) -> PlanRows:
    """Measure and search every variant, each in a run folder of its own; all rows together.

    Raises:
        StageError: Distortions are in a unit in which variants cannot be compared.
    """
    measured = resolve({}, job.needed["stats"], StatsOptions())
    if measured.metric != "output":
        raise StageError(
            f"--variants: the metric must be output, whose distortions count from the answers, "
            f"{job.folder} was measured with {measured.metric}"
        )
    asked = {**asdict(job.options), "variants": None}
    found = {}
    for variant in variants_of(job.folder, job.options.variants):
        alike = measured_alike(measured, variant)
        STATS.run(variant.run, alike, force=job.force, progress=job.progress)
        SEARCH.run(variant.run, asked, force=job.force, progress=job.progress)
        rows = read_csv(variant.run / "plans.csv", PLANS_HEADER)
        found[variant.name] = divergence_of(measured, variant), rows
    return joint_rows(own, found, limit_bytes)


def _searched_bytes(options: SearchOptions, hardware: Hardware) -> int | None:
    """Memory that the plans of the search may use: the limit without what is left free."""
    limit = memory_limit(options.memory_bytes, hardware.edge)
    return None if limit is None else max(limit - options.reserve_bytes, 0)


def _write(
    job: Job[SearchOptions],
    problem: Problem,
    plans: Sequence[Plan],
    stats: Stats,
    rows: PlanRows,
    joint: PlanRows,
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
    if joint:
        write_csv(folder / VARIANTS_FILE, VARIANTS_HEADER, joint)
        outputs.append(VARIANTS_FILE)
    delete_old(job, outputs)
    write_csv(folder / "plans.csv", PLANS_HEADER, rows)
    return outputs


SEARCH = Stage("search", SearchOptions, ("stats",), _prepare)
