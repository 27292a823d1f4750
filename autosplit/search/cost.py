"""Make a plan out of a cut and its widths: the one place where the search costs what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autosplit.graph.graph import Cut
from autosplit.graph.memory import coded_crossing, crossing_bytes, edge_memory_bytes
from autosplit.hardware.prediction import PlanWidths, predict_links
from autosplit.plan.plan import Plan
from autosplit.search.problem import Problem
from autosplit.search.tolerance import ROUNDING
from autosplit.stats.stats import Role


def make_plan(
    problem: Problem,
    cut: Cut,
    weight_bits: Mapping[str, int],
    activation_bits: Mapping[str, int],
    *,
    name: str,
    method: str,
    lower_bound: float,
    cloud_bits: int | None = None,
    sent_bytes: int | None = None,
    jpeg: bool = False,
) -> Plan:
    """Add up memory, bytes, distortion and seconds of a cut at these widths, for every link.

    Args:
        problem: The problem.
        cut: The cut.
        weight_bits: Layer that stores a weight -> its width, for every stored edge weight.
        activation_bits: Tensor -> width, for the network's inputs and every edge layer.
        name: Name of the plan.
        method: Method that made it.
        lower_bound: Proven bound of its distortion.
        cloud_bits: Width of the cloud half; the cloud device's floats if None.
        sent_bytes: What is sent for one sample; None: the crossing tensors at their
            widths, as the problem codes them.
        jpeg: Whether the input is sent as a JPEG file.
    """
    activation_bits = cut.graph.widths(activation_bits)
    coded: tuple[str, ...] = ()
    if sent_bytes is None:
        sent_bytes = crossing_bytes(cut, activation_bits, problem.coded)
        coded = coded_crossing(cut, activation_bits, problem.coded)
    widths = PlanWidths(weight_bits, activation_bits, cloud_bits, sent_bytes, jpeg, coded)
    distortion = problem.distortion_of(weight_bits, activation_bits)
    return Plan(
        name=name,
        method=method,
        edge=cut.edge,
        weight_bits=dict(weight_bits),
        activation_bits=dict(activation_bits),
        distortion=distortion,
        lower_bound=distortion if lower_bound >= distortion * (1 - ROUNDING) else lower_bound,
        edge_memory_bytes=edge_memory_bytes(cut, weight_bits, activation_bits),
        crossing_bytes=sent_bytes,
        predictions=predict_links(cut, widths, *problem.priced_devices, problem.links),
        cloud_bits=cloud_bits or problem.cloud.float_bits,
    )


def distortion_floor(problem: Problem, cut: Cut, widths: Sequence[int] | None = None) -> float:
    """Distortion of an edge half with everything at its best width: a bound that needs no search.

    Args:
        problem: The problem.
        cut: The cut.
        widths: Widths to choose from; those that may be used if None.
    """
    widths = problem.usable if widths is None else widths
    total = problem.distortion_of({}, dict.fromkeys(problem.graph.inputs, problem.input_bits))
    stored, edge = set(cut.weights), set(cut.edge)
    for name in cut.graph.by_name:
        roles: tuple[Role, ...] = ("weight",) if name in stored else ()
        roles += ("activation",) if name in edge else ()
        for role in roles:
            total += min(problem.distortions[name, role, b].distortion for b in widths)
    return total
