"""What is sent on: tensors of a cut that the edge has computed anyway, and the best such cuts.

The edge half of such a cut is the first layers of the whole network on the edge, with its widths,
grids and integers.  All prefix cuts are looked at.  Expected seconds are
edge + (1 - share) (link + cloud), of which the share depends on the plan and its threshold alone:
a cut that another one beats in both link + cloud and distortion is beaten for every threshold.
Cuts that are no prefixes are not looked at, and nothing is proven of what a cut loses in accuracy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from autosplit.escalation.costs import memory_bytes
from autosplit.graph.graph import Cut
from autosplit.graph.memory import coded_crossing, crossing_bytes, edge_memory_bytes
from autosplit.hardware.device import Device
from autosplit.hardware.link import Link
from autosplit.hardware.prediction import Prediction, cloud_s, coding_s, transfer_s
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.plan.wire_layout import Coded, wire_layout
from autosplit.search.pareto import pareto
from autosplit.search.problem import Problem
from autosplit.stats.coding import InputCoding

MOST_SENT_CUTS = 4
"""Cuts of a plan that are run for a link, unless told otherwise."""


@dataclass(frozen=True)
class SentCut:
    """A prefix cut of a plan, and what its tensors take.

    Attributes:
        cut: The cut.
        bytes: Mean bytes of the tensors of one image.
        distortion: Sum over the weights and activations of the layers of the cut.
        coded: Tensors of the cut that are entropy-coded.
    """

    cut: Cut
    bytes: int
    distortion: float
    coded: tuple[str, ...] = ()


def sent_cuts(problem: Problem, plan: Plan, coded: Coded) -> list[SentCut]:
    """Every prefix cut whose tensors fit into the memory of the edge beside the rest.

    Args:
        problem: The network, the distortions of its tensors, and the memory.
        plan: A plan that runs the whole network on the edge.
        coded: Tensor and width -> classes and mean bytes, where it is entropy-coded.
    """
    whole = problem.graph.cut(plan.edge)
    weights, activations = plan.weight_bits, plan.activation_bits
    sizes = {at: mean for at, (_, mean) in coded.items()}
    found = []
    for cut in problem.graph.prefixes()[:-1]:
        needed = memory_bytes(whole, cut.crossing, weights, activations)
        if not cut.crossing or not problem.fits(needed):
            continue
        distortion = problem.distortion_of(
            {name: weights[name] for name in cut.weights},
            {name: activations[name] for name in cut.edge_tensors},
        )
        sent = crossing_bytes(cut, activations, sizes)
        found.append(SentCut(cut, sent, distortion, coded_crossing(cut, activations, sizes)))
    return found


def seconds_on(
    cut: Cut,
    plan: Plan,
    sent: float,
    devices: tuple[Device, Device],
    link: Link,
    coded: Collection[str] = (),
    *,
    jpeg: bool = False,
) -> Prediction:
    """Seconds of an image that is sent on, beside those of the network on the edge.

    Args:
        cut: What stays on the edge of the image that is sent on.
        plan: The plan on the edge.
        sent: Bytes.
        devices: The edge device and the cloud machine.
        link: The link.
        coded: Tensors of the cut that are entropy-coded.
        jpeg: Whether the network's input is sent on as a JPEG file.
    """
    there_s = transfer_s(cut, link, plan.activation_bits, sent) + (link.jpeg_s if jpeg else 0.0)
    encode_s, decode_s = coding_s(cut, *devices, coded, jpeg=jpeg)
    return Prediction(encode_s, there_s, cloud_s(cut, devices[1]) + decode_s)


def best_cuts(
    cuts: Sequence[SentCut], problem: Problem, plan: Plan, most: int = MOST_SENT_CUTS
) -> list[SentCut]:
    """Cuts that no other cut beats in both seconds and distortion, for each link; each cut once.

    Args:
        cuts: From ``sent_cuts``.
        problem: The cloud machine and the links.
        plan: The plan on the edge.
        most: Cuts of a link at most, spread over its Pareto set with both of its ends.

    Returns:
        The shortest first.
    """
    best: dict[int, SentCut] = {}
    for link in problem.links.values():
        devices = problem.edge, problem.cloud
        seconds = [seconds_on(one.cut, plan, one.bytes, devices, link, one.coded) for one in cuts]
        points = [(s.latency_s, one.distortion) for s, one in zip(seconds, cuts, strict=True)]
        front = pareto(np.reshape(points, (-1, 2))).tolist()
        kept = np.unique(np.linspace(0, len(front) - 1, min(most, len(front))).round().astype(int))
        for place in kept.tolist():
            one = cuts[front[place]]
            best[len(one.cut.edge)] = one
    return [best[length] for length in sorted(best)]


def sent_file(
    whole: PlanFile, sent: SentCut, coded: Coded, coding: InputCoding | None = None
) -> PlanFile:
    """The plan of what is sent on: the first layers of a plan's edge half, as they are.

    Args:
        whole: A plan that runs the whole network on the edge.
        sent: The cut of it.
        coded: As in ``sent_cuts``.
        coding: How the network's input is sent on if as a JPEG file.
    """
    cut, plan = sent.cut, whole.plan
    weights = {name: whole.weights[name] for name in cut.weights}
    activations = {name: whole.activations[name] for name in cut.edge_tensors}
    edge = set(cut.edge)
    part = replace(
        plan,
        name=f"{plan.name}-first{len(cut.edge)}",
        edge=cut.edge,
        weight_bits={name: plan.weight_bits[name] for name in weights},
        activation_bits={name: plan.activation_bits[name] for name in activations},
        edge_memory_bytes=0,
        crossing_bytes=sent.bytes,
        predictions={},
        input_coding=coding,
    )
    part = replace(
        part, edge_memory_bytes=edge_memory_bytes(cut, part.weight_bits, part.activation_bits)
    )
    return replace(
        whole,
        plan=part,
        weights=weights,
        activations=activations,
        codes={name: codes for name, codes in whole.codes.items() if name in weights},
        biases={name: bias for name, bias in whole.biases.items() if name in edge},
        origin=None,
        wire=wire_layout(cut, activations, coding, coded),
    )
