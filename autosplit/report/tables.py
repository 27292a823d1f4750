"""Rows of the tables that the stages write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autosplit.graph.bit_counts import mean_activation_bits, mean_weight_bits
from autosplit.graph.graph import Graph
from autosplit.graph.memory import fits_memory
from autosplit.plan.plan import Plan
from autosplit.search.pareto import front_over

PLANS_HEADER = (
    "name method link cut edge_layers weight_bits_avg activation_bits_avg cut_bits cut_bytes "
    "edge_memory_bytes distortion optimality_gap edge_s transfer_s cloud_s latency_s energy_j "
    "pareto"
).split()
LATENCY_HEADER = "name edge cloud link edge_s transfer_s cloud_s latency_s energy_j".split()
LAYER_LATENCY_HEADER = ("name", "layer", "side", "device", "seconds", "priced_by")
TRAFFIC = "traffic"
"""What prices a layer whose cost no rule and no measurement knows: its memory traffic alone."""


def plan_row(graph: Graph, plan: Plan, link: str, *, pareto: bool) -> dict[str, Any]:
    """One row of ``plans.csv``: a plan over one link."""
    cut = graph.cut(plan.edge)
    prediction = plan.predictions[link]
    return {
        "name": plan.name,
        "method": plan.method,
        "link": link,
        "cut": "+".join(cut.crossing),
        "edge_layers": len(plan.edge),
        "weight_bits_avg": mean_weight_bits(cut, plan.weight_bits),
        "activation_bits_avg": mean_activation_bits(cut, plan.activation_bits),
        "cut_bits": "+".join(str(plan.activation_bits[name]) for name in cut.crossing),
        "cut_bytes": plan.crossing_bytes,
        "edge_memory_bytes": plan.edge_memory_bytes,
        "distortion": plan.distortion,
        "optimality_gap": plan.optimality_gap,
        "edge_s": prediction.edge_s,
        "transfer_s": prediction.transfer_s,
        "cloud_s": prediction.cloud_s,
        "latency_s": prediction.latency_s,
        "energy_j": prediction.energy_j,
        "pareto": int(pareto),
    }


def plan_rows(
    graph: Graph, plans: Sequence[Plan], links: Sequence[str], limit_bytes: int | None
) -> list[dict[str, Any]]:
    """Rows of ``plans.csv``, per link by rising latency; ``pareto`` marks the front.

    Args:
        graph: The network.
        plans: Plans with predictions for all links.
        links: Names of links.
        limit_bytes: Memory that an edge half may use, None if that is not limited; a plan that
            takes more is never marked.
    """
    rows = []
    for link in links:
        fitting = [plan for plan in plans if fits_memory(plan.edge_memory_bytes, limit_bytes)]
        best = {fitting[i].name for i in front_over(fitting, link)}
        ordered = sorted(plans, key=lambda plan: (plan.predictions[link].latency_s, plan.name))
        rows += [plan_row(graph, plan, link, pareto=plan.name in best) for plan in ordered]
    return rows
