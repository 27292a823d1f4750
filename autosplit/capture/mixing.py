"""Networks that mix the samples of a batch, such as a norm by the batch's own statistics.

A device answers one sample at a time, but a network is measured in batches; where the answer to a
sample depends on the others, it must be measured one sample at a time too.  Two runs that
share one sample and no others tell.  Where their answers to it differ, both are repeated in
float64: rounding that a network amplifies goes away, what mixes samples stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._pytree import tree_leaves

from autosplit.capture.batch_axis import BatchLayout, Inputs, batched, other_samples
from autosplit.capture.check import DoubleInterpreter, relative_error
from autosplit.capture.inputs import Axes

_SUSPECT = 1e-4
"""Answers that differ by more than this part of the largest are looked at in float64."""
_MIXED = 1e-6
"""Samples that differ by more than this part of the largest in float64 are mixed."""
_NOISE = 8.0
"""Deviation of what is added to the other samples: enough that they hold the largest values."""
Layouts = Mapping[fx.Node, BatchLayout]


def sample_mixer(
    module: fx.GraphModule, example: Inputs, axes: Axes, batch_size: int | None, layouts: Layouts
) -> fx.Node | None:
    """The first operator of a program whose value for a sample depends on the other samples.

    Args:
        module: The program.
        example: Example inputs of the program.
        axes: Axis of the batch in each of them.
        batch_size: The only batch size it can run, or None if any will do.
        layouts: Where the batch is in every tensor.

    Returns:
        The operator; None where no answer depends on other samples.
    """
    if batch_size == 1:
        return None
    runs, places = _two_runs(example, axes, batch_size)
    (results,) = module.graph.output_node().args
    nodes = [node for node in tree_leaves(results) if node in layouts]
    with torch.no_grad():
        answers = [dict(zip(tree_leaves(results), module(*inputs), strict=True)) for inputs in runs]

    def differs(node: fx.Node, values: Sequence[Mapping[fx.Node, Any]], most: float) -> bool:
        pair = [value[node] for value in values]
        return _difference(layouts[node], pair, places) > most

    if not any(differs(node, answers, _SUSPECT) for node in nodes):
        return None
    exact: list[Mapping[fx.Node, Any]] = []
    for inputs in runs:
        double = DoubleInterpreter(module)
        with torch.no_grad():
            double.run(*(x.double() if x.is_floating_point() else x for x in inputs))
        exact.append(double.values)
    if not any(differs(node, exact, _MIXED) for node in nodes):
        return None
    mixer: fx.Node = next(
        node for node in module.graph.nodes if node in layouts and differs(node, exact, _MIXED)
    )
    return mixer


def _two_runs(
    example: Inputs, axes: Axes, batch_size: int | None
) -> tuple[tuple[Inputs, Inputs], tuple[int, int]]:
    """Two batches that share one sample and no others, and its place in each.

    With any batch size the first one has that sample alone, and the second one has it between two
    others.
    """
    place = 1 if batch_size is None else batch_size // 2
    whole = batched(example, batch_size or 3, axes)
    changed = []
    for x, axis in zip(whole, axes, strict=True):
        if axis is None:
            changed.append(x)
            continue
        others = other_samples(x, axis, _NOISE)
        after = x.shape[axis] - place - 1
        parts = others.narrow(axis, 0, place), x.narrow(axis, place, 1)
        changed.append(torch.cat([*parts, others.narrow(axis, place + 1, after)], axis))
    if batch_size is not None:
        return (whole, tuple(changed)), (place, place)
    alone = (
        x if a is None else x.narrow(a, place, 1).clone() for x, a in zip(whole, axes, strict=True)
    )
    return (tuple(alone), tuple(changed)), (0, place)


def _difference(layout: BatchLayout, values: Sequence[Any], places: Sequence[int]) -> float:
    """Relative difference of one sample in two values; 0 for other than float tensors."""
    if not isinstance(values[0], Tensor) or not values[0].is_floating_point():
        return 0.0
    if layout.axis is None:
        places = (0, 0)
    pairs = zip(values, places, strict=True)
    first, second = (layout.samples_first(value)[place] for value, place in pairs)
    return relative_error(second, first) if first.shape == second.shape else 0.0
