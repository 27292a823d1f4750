"""Operators that write infinity on the example: each is computed for its readers, which it joins.

Minus infinity hides scores, and log 0 is minus infinity; no grid of integers holds it.  Its readers
give finite numbers again (a softmax, a maximum, ``where``), so a layer begins with what writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.capture.batch_axis import BatchLayout
from autosplit.capture.operators import is_integers, source_line
from autosplit.errors import CaptureError

HIDING = torch.finfo(torch.float16).min
"""Least level of a grid for an input that may be minus infinity: it hides a score as well."""


def infinite_nodes(values: Mapping[fx.Node, Any]) -> set[fx.Node]:
    """Operators whose value is infinite somewhere, and NaN nowhere, on the example.

    Args:
        values: Node -> its value on the example.
    """
    return {
        node
        for node, value in values.items()
        if node.op == "call_function"
        and isinstance(value, Tensor)
        and value.is_floating_point()
        and bool(value.isinf().any())
        and not bool(value.isnan().any())
    }


def masked_inputs(values: Mapping[fx.Node, Any]) -> frozenset[str]:
    """Inputs that hide something by minus infinity on the example, as additive masks do.

    Args:
        values: Node -> its value on the example.
    """
    return frozenset(
        node.name
        for node, value in values.items()
        if node.op == "placeholder"
        and value.is_floating_point()
        and bool(value.isneginf().any())
        and not bool(value.isposinf().any() | value.isnan().any())
    )


def copy_infinite(graph: fx.Graph, facts: Iterable[MutableMapping[fx.Node, Any]]) -> set[fx.Node]:
    """Compute what is infinite once for each of its readers.

    Args:
        graph: Operators; changed in place.
        facts: What is known of each node; of a copy it is the same.  The last has the values of
            the nodes on the example.

    Returns:
        The operators that write infinity, copies among them.
    """
    *others, values = facts
    infinite = infinite_nodes(values)
    for node in reversed(list(graph.nodes)):
        if node not in infinite:
            continue
        for user in list(node.users)[1:]:
            if user.op == "output" or not isinstance(user.meta.get("val"), Tensor):
                continue
            with graph.inserting_before(node):
                copied = graph.node_copy(node, lambda arg: arg)
            user.replace_input_with(node, copied)
            infinite.add(copied)
            for known in (*others, values):
                if node in known:
                    known[copied] = known[node]
    return infinite


def infinite_in_example(
    infinite: Iterable[fx.Node],
    layouts: Mapping[fx.Node, BatchLayout],
    values: Mapping[fx.Node, Any],
) -> set[fx.Node]:
    """Those of some infinite operators that are infinite in the first sample: the example itself.

    The other samples are disturbed, and a network of huge weights may overflow on them alone.

    Args:
        infinite: From ``copy_infinite``.
        layouts: Where the batch is in each tensor.
        values: Value of each node.
    """
    first = {node: layouts[node].samples_first(values[node])[0] for node in infinite}
    return infinite_nodes(first)


def refuse_infinite(written: Iterable[tuple[str, fx.Node]], infinite: set[fx.Node]) -> None:
    """Refuse tensors of layers that are infinite.

    Args:
        written: Name of each layer, and the node that writes its tensor.
        infinite: From ``infinite_in_example``.

    Raises:
        CaptureError: Names the layer, and the line that it comes from.
    """
    for name, node in written:
        if node in infinite and not is_integers(node):
            raise CaptureError(
                f"{name}{source_line(node)}: a tensor must be finite to be quantized, it holds "
                "infinity on the example; write a large number such as "
                f"{HIDING:g} instead"
            )
