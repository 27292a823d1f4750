"""The energy of an answer: of many choices at once, and as rows of a program.

The formula is that of ``hardware.energy``.  It is a sum over layers of what widths decide: seconds,
bytes moved, products at the widest operand.  Joules of a product never fall with the width, so that
in a program a layer's are no less than those at the width of each operand.
"""

from __future__ import annotations

import math

import numpy as np

from autosplit.errors import ProfileError
from autosplit.hardware.device import Device
from autosplit.hardware.energy import knows_energy, products_j, tail_j
from autosplit.hardware.link import Link
from autosplit.search.arrays import Floats
from autosplit.search.questions.milp import Inequality, MilpModel, Terms, place_of
from autosplit.search.tolerance import loosened
from autosplit.search.widths.pool import Pool, PoolCosts


def check_energy(edge: Device, link: Link) -> None:
    """Make sure that the energy of every plan can be known.

    Raises:
        ProfileError: The edge device or the link does not say its joules.
    """
    if not knows_energy(edge):
        raise ProfileError(
            f"{edge.name}: its profile must say active_w, mac_j or byte_j for a limit on the energy"
        )
    if link.radio_byte_j is None:
        raise ProfileError(
            f"{link.name}: its profile must say radio_byte_j, the edge device's joules of a byte "
            "on the link, for a limit on the energy"
        )


def energies(costs: PoolCosts, pool: Pool) -> Floats:
    """Joules of every candidate over the one link of the problem, shape (M,)."""
    problem, link = costs.problem, _link(costs)
    edge, seconds, graph = problem.edge, costs.seconds, costs.problem.graph
    here_s = seconds.of(pool.weights, pool.outputs, pool.lengths)
    total = edge.active_w * here_s + costs.away_j(link)[pool.lengths]
    total += (link.radio_byte_j or 0.0) * pool.sent
    for rank, layer in enumerate(graph.layers):
        here = np.flatnonzero(pool.lengths > rank)
        widest = seconds.widest_operand(rank, pool.weights, pool.outputs, here)
        moved = seconds.moved_bits(rank, pool.weights, pool.outputs, here)
        products = np.array([products_j(layer, edge, bits) for bits in seconds.operands])
        total[here] += products[widest] + edge.byte_j * moved / 8
        total[here] += tail_j(graph, edge, layer.name)
    return total


def energy_rows(model: MilpModel, most: float) -> list[Inequality]:
    """Write that the energy keeps a limit; the joules of each layer's products are a variable.

    Args:
        model: Program of one cut.
        most: Most joules.
    """
    costs, problem, link = model.costs, model.costs.problem, _link(model.costs)
    edge, seconds, graph = problem.edge, costs.seconds, problem.graph
    weights, outputs, choices = place_of(costs, model.length)
    fixed = float(costs.away_j(link)[model.length])
    fixed += edge.active_w * edge.dispatch_s * model.length
    total: Terms = {choices + rank: edge.active_w for rank in range(model.length)}
    rows: list[Inequality] = []

    def add(first: int, joules: Floats) -> None:
        for place, value in enumerate(joules.tolist(), first):
            total[place] = total.get(place, 0.0) + value

    for rank, layer in enumerate(graph.layers[: model.length]):
        tables, spare = seconds.layers[rank], model.extra + model.length + rank
        fixed += edge.byte_j * tables.fixed_bits / 8 + tail_j(graph, edge, layer.name)
        operands = [outputs[tensor] for tensor, _ in tables.tensors if tensor != rank]
        if tables.weight is not None:
            operands.append(weights[tables.weight[0]])
            add(operands[-1], edge.byte_j * tables.weight[1] / 8)
        for tensor, bits in tables.tensors:
            add(outputs[tensor], edge.byte_j * bits / 8)
        if costs.memory.read[rank] >= model.length:
            add(outputs[rank], (link.radio_byte_j or 0.0) * costs.memory.sent[rank])
        total[spare] = 1.0
        least = products_j(layer, edge, seconds.operands[tables.least_operand])
        products = [products_j(layer, edge, bits) for bits in problem.usable]
        if not math.isfinite(least):
            return [({spare: 1.0}, -1.0)]  # a width that no choice changes has no joules
        rows.append(({spare: -1.0}, -least))
        for first in operands:
            ways = {first + b: joules for b, joules in enumerate(products)}
            banned = {place: 1.0 for place, joules in ways.items() if not math.isfinite(joules)}
            rows += [(banned, 0.0)] if banned else []
            rows.append(({spare: -1.0, **{p: j for p, j in ways.items() if p not in banned}}, 0.0))
    rows.append((total, loosened(most) - fixed))
    return rows


def _link(costs: PoolCosts) -> Link:
    """The one link over which plans are asked for."""
    (link,) = costs.problem.links.values()
    return link
