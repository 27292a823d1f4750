"""The stage ``search``: cuts and widths for the given hardware and limits, every plan a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from autosplit.files import sha256_of_file, write_csv
from autosplit.plan.crossing import wire_layout
from autosplit.plan.grids import plan_grids
from autosplit.plan.pins import parse_pin
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile, write_plan
from autosplit.report.tables import PLANS_HEADER, plan_rows
from autosplit.runs.folder import read_graph
from autosplit.runs.hardware import Hardware, load_hardware
from autosplit.runs.hashes import hash_files
from autosplit.runs.options import SearchOptions
from autosplit.runs.stages.frame import Job, Made, Prepared, Stage
from autosplit.search.cuts.ideals import CutList, latency_floor, useful
from autosplit.search.front.front import OURS
from autosplit.search.limits import LIMIT_PREFIX, PlanLimits, limited
from autosplit.search.methods import ALL, METHODS, search, search_pinned
from autosplit.search.pins import pin
from autosplit.search.problem import Problem
from autosplit.search.questions.limits import WidthLimits
from autosplit.search.thin import thin
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
        pinned = pin(problem, tuple(map(parse_pin, options.pins)))
        methods = tuple(METHODS) if options.methods == (ALL,) else options.methods
        found = (
            search_pinned(problem, pinned, methods) if options.pins else search(problem, methods)
        )
        cuts = useful(pinned) if options.cuts == "useful" else None
        found = limited(pinned, found, _targets(options, cuts))
        advance(1)
    ours, others = _by_method(found)
    within = [plan for plan in ours if plan.name.startswith(LIMIT_PREFIX)]
    front = [plan for plan in ours if not plan.name.startswith(LIMIT_PREFIX)]
    plans = [*within, *thin(front, others, options.front), *others]
    kept = len(plans) - len(others)
    of = "" if kept == len(ours) else f" of {len(ours)}"
    text = f"search: {kept}{of} plans of ours and {len(others)} baselines"
    return Made(text + _considered(problem, cuts), partial(_write, job, problem, plans, stats))


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


def _targets(options: SearchOptions, cuts: CutList | None) -> PlanLimits:
    """Limits beside memory, as the search was asked."""
    limits = WidthLimits(options.max_weight_bits, options.max_activation_bits, options.max_bops)
    asked = options.max_latency_s, options.max_distortion
    seconds, distortion = (math.inf if most is None else most for most in asked)
    return PlanLimits(limits, seconds, distortion, None if cuts is None else cuts.cuts)


def _considered(problem: Problem, cuts: CutList | None) -> str:
    """Which cuts that are no prefixes were looked at, and what is left out at most, in words."""
    if cuts is None:
        return ""
    if cuts.complete:
        return f"; within limits over all {len(cuts.cuts)} cuts there are"
    floors = ", ".join(
        f"{latency_floor(problem, link) * 1e3:.3g} ms over {link}" for link in problem.links
    )
    return f"; within limits over {len(cuts.cuts)} cuts, none left out is faster than {floors}"


def _by_method(plans: list[Plan]) -> tuple[list[Plan], list[Plan]]:
    """Our plans and those of other methods."""
    return (
        [plan for plan in plans if plan.method == OURS],
        [plan for plan in plans if plan.method != OURS],
    )


SEARCH = Stage("search", SearchOptions, ("stats",), _prepare)
