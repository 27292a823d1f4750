"""The inputs of a network as a person gives them, and as the flat list of tensors that it reads.

An example input may be one tensor, a tuple with one entry for each argument, or a mapping of
arguments by name; an entry may be any nesting of tuples, lists and mappings of tensors.  What is no
tensor in it (None, a number, a switch) is part of the network and stays as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from autosplit.errors import CaptureError, DataError

Axes = tuple[int | None, ...]
"""Axis of the batch in each input of a network; None for an input that is the same for any."""
OTHER_AXIS = (
    "if the batch is another axis, say which: the third value of the network's function, or "
    "batch_axis"
)


@dataclass(frozen=True)
class Structure:
    """How the inputs of a network nest.

    Attributes:
        spec: Nesting of the pair of positional and named arguments.
        names: Names of the network's parameters, in order, that a mapping may name.
        leaves: Every leaf of the pair: None for a tensor, in a tuple else.
    """

    spec: pytree.TreeSpec
    names: tuple[str, ...]
    leaves: tuple[tuple[Any] | None, ...]

    @property
    def count(self) -> int:
        """Number of tensors."""
        return self.leaves.count(None)

    def flatten(self, value: Any) -> tuple[Tensor, ...]:
        """The tensors of an input that nests as the example did.

        Args:
            value: As a person gives it; a list for a tuple will do.

        Raises:
            DataError: It nests in another way, or has something else in place of a tensor.
        """
        pair = _pair(_plain(value), self.names)
        leaves, spec = pytree.tree_flatten(pair)
        if spec != self.spec and isinstance(value, Sequence):
            flat = tuple(value)
            if all(isinstance(entry, Tensor) for entry in flat):
                return flat  # one tensor for each input, however the example nested
        if spec != self.spec:
            raise DataError(
                f"inputs: must nest as the example does, {_words(self.spec, self.leaves)}, got "
                f"{_words(spec, tuple(None if isinstance(x, Tensor) else (x,) for x in leaves))}"
            )
        return tuple(leaf for leaf, kept in zip(leaves, self.leaves, strict=True) if kept is None)

    def arguments(self, tensors: Sequence[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and named arguments of the network with these tensors as its inputs."""
        left = iter(tensors)
        leaves = [next(left) if kept is None else kept[0] for kept in self.leaves]
        args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        return tuple(args), dict(kwargs)

    def call(self, network: Callable[..., Any], tensors: Sequence[Tensor]) -> Any:
        """What the network gives for these tensors as its inputs."""
        args, kwargs = self.arguments(tensors)
        return network(*args, **kwargs)


def structure_of(
    network: nn.Module | ExportedProgram, example: Any
) -> tuple[Structure, tuple[Tensor, ...]]:
    """How an example input nests, and its tensors.

    Args:
        network: What takes it; a mapping whose keys are parameters of it is taken as arguments by
            name, any other as one argument.
        example: The example input.

    Raises:
        CaptureError: There is no tensor in it, or a complex one.
    """
    names = _parameter_names(network)
    leaves, spec = pytree.tree_flatten(_pair(_plain(example), names))
    tensors = tuple(leaf for leaf in leaves if isinstance(leaf, Tensor))
    if not tensors:
        raise CaptureError(f"example: must hold at least one tensor, got {type(example).__name__}")
    for tensor in tensors:
        if tensor.is_complex():
            raise CaptureError(
                "example: must be real numbers or integers, got a complex tensor of shape "
                f"{tuple(tensor.shape)}; give its real and imaginary part (torch.view_as_real)"
            )
    kept = tuple(None if isinstance(leaf, Tensor) else (leaf,) for leaf in leaves)
    return Structure(spec, names, kept), tensors


def batch_axes(tensors: Sequence[Tensor], asked: int | Sequence[int | None]) -> Axes:
    """Axis of the batch in each input.

    Args:
        tensors: The example's tensors.
        asked: One axis for all, or one for each; None for an input without a batch.

    Raises:
        CaptureError: A tensor has no such axis, or the tensors differ in their batch.
    """
    axes: list[int | None] = [asked] * len(tensors) if isinstance(asked, int) else list(asked)
    if len(axes) != len(tensors):
        raise CaptureError(
            f"batch axis: must be one for each of {len(tensors)} inputs, got {len(axes)}"
        )
    sizes = {}
    for place, (tensor, axis) in enumerate(zip(tensors, axes, strict=True)):
        if axis is None:
            continue
        if not -tensor.dim() <= axis < tensor.dim():
            raise CaptureError(
                f"example: input {place} must have a batch axis {axis}, got the shape "
                f"{tuple(tensor.shape)}; add one with unsqueeze({axis})"
            )
        axes[place] = axis % tensor.dim()
        sizes[place] = tensor.shape[axis]
    if not sizes:
        raise CaptureError("example: at least one input must have a batch axis, none has")
    if len(set(sizes.values())) > 1 or 0 in sizes.values():
        found = ", ".join(f"{size} of input {place}" for place, size in sizes.items())
        raise CaptureError(
            f"example: inputs must have the same number of samples, at least one, got {found}; "
            "say which axis is the batch if it is not the first"
        )
    return tuple(axes)


def _plain(value: Any) -> Any:
    """The same with plain containers: lists as tuples, mappings as dictionaries."""
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_plain, value))
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return value


def _pair(value: Any, names: tuple[str, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and named arguments."""
    if isinstance(value, dict) and value and value.keys() <= set(names):
        return (), {name: value[name] for name in names if name in value}
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return value, {}
    return (value,), {}


def _parameter_names(network: nn.Module | ExportedProgram) -> tuple[str, ...]:
    """Names that a network's arguments may be given by."""
    if isinstance(network, ExportedProgram):
        spec = network.call_spec.in_spec
        return tuple(map(str, spec.child(1).context))
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(network.forward).parameters.values()
    return tuple(p.name for p in parameters if p.kind in kinds)


def _words(spec: pytree.TreeSpec, leaves: tuple[tuple[Any] | None, ...]) -> str:
    """A nesting in short words."""
    args, kwargs = pytree.tree_unflatten(
        ["tensor" if kept is None else repr(kept[0]) for kept in leaves], spec
    )
    parts = [_nesting(arg) for arg in args] + [f"{k}={_nesting(v)}" for k, v in kwargs.items()]
    return f"({', '.join(parts)})"


def _nesting(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_nesting(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_nesting, value))})"
    return str(value)
