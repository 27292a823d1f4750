"""Plans for a problem as the options of ``search`` ask: methods, pins, limits, a thin front."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from autosplit.errors import counted, warn
from autosplit.graph.graph import Graph
from autosplit.graph.memory import NOT_CODED, WholeBytes
from autosplit.hardware.operations import unknown_layers
from autosplit.plan.grids import plan_grids
from autosplit.plan.pins import parse_pin
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.plan.wire_layout import wire_layout
from autosplit.runs.options import SearchOptions
from autosplit.search.cuts.ideals import CutList, latency_floor, useful
from autosplit.search.front.front import OURS
from autosplit.search.limits import LIMIT_PREFIX, PlanLimits, limited
from autosplit.search.methods import ALL, METHODS, search, search_pinned
from autosplit.search.pins import pin
from autosplit.search.problem import Problem
from autosplit.search.questions.limits import WidthLimits
from autosplit.search.thin import thin
from autosplit.stats.stats import Stats

_NAMED = 3  # layers of a warning


@dataclass(frozen=True, slots=True)
class Planned:
    """Plans that a search made.

    Attributes:
        plans: Plans within the limits first, then our front, then the baselines.
        text: How many there are, and what is proven of cuts of any shape, in words.
    """

    plans: tuple[Plan, ...]
    text: str


def make_plans(problem: Problem, options: SearchOptions) -> Planned:
    """Search, keep what the limits allow, and thin the front out.

    Args:
        problem: The network, the hardware and the memory.
        options: Methods, pins, limits beside memory, and how many plans are kept; the hardware, the
            memory and the widths are those of the problem.

    Raises:
        InfeasibleError: Nothing fits the memory, or no plan keeps the limits.
        PlanError: A method or a pin is unknown.
    """
    _warn_of_unknown(problem)
    pinned = pin(problem, tuple(map(parse_pin, options.pins)))
    methods = tuple(METHODS) if options.methods == (ALL,) else options.methods
    found = search_pinned(problem, pinned, methods) if options.pins else search(problem, methods)
    cuts = useful(pinned) if options.cuts == "useful" else None
    found = limited(pinned, found, _targets(options, cuts))
    ours = [plan for plan in found if plan.method == OURS]
    others = [plan for plan in found if plan.method != OURS]
    within = [plan for plan in ours if plan.name.startswith(LIMIT_PREFIX)]
    front = [plan for plan in ours if not plan.name.startswith(LIMIT_PREFIX)]
    plans = (*within, *thin(front, others, options.front), *others)
    kept = len(plans) - len(others)
    of = f"{kept} of the {len(ours)} plans" if kept < len(ours) else counted(kept, "plan")
    text = f"kept {of} of method {OURS}, and {counted(len(others), 'plan')} of other methods"
    return Planned(plans, text + _considered(problem, cuts))


def _warn_of_unknown(problem: Problem) -> None:
    """Warn of layers that a device times by traffic alone, or not at all, as no cost is known."""
    sides = (problem.edge, "on the edge"), (problem.cloud, "in the cloud")
    for (device, where), refused in zip(sides, problem.unpriced, strict=True):
        found = unknown_layers(problem.graph, device)
        if not found:
            continue
        named = ", ".join(f"{name} ({kind})" for name, kind in list(found.items())[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        if refused:
            warn(
                f"{device.name}: no cost is known of {named}{more}: plans that run such a layer "
                f"{where} are left out; measure the layers and use a device of model table, or "
                "let the profile say unknown_operators: traffic"
            )
        else:
            warn(f"{device.name}: timed by their traffic alone, no cost is known: {named}{more}")


def plan_files(
    plans: Sequence[Plan],
    graph: Graph,
    stats: Stats,
    graph_sha256: str = "",
    coded: Mapping[tuple[str, int], int] = NOT_CODED,
) -> Iterator[PlanFile]:
    """Give plans the grids that were measured and the layout of what they send.

    Args:
        plans: Plans of one search; the baseline that all are compared with is ``cloud16``.
        graph: The network.
        stats: What was measured of it.
        graph_sha256: Of ``graph.json``; empty where there is no run folder.
        coded: Tensor and width -> mean bytes on the wire, as the search counted them.

    Yields:
        All that is needed to run each plan, in the order of the names.
    """
    baseline = next((plan for plan in plans if plan.method == "cloud16"), None)
    predictions = {} if baseline is None else baseline.predictions
    compared = {link: seconds.latency_s for link, seconds in predictions.items()}
    whole = isinstance(coded, WholeBytes)
    classes = {at: (stats.coded[at].classes, sent) for at, sent in coded.items() if not whole}
    about = graph.name, graph_sha256, "" if baseline is None else baseline.name, compared
    for plan in plans:
        weights, activations = plan_grids(plan, stats, graph.integers)
        cut = graph.cut(plan.edge)
        wire = wire_layout(cut, activations, plan.input_coding, classes, whole=whole)
        yield PlanFile(plan, weights, activations, *about, equalized=graph.equalized, wire=wire)


def _targets(options: SearchOptions, cuts: CutList | None) -> PlanLimits:
    """Limits beside memory, as the search was asked."""
    widths = options.max_weight_bits, options.max_activation_bits
    limits = WidthLimits(*widths, options.max_bops, options.max_energy_j)
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
