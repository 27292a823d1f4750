"""Residual blocks: branches that are added to what they read; the network without some of them.

A block is dropped by giving its readers what it reads: the branch then adds zero, which is what
remains of it when the scales of its last batch norm are zero.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.capture.operators import BATCH_NORMS, arguments, is_call, operator_name
from autosplit.compress.fit import distillation_loss
from autosplit.compress.live import LiveNetwork
from autosplit.compress.walk import holds, shape_of

_SUMS = frozenset({"add", "add_"})


@dataclass(frozen=True)
class AddedBranch:
    """A branch whose output is added to its input.

    Attributes:
        add: Name of the operator that adds.
        skip: Name of what the branch reads, which is added to its output.
        branch: Names of the operators of the branch, in order.
        scales: Target of the scales of its last batch norm; None without one.
    """

    add: str
    skip: str
    branch: tuple[str, ...]
    scales: str | None


def residual_blocks(live: LiveNetwork) -> tuple[AddedBranch, ...]:
    """Find the residual blocks of a network that may be dropped, in order."""
    order = {node: place for place, node in enumerate(live.module.graph.nodes)}
    found = []
    for node in live.calls:
        if operator_name(node) not in _SUMS:
            continue
        both = [x for x in node.args[:2] if isinstance(x, fx.Node) and holds(x)]
        if len(both) < 2 or shape_of(both[0]) != shape_of(both[1]):
            continue
        for end, skip in (both, both[::-1]):
            branch = _branch(end, skip, node)
            if branch:
                ordered = sorted(branch, key=order.__getitem__)
                names = tuple(one.name for one in ordered)
                found.append(AddedBranch(node.name, skip.name, names, _scales(ordered)))
                break
    return tuple(found)


def _branch(end: fx.Node, skip: fx.Node, add: fx.Node) -> set[fx.Node]:
    """Operators between what a sum reads; empty if they read more, or are read elsewhere."""
    found: set[fx.Node] = set()
    left = [end]
    while left:
        node = left.pop()
        if node is skip or node.op == "get_attr" or node in found:
            continue
        if node.op != "call_function":
            return set()
        found.add(node)
        left += node.all_input_nodes
    closed = all(user in found or user is add for node in found for user in node.users)
    return found if closed else set()


def _scales(branch: Sequence[fx.Node]) -> str | None:
    norms = [node for node in branch if is_call(node, *BATCH_NORMS)]
    weight = arguments(norms[-1])["weight"] if norms else None
    return None if weight is None else str(weight.target)


def without_blocks(live: LiveNetwork, blocks: Collection[AddedBranch]) -> LiveNetwork:
    """The network without some residual blocks.

    Args:
        live: The network; it is left as it was.
        blocks: Blocks of it.
    """
    graph = copy.deepcopy(live.module.graph)
    nodes = {node.name: node for node in graph.nodes}
    for block in blocks:
        nodes[block.add].replace_all_uses_with(nodes[block.skip])
        for name in (block.add, *reversed(block.branch)):
            graph.erase_node(nodes[name])
    for node in graph.find_nodes(op="get_attr"):
        if not node.users:
            graph.erase_node(node)
    targets = {str(node.target) for node in graph.find_nodes(op="get_attr")}
    values: dict[str, Any] = {target: live.value(target) for target in targets}
    module = fx.GraphModule(values, graph)
    return LiveNetwork(live.name, module, live.example, live.axes, live.batch_size)


def scale_of(live: LiveNetwork, block: AddedBranch) -> float:
    """Mean magnitude of the scales of a block's last batch norm."""
    assert block.scales is not None
    return float(live.value(block.scales).detach().abs().mean())


def answer_change(
    live: LiveNetwork, block: AddedBranch, batches: Sequence[tuple[Tensor, ...]]
) -> float:
    """How far a network's answers move on calibration samples when a block is dropped."""
    without = without_blocks(live, (block,))
    with torch.no_grad():
        moved = [
            float(distillation_loss(without.module(*inputs), live.module(*inputs)))
            for inputs in batches
        ]
    return sum(moved) / max(len(moved), 1)
