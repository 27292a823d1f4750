"""The check of a captured program: its answers on the example are the network's.

Where they differ by more than ``LARGEST_ERROR``, both are compared with a run in float64: a network
may amplify the rounding of float32, and then neither of the two is closer to the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from autosplit.capture.operators import BATCH_NORMS, is_call, source_line
from autosplit.capture.program import Program
from autosplit.errors import CaptureError, warn

LARGEST_ERROR = 1e-4
"""Largest error of the fused program against the network, relative to the largest output."""
_FARTHER = 30.0
"""Network and program may be at most so many times as far from the float64 answer as the other."""


def check_answers(
    program: Program,
    inputs: tuple[Tensor, ...],
    expected: Any,
    operators: Callable[[], fx.GraphModule],
) -> None:
    """Refuse a program whose output differs from the network's on the example.

    Args:
        program: The captured network.
        inputs: The example.
        expected: What the network gives for it.
        operators: Makes the network's own operators, as torch.export gave them.

    Raises:
        CaptureError: By how much, at which output, and where the first difference arises.
    """
    leaves = torch.utils._pytree.tree_leaves(expected)  # noqa: SLF001
    wanted = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    got, name = program.run(inputs), program.graph.name
    shapes = [[tuple(value.shape) for value in values] for values in (got, wanted)]
    if shapes[0] != shapes[1]:
        raise CaptureError(
            f"{name}: the fused program must have the network's outputs {shapes[1]}, got "
            f"{shapes[0]}"
        )
    errors = [relative_error(*pair) for pair in zip(got, wanted, strict=True)]
    worst = max(range(len(errors)), key=errors.__getitem__, default=0)
    if not errors or errors[worst] <= LARGEST_ERROR:
        return
    exact = DoubleInterpreter(operators())
    truth = [leaf for leaf in exact.run(*inputs) if isinstance(leaf, Tensor)]
    ours, theirs = largest_error(got, truth), largest_error(wanted, truth)
    if is_rounding(ours, theirs):
        warn(
            f"{name}: amplifies the rounding of float32: its output is {theirs:.2g} of its largest "
            f"off the output in float64, the captured program's {ours:.2g}"
        )
        return
    raise CaptureError(
        f"{name}: the fused program must equal the network to {LARGEST_ERROR:g} of its largest "
        f"output, output {worst} differs by {errors[worst]:.2g} (by {ours:.2g} from float64, the "
        f"network by {theirs:.2g}){_first_difference(program, inputs, exact.values)}"
    )


def is_rounding(ours: float, theirs: float) -> bool:
    """Whether two answers are about as far from the float64 answer, so that neither is closer.

    Args:
        ours: Error of the captured program against float64.
        theirs: Error of the network.
    """
    return max(ours, theirs) <= _FARTHER * min(ours, theirs)


def largest_error(values: Iterable[Tensor], wanted: Iterable[Tensor]) -> float:
    """Largest ``relative_error`` of several outputs; 0 without any."""
    return max((relative_error(*pair) for pair in zip(values, wanted, strict=True)), default=0.0)


def relative_error(value: Tensor, want: Tensor) -> float:
    """Largest difference over the largest finite value that is wanted; 0 for other than floats."""
    wrong = (value != want) & ~(value.isnan() & want.isnan())
    if not want.is_floating_point() or not wrong.any():
        return 0.0
    finite = want[want.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    error = float((value.double() - want.double())[wrong].abs().max()) / max(largest, 1e-30)
    return error if error == error else float("inf")  # noqa: PLR0124 - NaN


def _first_difference(
    program: Program, inputs: Sequence[Tensor], truth: Mapping[fx.Node, Any]
) -> str:
    """Which tensor is the first that differs, and the line that writes it, in words."""
    by_name = {}
    for node, value in truth.items():
        by_name[node.name] = value
        if is_call(node, *BATCH_NORMS):  # folded, it is what its convolution writes
            by_name[node.args[0].name] = value  # type: ignore[union-attr,index]
    nodes = {node.name: node for node in program.module.graph.nodes}
    found: list[str] = []

    def watch(tensor: str, value: Tensor) -> None:
        want = by_name.get(program.nodes[tensor])
        if found or not isinstance(want, Tensor) or want.shape != value.shape:
            return
        if relative_error(value, want) > LARGEST_ERROR:
            found.append(f"; the first is {tensor}{source_line(nodes[program.nodes[tensor]])}")

    program.run(inputs, watch)
    return found[0] if found else ""


class DoubleInterpreter(fx.Interpreter):
    """Runs operators in float64, and keeps every value."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=False)

    @property
    def values(self) -> dict[fx.Node, Any]:
        """Value of every node that was run."""
        return self.env

    def run_node(self, n: fx.Node) -> Any:
        """Value of a node; whatever names float32 becomes float64."""
        before = n.args, n.kwargs
        n.args, n.kwargs = map_aggregate(before, _double_type)
        try:
            value = super().run_node(n)
        finally:
            n.args, n.kwargs = before
        return map_aggregate(value, _double)


def _double_type(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value


def _double(value: Any) -> Any:
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value
