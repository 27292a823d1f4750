"""Scores that a mask hides: finding the operators that write them.

Attention by hand hides scores before the softmax, by minus infinity, the least float, or a number
like -1e9 or -100: added, subtracted, filled in, or chosen by ``where``.  No grid holds both those
numbers and the scores, so such an operator and its softmax are one layer, and its tensor is what
comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, fx

from autosplit.capture.constants import Attributes
from autosplit.capture.operators import (
    arguments,
    base_of,
    is_call,
    is_integers,
    operator_name,
    tensor_arguments,
)

HIDDEN = -30.0
"""A score at or below this is hidden: its share of a softmax, exp(-30), is below 1e-13."""
RAISED = 1000.0
"""A number added to scores hides some of them if it was made by a factor of at least this."""
_MARK, _LEAST = "hides", "least"
_READS_HIDDEN = frozenset(
    "softmax _softmax log_softmax _log_softmax _safe_softmax logsumexp amax max argmax topk "
    "sigmoid exp relu".split()
)
"""Operators whose answer does not change if hidden scores are lower still."""


def hides(node: fx.Node) -> bool:
    """Whether an operator writes hidden scores."""
    return bool(node.meta.get(_MARK))


def reads_hidden(node: fx.Node) -> bool:
    """Whether an operator takes hidden scores as what they are, or hides more."""
    return hides(node) or operator_name(node) in _READS_HIDDEN


def note_least(graph: fx.Graph, example: Sequence[Tensor]) -> None:
    """Note in ``meta`` of each input of floats its least value in the example."""
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    for node, value in zip(inputs, example, strict=True):
        if value.is_floating_point() and value.numel():
            node.meta[_LEAST] = float(value.min())


def mark_masks(graph: fx.Graph, attributes: Attributes) -> None:
    """Note in ``meta`` of each operator that hides scores that it does."""

    def ends(value: Any) -> tuple[float, float]:
        if isinstance(value, int | float):
            return float(value), float(value)
        if isinstance(value, fx.Node) and value.op == "get_attr":
            tensor = attributes[str(value.target)]
            if tensor.numel() and not tensor.is_complex():
                return float(tensor.min()), float(tensor.max())
        if isinstance(value, fx.Node):
            least = base_of(value).meta.get(_LEAST, math.inf)
            return least if least <= -RAISED else math.inf, math.inf
        return math.inf, math.inf

    for node in graph.nodes:
        if node.op != "call_function" or is_integers(node):
            continue
        if is_call(node, "masked_fill"):
            hidden = ends(arguments(node)["value"])[1] <= HIDDEN
        elif is_call(node, "where") and "other" in arguments(node):
            call = arguments(node)
            hidden = min(ends(call["self"])[1], ends(call["other"])[1]) <= HIDDEN
        elif is_call(node, "add", "sub"):
            sources = tensor_arguments(node)
            fixed = any(ends(source)[0] <= HIDDEN for source in sources)
            if is_call(node, "sub") and len(sources) == 2:
                fixed = -ends(sources[1])[1] <= HIDDEN and sources[1].op == "get_attr"
            of_mask = any(_is_of_mask(source) or _is_raised(source, ends) for source in sources)
            hidden = len(sources) == 2 and (fixed or of_mask)
        else:
            hidden = False
        if hidden:
            node.meta[_MARK] = True


def _is_raised(node: fx.Node, ends: Callable[[Any], tuple[float, float]]) -> bool:
    """Whether a tensor was multiplied by a number so large that scores beside it vanish."""
    base = base_of(node)
    return is_call(base, "mul") and any(
        RAISED <= max(map(abs, ends(factor))) < math.inf
        for factor in (*base.args, *base.kwargs.values())
    )


def _is_of_mask(node: fx.Node) -> bool:
    """Whether a tensor of floats is computed from a mask of integers alone."""
    return not is_integers(node) and is_integers(base_of(node))
