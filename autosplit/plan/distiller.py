"""A plan in the form that Intel Distiller reads."""

from __future__ import annotations

from typing import Any

from autosplit.graph.graph import Graph
from autosplit.plan.planfile import PlanFile


def distiller_overrides(file: PlanFile, graph: Graph) -> dict[str, Any]:
    """The plan in the form that Intel Distiller reads: ``quantizers.post_train_quantizer``."""
    bits_of = file.plan.activation_bits
    overrides = {}
    for name in file.plan.edge:
        entry: dict[str, int] = {"bits_activations": bits_of[name]}
        owner = graph.by_name[name].owner
        if owner in file.plan.weight_bits:
            entry["bits_weights"] = file.plan.weight_bits[owner]
        overrides[name] = entry
    return {
        "quantizers": {
            "post_train_quantizer": {
                "class": "PostTrainLinearQuantizer",
                "bits_activations": None,
                "bits_parameters": None,
                "bits_accum": 32,
                "mode": {"activations": "ASYMMETRIC_UNSIGNED", "weights": "SYMMETRIC"},
                "per_channel_wts": True,
                "inputs_quant_auto_fallback": True,
                "model_activation_stats": "stats.yaml",
                "overrides": overrides,
            }
        }
    }
