"""Rows of the tables that the stages write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autosplit.graph.bit_counts import mean_activation_bits, mean_weight_bits
from autosplit.graph.graph import Graph
from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Plan

PLANS_HEADER = (
    "name method link cut edge_layers weight_bits_avg activation_bits_avg cut_bits cut_bytes "
    "edge_memory_bytes distortion optimality_gap edge_s transfer_s cloud_s latency_s pareto"
).split()
LATENCY_HEADER = ("name", "edge", "cloud", "link", "edge_s", "transfer_s", "cloud_s", "latency_s")
LAYER_LATENCY_HEADER = ("name", "layer", "side", "device", "seconds")


@dataclass(frozen=True, slots=True)
class Row:
    """One plan over one link, with what was measured of it.

    Attributes:
        plan: The plan.
        link: Name of the link.
        prediction: Seconds over this link.
        fits: Whether the edge half keeps the memory limit.
        drop: Accuracy points lost, measured; None if it was not measured.
        accuracy: By the task's metric, 0..1, or agreement with the float network without labels.
        stopped: Whether it was measured on a part of the images only, for it must lose too much.
    """

    plan: Plan
    link: str
    prediction: Prediction
    fits: bool
    drop: float | None = None
    accuracy: float | None = None
    stopped: bool = False

    @property
    def measured(self) -> bool:
        """Whether its accuracy is known on all images."""
        return self.drop is not None and not self.stopped

    @property
    def latency_s(self) -> float:
        """Seconds from the input to the answer."""
        return self.prediction.latency_s


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
        "pareto": int(pareto),
    }
