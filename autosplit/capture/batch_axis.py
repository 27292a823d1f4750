"""Where the batch is in every value of a program, found by running it.

Most networks keep the batch first, but attention may put it second, and windowed attention merges
it with positions.  Two runs that differ in all samples but the first tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import getitem
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._pytree import tree_leaves

from autosplit.capture.inputs import Axes
from autosplit.capture.operators import operator_name, source_line
from autosplit.errors import CaptureError
from autosplit.graph.layer import Shape

Inputs = tuple[Tensor, ...]
SAME_VALUE = 1e-4
"""Below this, relative to the largest value, two values are the same but for rounding."""


@dataclass(frozen=True, slots=True)
class BatchLayout:
    """Where the batch is in a tensor: some networks put it second, or merge it with positions.

    Attributes:
        axis: Axis that grows with the batch; None if none does (the same for any batch).
        factor: Length of that axis for one sample.
        outer: Whether the axis counts samples in its outer part (one sample's positions are
            neighbours), and not in its inner part.
    """

    axis: int | None
    factor: int = 1
    outer: bool = True

    def samples_first(self, value: Tensor) -> Tensor:
        """The tensor as (batch, ...); a tensor without a batch axis is one sample."""
        if self.axis is None:
            return value.unsqueeze(0)
        split = (-1, self.factor) if self.outer else (self.factor, -1)
        value = value.unflatten(self.axis, split)
        return value.movedim(self.axis + (0 if self.outer else 1), 0)

    def from_samples(self, samples: Tensor) -> Tensor:
        """Undo ``samples_first``, of samples of the shape that ``sample_shape`` gives."""
        if self.axis is None:
            return samples[0]
        axis = self.axis
        if self.factor == 1:
            return samples.movedim(0, axis) if axis else samples
        shape = samples.shape[1:]
        own = shape[axis + 1 :]
        whole = samples.reshape(-1, *shape[:axis], self.factor, *own)
        return whole.movedim(0, axis + (0 if self.outer else 1)).flatten(axis, axis + 1)

    def batch(self, value: Tensor) -> int:
        """Number of samples in the tensor."""
        return 1 if self.axis is None else value.shape[self.axis] // self.factor

    def sample_shape(self, shape: Shape) -> Shape:
        """Shape of one sample; a batch axis of one position per sample is left out."""
        if self.axis is None:
            return shape
        own = () if self.factor == 1 else (self.factor,)
        return (*shape[: self.axis], *own, *shape[self.axis + 1 :])


def batched(example: Sequence[Tensor], batch: int | None, axes: Axes) -> Inputs:
    """The example with this many samples, repeated or cut; None leaves it alone.

    Each tensor has memory of its own, for torch.export must tell them apart.
    """
    if batch is None:
        return tuple(example)
    return tuple(
        tensor.clone() if axis is None else _resized(tensor, batch, axis)
        for tensor, axis in zip(example, axes, strict=True)
    )


def _resized(tensor: Tensor, batch: int, axis: int) -> Tensor:
    """A tensor with this many samples along an axis."""
    copies = math.ceil(batch / tensor.shape[axis])
    return torch.cat([tensor] * copies, axis).narrow(axis, 0, batch).contiguous()


def find_layouts(
    module: fx.GraphModule, example: Inputs, axes: Axes, batch_size: int | None
) -> tuple[dict[fx.Node, BatchLayout], dict[fx.Node, Any], dict[fx.Node, Any]]:
    """Run a program twice to learn where the batch is in every value.

    Args:
        module: The program.
        example: Example inputs of the program.
        axes: Axis of the batch in each of them.
        batch_size: The only batch size it can run, or None if any will do.

    Returns:
        The layout of every tensor, and of every node its shape for one sample (a tensor) or its
        value for one sample (a number that grows with the batch); and all values of the longer
        run.

    Raises:
        CaptureError: A tensor grows with the batch in a way that is no batch axis.
    """
    if batch_size is None:
        one = batched(example, 1, axes)
        both = tuple(
            x if a is None else torch.cat([x, other_samples(x, a)], a)
            for x, a in zip(one, axes, strict=True)
        )
        with refused_batch("a network must answer one sample alone"):
            first = _record(module, one)
        second = _record(module, both)
    else:
        whole = batched(example, batch_size, axes)
        changed = tuple(
            x if a is None else torch.cat([x.narrow(a, 0, 1), _rest(other_samples(x, a), a)], a)
            for x, a in zip(whole, axes, strict=True)
        )
        first = _record(module, whole)
        second = _record(module, changed) if batch_size > 1 else first
    layouts: dict[fx.Node, BatchLayout] = {}
    sizes: dict[fx.Node, Any] = {}
    for node, value in first.items():
        if isinstance(value, Tensor):
            if batch_size is None:
                layouts[node] = _layout(value, second[node], node)
            else:
                layouts[node] = _bound_layout(value, second[node], batch_size)
            sizes[node] = layouts[node].sample_shape(tuple(value.shape))
        elif type(value) is int and second[node] == 2 * value != value:
            sizes[node] = value
    return layouts, sizes, second


def refuse_answers_of_batches(
    module: fx.GraphModule,
    layouts: Mapping[fx.Node, BatchLayout],
    batch_size: int | None,
    name: str,
) -> None:
    """Refuse a network that gives one answer for a whole batch, in all its outputs.

    Args:
        module: The program.
        layouts: Where the batch is in every tensor.
        batch_size: The only batch size it can run, with which nothing is told; None: any will do.
        name: Name of the network.

    Raises:
        CaptureError: Names the operator that joins the samples, and the shape of the answer.
    """
    (results,) = module.graph.output_node().args
    outputs = [node for node in tree_leaves(results) if node in layouts]
    if batch_size or not outputs or any(layouts[node].axis is not None for node in outputs):
        return
    for node in module.graph.nodes:
        writer = node.args[0] if node.target is getitem else node
        read = [layouts[value] for value in writer.all_input_nodes if value in layouts]
        joined = node in layouts and layouts[node].axis is None
        if joined and any(layout.axis is not None for layout in read):
            raise CaptureError(
                f"{name}: {operator_name(writer)}{source_line(writer)}: a network must answer each "
                "sample, it gives one answer for the whole batch; leave the batch axis as it is, "
                "such as with mean(1) in place of mean(0)"
            )


@contextmanager
def refused_batch(rule: str) -> Iterator[None]:
    """Turn what torch says of a batch that a network cannot run into one line.

    Args:
        rule: What must hold.

    Raises:
        CaptureError: The rule, and the first line of what torch says.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise CaptureError(f"{rule}, got: {reason}") from error


def _rest(samples: Tensor, axis: int) -> Tensor:
    """All samples but the first."""
    return samples.narrow(axis, 1, samples.shape[axis] - 1)


def other_samples(tensor: Tensor, axis: int, noise: float = 1.0) -> Tensor:
    """Other samples of the same kind: shuffled, so that they stay valid, and floats disturbed.

    Args:
        tensor: Samples.
        axis: Their axis.
        noise: Deviation of what is added to floats.
    """
    generator = torch.Generator().manual_seed(0)
    samples = tensor.movedim(axis, 0)
    order = torch.randperm(samples[:1].numel(), generator=generator)
    shuffled = samples.flatten(1)[:, order].view(samples.shape) if samples.dim() > 1 else samples
    shuffled = shuffled.movedim(0, axis)
    if not tensor.is_floating_point():
        return shuffled
    return shuffled + noise * torch.randn(tensor.shape, generator=generator).to(tensor.dtype)


def _record(module: fx.GraphModule, inputs: Inputs) -> dict[fx.Node, Any]:
    """Every value of a run, by node."""
    interpreter = fx.Interpreter(module, garbage_collect_values=False)
    with torch.no_grad():
        interpreter.run(*inputs)
    return interpreter.env


def _layout(one: Tensor, two: Tensor, node: fx.Node) -> BatchLayout:
    """Layout of a tensor from its value for one sample, and for that sample and another."""
    pairs = zip(one.shape, two.shape, strict=False)
    axes = [i for i, (a, b) in enumerate(pairs) if a != b]
    if one.dim() != two.dim():
        axes = list(range(max(one.dim(), two.dim(), 2)))
    if not axes:
        return BatchLayout(None)
    if len(axes) > 1 or two.shape[axes[0]] != 2 * one.shape[axes[0]]:
        raise CaptureError(
            f"{operator_name(node)}{source_line(node)}: one axis must grow with the batch, got "
            f"shape {tuple(one.shape)} for one sample and {tuple(two.shape)} for two"
        )
    return _nearest(one, two, axes, 1)


def _bound_layout(first: Tensor, second: Tensor, batch_size: int) -> BatchLayout:
    """Layout of a tensor of a program that runs one batch size only, from two runs."""
    axes = [i for i, length in enumerate(first.shape) if length and length % batch_size == 0]
    return _nearest(first, second, axes, batch_size) if axes else BatchLayout(None)


def _nearest(first: Tensor, second: Tensor, axes: Sequence[int], batch: int) -> BatchLayout:
    """The layout under which the first sample is the same in both runs; in doubt, the first."""
    candidates = [
        BatchLayout(axis, first.shape[axis] // batch, outer)
        for axis in axes
        for outer in (True, False)
    ]
    if len(axes) == 1 and candidates[0].factor == 1:
        return candidates[0]

    def error(layout: BatchLayout) -> float:
        a, b = (layout.samples_first(value)[0].double() for value in (first, second))
        worst = float((a - b).abs().max()) / max(float(a.abs().max()), 1e-30) if a.numel() else 0.0
        return math.inf if math.isnan(worst) else worst if worst > SAME_VALUE else 0.0

    return min(candidates, key=error)
