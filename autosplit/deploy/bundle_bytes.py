"""Predicted and real bytes of everything in a bundle and on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from autosplit.deploy.manifest import Manifest
from autosplit.graph.graph import Graph
from autosplit.graph.layer import FIXED_BITS
from autosplit.graph.memory import packed_bytes, weight_bytes
from autosplit.plan.plan import Plan
from autosplit.report.aligned import aligned

FACTOR, BESIDE = 1.03, 60_000
"""An edge half is promised to have at most so many times its weights, and bytes beside them."""


def predicted_bytes(graph: Graph, plan: Plan) -> dict[str, int]:
    """What a plan's files are predicted to hold.

    Args:
        graph: The network.
        plan: The plan.

    Returns:
        ``edge_bytes``: weights that the edge half reads, packed at their widths, and 4 bytes for
        every bias; ``cloud_bytes``: 4 bytes for every weight and bias that the cloud half reads.  A
        weight that several layers share is counted once in each half that reads it.
    """
    cut = graph.cut(plan.edge)
    layers = [graph.by_name[name] for name in cut.cloud]
    owners = {layer.owner for layer in layers if layer.weight_elements}
    cloud = sum(graph.by_name[name].weight_elements for name in owners)
    cloud += sum(map(graph.fixed_elements, cut.cloud))
    return {
        "edge_bytes": weight_bytes(cut, plan.weight_bits),
        "cloud_bytes": packed_bytes(cloud, FIXED_BITS),
    }


def most_edge_bytes(predicted: int) -> int:
    """Bytes that the file of an edge half may have."""
    return round(FACTOR * predicted) + BESIDE


def bytes_table(manifest: Manifest, folder: Path, sent: Mapping[str, Sequence[int]]) -> str:
    """A table of predicted and real bytes.

    Args:
        manifest: The bundle's.
        folder: The bundle.
        sent: Plan -> bytes of the samples that a check sent.
    """
    rows = []
    for plan in manifest.plans:
        for half, file in (("edge", plan.edge), ("cloud", plan.cloud)):
            if file is not None:
                promised = plan.predicted[f"{half}_bytes"]
                most = f"{most_edge_bytes(promised):,}" if half == "edge" else ""
                real = f"{(folder / file).stat().st_size:,}"
                rows.append((f"{plan.name}: {half} half", f"{promised:,}", real, most))
        if plan.wire.tensors:
            found = sent.get(plan.name, ())
            real = f"{sum(found) / len(found):,.0f}" if found else "not measured"
            promised_sent = f"{plan.predicted['sent_bytes']:,.0f}"
            rows.append((f"{plan.name}: a sample on the wire", promised_sent, real, ""))
    return aligned(("bytes", "predicted", "real", "at most"), rows)
