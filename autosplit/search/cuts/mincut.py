"""The latency-optimal cut of any graph: a minimum s-t cut, exact on its seconds.

Every layer is on the edge (the source's side) or in the cloud (the sink's side), and pays its
seconds there.  A layer on the edge has its predecessors there: arcs without limit say so.  A tensor
pays for its way up once, however many cloud layers read it: its producer is joined to a node of its
own by an arc that costs the transfer, and that node to every reader by an arc without limit (the
auxiliary vertices of Hu et al., "Dynamic adaptive DNN surgery for inference acceleration on the
edge", INFOCOM 2019, section IV).  Beyond that paper, the answers' way back is paid for, and so is
what a message costs however long it is.

Floats are fractions over powers of two, so all seconds are brought to one denominator and the flow
is computed in whole numbers of any length: nothing is rounded.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from autosplit.errors import InfeasibleError
from autosplit.graph.graph import Cut, Graph

_EDGE, _CLOUD, _REPLY = -1, -2, -3
_Node = int | str
"""The source, the sink, the charge for a reply, the rank of a layer, or the name of a tensor."""


@dataclass(frozen=True, slots=True)
class Charges:
    """What a link costs beside the tensors on their way up, seconds.

    Attributes:
        message_s: Once, if anything crosses.
        reply_s: Once, if any answer is computed in the cloud.
        answers_s: Output -> its way back, all copies of it, if it is computed in the cloud.
    """

    message_s: float = 0.0
    reply_s: float = 0.0
    answers_s: Mapping[str, float] = field(default_factory=dict)


def min_cut(
    graph: Graph,
    edge_seconds: Sequence[float],
    cloud_seconds: Sequence[float],
    tensor_seconds: Mapping[str, float],
    charges: Charges | None = None,
) -> Cut:
    """Find the cut of least latency among all sets of layers closed under predecessors.

    Of cuts with the same latency it is the one with the most layers on the edge, unless one over
    which nothing crosses is as good.

    Args:
        graph: The graph.
        edge_seconds: Seconds of layer l on the edge, shape (L,); infinite: it cannot run there.
        cloud_seconds: Seconds of layer l in the cloud, shape (L,); may be infinite too.
        tensor_seconds: Tensor -> its way up, for every tensor that a layer reads.
        charges: What else the link costs; nothing if None.

    Raises:
        InfeasibleError: Every cut has a layer where it cannot run.
        ValueError: Seconds are missing, negative, NaN, or an infinite transfer.
    """
    costs = _costs(graph, edge_seconds, cloud_seconds, tensor_seconds, charges or Charges())
    return _runnable(costs, _block_cuts(costs, 0, len(graph.layers)))


def min_cut_between(
    graph: Graph,
    edge_seconds: Sequence[float],
    cloud_seconds: Sequence[float],
    tensor_seconds: Mapping[str, float],
    charges: Charges | None = None,
) -> Cut:
    """Find a cut as good as ``min_cut`` does, on the blocks between neighbouring cut vertices.

    An optimal cut lies between two neighbouring cut vertices (Zhang et al., "Towards real-time
    cooperative deep inference over the cloud and edge end devices", IMWUT 4(2), 2020, QDMP), so
    everything before is merged into the source and everything after into the sink.  The paper
    first picks the one block worth cutting; here every block is bounded from below, and cut only
    if its bound beats the best cut known, which keeps the optimum where tensors skip a cut vertex.

    Args and errors are those of ``min_cut``.
    """
    costs = _costs(graph, edge_seconds, cloud_seconds, tensor_seconds, charges or Charges())
    size = len(graph.layers)
    ends = [-1, *cut_vertices(graph), size]
    blocks = [(before + 1, after) for before, after in itertools.pairwise(ends)]
    starts = sorted({*(first for first, _ in blocks), size})
    best = min(map(graph.prefix, starts), key=costs.total)
    for first, last in blocks:
        inside = zip(costs.edge[first:last], costs.cloud[first:last], strict=True)
        bound = sum(costs.edge[:first]) + sum(map(min, inside)) + sum(costs.cloud[last:])
        if first < last and bound < costs.total(best):
            best = min([best, *_block_cuts(costs, first, last)], key=costs.total)
    return _runnable(costs, [best])


def cut_vertices(graph: Graph) -> list[int]:
    """Ranks of the layers that come after, or before, every other one whatever the order.

    With such a layer in the cloud all later ones are there, with it on the edge all earlier ones.
    """
    size = len(graph.layers)
    before: list[int] = []  # ancestors of each layer, one bit per rank
    for layer in graph.layers:
        ranks = [graph.rank[tensor] for tensor in layer.inputs if tensor in graph.rank]
        mask = 0
        for rank in ranks:
            mask |= before[rank] | 1 << rank
        before.append(mask)
    descendants = [0] * size
    common = (1 << size) - 1  # layers that are ancestors of all later ones
    for rank in range(size - 1, -1, -1):
        descendants[rank] = common >> rank & 1
        common &= before[rank]
    return [r for r in range(size) if descendants[r] and before[r] == (1 << r) - 1]


@dataclass(frozen=True, slots=True)
class _Costs:
    """Seconds as whole numbers over one denominator; ``endless`` is more than all that are finite.

    Attributes:
        edge, cloud: Seconds of each layer on the edge and in the cloud, by rank.
        up: Tensor -> its way up.
        back: Output -> its way back.
        message, reply: Fixed charges.
    """

    graph: Graph
    edge: list[int]
    cloud: list[int]
    up: dict[str, int]
    back: dict[str, int]
    message: int
    reply: int
    endless: int

    def total(self, cut: Cut) -> int:
        """All that a cut costs."""
        rank = self.graph.rank
        total = sum(self.edge[rank[name]] for name in cut.edge)
        total += sum(self.cloud[rank[name]] for name in cut.cloud)
        total += sum(self.up[t] for t in cut.crossing) + self.message * bool(cut.crossing)
        answers = set(cut.answers)
        return total + sum(self.back.get(t, 0) for t in answers) + self.reply * bool(answers)


def _costs(
    graph: Graph,
    edge_seconds: Sequence[float],
    cloud_seconds: Sequence[float],
    tensor_seconds: Mapping[str, float],
    charges: Charges,
) -> _Costs:
    """Check the seconds and bring them to whole numbers."""
    size = len(graph.layers)
    for name, seconds in (("edge_seconds", edge_seconds), ("cloud_seconds", cloud_seconds)):
        if len(seconds) != size:
            raise ValueError(f"{name}: must have one value per layer, {size}, got {len(seconds)}")
    read = [tensor for tensor in graph.tensors if graph.readers[tensor]]
    for tensor in read:
        if tensor not in tensor_seconds:
            raise ValueError(f"tensor_seconds: must have {tensor!r}, which a layer reads")
    answers = [name for name in charges.answers_s if name in graph.rank]
    run = [float(value) for value in (*edge_seconds, *cloud_seconds)]
    sent = [float(tensor_seconds[tensor]) for tensor in read]
    sent += [float(charges.answers_s[name]) for name in answers]
    sent += [float(charges.message_s), float(charges.reply_s)]
    if not all(value >= 0 for value in run + sent) or not all(map(math.isfinite, sent)):
        raise ValueError("seconds: must be at least 0, and finite for transfers")
    whole, endless = _whole(run + sent)
    up, back = whole[2 * size :][: len(read)], whole[2 * size + len(read) : -2]
    return _Costs(
        graph,
        whole[:size],
        whole[size : 2 * size],
        dict(zip(read, up, strict=True)),
        dict(zip(answers, back, strict=True)),
        whole[-2],
        whole[-1],
        endless,
    )


def _whole(values: Sequence[float]) -> tuple[list[int], int]:
    """Values times one power of two that makes them whole, and a number above their sum."""
    ratios = [value.as_integer_ratio() if math.isfinite(value) else None for value in values]
    scale = max(ratio[1] for ratio in ratios if ratio)
    whole = [ratio[0] * (scale // ratio[1]) if ratio else None for ratio in ratios]
    endless = 1 + sum(value for value in whole if value is not None)
    return [endless if value is None else value for value in whole], endless


def _runnable(costs: _Costs, cuts: Iterable[Cut]) -> Cut:
    """The first of the cuts with the least total, which must be finite."""
    best = min(cuts, key=costs.total, default=None)
    if best is None or costs.total(best) >= costs.endless:
        raise InfeasibleError(f"{costs.graph.name}: every cut has a layer where it cannot run")
    return best


def _block_cuts(costs: _Costs, first: int, last: int) -> Iterator[Cut]:
    """Candidates among the cuts that have ranks below ``first`` and none from ``last`` on the edge.

    The charge for a message is the same for all cuts over which something crosses, and the last
    candidate is the best of these, or better.  If there is such a charge, the best cut over which
    nothing crosses comes first: all-edge, unless some layers read nothing that comes from an input.
    A block that is not everything needs none: cut vertices leave only all-edge and all-cloud.
    """
    whole = (first, last) == (0, len(costs.graph.layers))
    for crosses in (False, True) if whole and costs.message else (True,):
        edge = _flow(costs, first, last, crosses=crosses)
        if edge is not None:
            yield costs.graph.cut(edge)


def _flow(costs: _Costs, first: int, last: int, *, crosses: bool) -> list[str] | None:
    """Edge side of a minimum cut, None if it is endless; transfers are too unless it ``crosses``.

    The side is the largest one: all that cannot reach the sink in what the flow leaves over.
    """
    import networkx as nx  # noqa: PLC0415  # slow to import, and most searches need no flow

    arcs = _arcs(costs, first, last, crosses=crosses)
    network: nx.DiGraph[_Node] = nx.DiGraph()
    network.add_nodes_from([_EDGE, _CLOUD])
    for (tail, head), capacity in arcs.items():
        network.add_edge(tail, head, capacity=capacity)
    value, (_, cloud) = nx.minimum_cut(network, _EDGE, _CLOUD)
    if value >= costs.endless:
        return None
    ranks = enumerate(costs.graph.by_name)
    return [name for rank, name in ranks if rank < last and rank not in cloud]


def _arcs(costs: _Costs, first: int, last: int, *, crosses: bool) -> dict[tuple[_Node, _Node], int]:
    """Capacities of the network whose cuts are the cuts of the block, at the same cost."""
    graph, rank = costs.graph, costs.graph.rank
    arcs: dict[tuple[_Node, _Node], int] = {}

    def node(name: str) -> int:
        place = rank.get(name, -1)
        return _EDGE if place < first else _CLOUD if place >= last else place

    def arc(tail: _Node, head: _Node, capacity: int) -> None:
        # Within a terminal, from the sink or into the source there is nothing to cut, and what
        # joins the terminals is the same for all cuts.
        if tail not in (head, _CLOUD) and head != _EDGE and (tail, head) != (_EDGE, _CLOUD):
            arcs[tail, head] = arcs.get((tail, head), 0) + capacity

    for layer in graph.layers[first:last]:
        here = node(layer.name)
        arc(_EDGE, here, costs.cloud[here] + costs.back.get(layer.name, 0))
        arc(here, _CLOUD, costs.edge[here])
        for tensor in layer.inputs:
            arc(here, node(tensor), costs.endless)
    for tensor in costs.up:
        readers = {node(name) for name in graph.readers[tensor]}
        if readers != {_EDGE}:
            # Read by what is in the cloud anyway: its own node is the sink.
            own: _Node = _CLOUD if _CLOUD in readers else tensor
            arc(node(tensor), own, costs.up[tensor] if crosses else costs.endless)
            for reader in sorted(readers - {_EDGE}):
                arc(own, reader, costs.endless)
    arc(_EDGE, _REPLY, costs.reply)
    for output in sorted({node(name) for name in graph.outputs if name in rank}):
        arc(_REPLY, output, costs.endless)
    return arcs
