"""Which tensors hold a network's logits, whose order is its answer."""

from __future__ import annotations

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer

_KEEPS_ORDER = frozenset(
    "softmax _softmax log_softmax _log_softmax sigmoid log_sigmoid log_sigmoid_forward mean "
    "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
    "_adaptive_avg_pool2d _adaptive_avg_pool3d cat concat concatenate stack".split()
)
"""ATen operators that turn logits into numbers whose greatest still decide."""


def logit_tensors(graph: Graph) -> tuple[str, ...]:
    """Names of the tensors that hold a network's logits; a clip would change the answer.

    These tensors are the network's outputs with one number a class, and the tensors that such an
    output was made of by operators in ``_KEEPS_ORDER`` alone: down to the linear layer or
    convolution that wrote the logits, with or without a rectifier of its own.  A map, as a
    detector's head writes, holds no logits: all of its numbers count.
    """
    layers = graph.by_name
    outputs = [layers[name] for name in graph.outputs if name in layers]
    found = [layer.name for layer in outputs if _is_of_classes(layer)]
    for name in found:  # grows meanwhile
        if _keeps_order(layers[name]):
            read = [layers[source] for source in layers[name].inputs if source in layers]
            logits = [n.name for n in read if n.kind in ("linear", "conv") or _keeps_order(n)]
            found += [source for source in logits if source not in found]
    return tuple(dict.fromkeys(found))


def _is_of_classes(layer: Layer) -> bool:
    return layer.kind == "linear" or sum(size > 1 for size in layer.output_shape) <= 1


def _keeps_order(layer: Layer) -> bool:
    return bool(layer.operators) and _KEEPS_ORDER.issuperset(layer.operators)
