"""A batch as a person has it -> the network's inputs, in its order and types, and the labels.

A batch is any nesting of tensors: one tensor, a tuple, a dictionary by the names of the inputs, as
tokenizers give, each alone or with labels behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from autosplit.errors import DataError
from autosplit.graph.integers import AllowedIndices

LABEL_KEYS = ("labels", "label", "target", "targets")
"""Keys of a dictionary of inputs under which labels are found, if no input has such a name."""


@dataclass(frozen=True)
class InputSpec:
    """What a network takes.

    Attributes:
        names: Names of its inputs, in its order.
        dtypes: Type of each.
        axes: Where the batch is in each; None: the input is the same for all samples.
        allowed: What each may be to look something up in the network; None: anything.
        masked: Names of those that may be minus infinity, as masks that are added to scores.
    """

    names: tuple[str, ...]
    dtypes: tuple[torch.dtype, ...]
    axes: tuple[int | None, ...] = ()
    allowed: tuple[AllowedIndices | None, ...] = ()
    masked: frozenset[str] = frozenset()

    @property
    def batch_axes(self) -> tuple[int | None, ...]:
        """Where the batch is in each input: first, unless told otherwise."""
        return self.axes or (0,) * len(self.names)

    @property
    def masks(self) -> tuple[bool, ...]:
        """Whether each input may be minus infinity."""
        return tuple(name in self.masked for name in self.names)


ONE_FLOAT = InputSpec(("input",), (torch.float32,))
"""A network of one input, an image or another tensor of numbers."""


def check_finite(value: Tensor, where: str, *, masked: bool = False) -> None:
    """Refuse NaN and infinity in an input.

    Args:
        value: The input of a batch.
        where: Whose batch and which input it is, in errors.
        masked: Whether minus infinity is a value of it.

    Raises:
        DataError: Says which of them was found.
    """
    if value.isfinite().all():
        return
    if value.isnan().any():
        raise DataError(f"{where}: must be finite, got NaN")
    if value.isposinf().any():
        raise DataError(f"{where}: must be finite, got infinity")
    if not masked:
        raise DataError(
            f"{where}: must be finite, got minus infinity; if it is a mask, hide something in the "
            "example that the network is captured with"
        )


def split_batch(batch: Any, spec: InputSpec, where: str) -> tuple[tuple[Tensor, ...], Any]:
    """Split a batch into the network's inputs and labels.

    Args:
        batch: Any nesting of tensors, with labels behind or without.
        spec: What the network takes.
        where: Whose batch it is, in errors.

    Returns:
        One tensor for each input, of its type, and the labels; None without labels.

    Raises:
        DataError: Inputs are missing, a type cannot be kept, or an index is outside of its table.
    """
    inputs, labels = _apart(batch, spec)
    found = _flat(inputs, spec, where)
    typed = tuple(map(_typed, found, spec.dtypes, spec.names, [where] * len(found)))
    for name, value, allowed in zip(spec.names, typed, spec.allowed, strict=False):
        wrong = None if allowed is None else allowed.wrong_value(value)
        if allowed is not None and wrong is not None:
            raise DataError(
                f"{where}: {name} must be {allowed.low}..{allowed.high} ({allowed.what}), got "
                f"{wrong}"
            )
    return typed, labels


def _apart(batch: Any, spec: InputSpec) -> tuple[Any, Any]:
    """BatchInputs and labels of a batch."""
    count = len(spec.names)
    if _is_mapping(batch):
        keys = [key for key in LABEL_KEYS if key in batch and key not in spec.names]
        labels = batch[keys[0]] if keys else None
        return {key: value for key, value in batch.items() if key not in keys}, labels
    if not isinstance(batch, tuple | list) or not batch:
        return batch, None
    first = batch[0]
    if not isinstance(first, Tensor) or count == 1:
        alone = len(batch) == 1 or (
            isinstance(first, tuple | list) and len(_leaves(first)) != count
        )
        return (first, None) if len(batch) == 1 else (batch, None) if alone else _pair(batch)
    if len(batch) == count + 1:
        return batch[:-1], batch[-1]
    return batch, None


def _pair(batch: Any) -> tuple[Any, Any]:
    first, *rest = batch
    return first, rest[0] if len(rest) == 1 else tuple(rest)


def _is_mapping(value: Any) -> bool:
    """Whether a value is a dictionary, or the like of one that a tokenizer gives."""
    return isinstance(value, Mapping) or (hasattr(value, "keys") and hasattr(value, "items"))


def _leaves(value: Any) -> list[Any]:
    """Tensors of a nesting, in order."""
    if _is_mapping(value):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [] if value is None else [value]


def _named(value: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Leaves of dictionaries by their names, those of inner ones joined by underscores."""
    found: dict[str, Any] = {}
    for key, inner in value.items():
        name = f"{before}{key}"
        if _is_mapping(inner):
            found |= _named(inner, f"{name}_")
        elif inner is not None:
            found[name] = inner
    return found


def _flat(inputs: Any, spec: InputSpec, where: str) -> list[Any]:
    """One value for each input of the network.

    Raises:
        DataError: There are more or fewer.
    """
    names = spec.names
    if _is_mapping(inputs):
        named = _named(inputs)
        keys = [_key_of(name, named) for name in names]
        missing = [name for name, key in zip(names, keys, strict=True) if key is None]
        if not missing:
            return [named[key] for key in keys if key is not None]
        unknown = ", ".join(repr(key) for key in named if key not in keys)
        raise DataError(
            f"{where}: must give the network's input {missing[0]!r}, has {unknown or 'no other'}"
        )
    found = _leaves(inputs)
    if len(found) != len(names):
        raise DataError(
            f"{where}: must give the network's {len(names)} inputs ({', '.join(names)}), got "
            f"{len(found)}"
        )
    return found


def _key_of(name: str, named: Mapping[str, Any]) -> str | None:
    """Key of an input; of a dictionary that is one argument, names begin with the argument's."""
    if name in named:
        return name
    ends = [key for key in named if name.endswith(f"_{key}")]
    return max(ends, key=len, default=None) or (next(iter(named)) if len(named) == 1 else None)


def _typed(value: Any, dtype: torch.dtype, name: str, where: str) -> Tensor:
    """A tensor of the type that the network takes.

    Raises:
        DataError: It is no tensor, or has decimals where the network takes whole numbers.
    """
    if not isinstance(value, Tensor):
        try:
            value = torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError):
            raise DataError(
                f"{where}: must give batches of tensors, got {type(value).__name__}"
            ) from None
    tensor: Tensor = (value.detach() if value.requires_grad else value).cpu()
    if tensor.dtype == dtype:
        return tensor
    if tensor.is_floating_point() and not dtype.is_floating_point:
        own, wanted = (str(kind).removeprefix("torch.") for kind in (tensor.dtype, dtype))
        raise DataError(f"{where}: {name} must be of the type {wanted}, got {own}")
    return tensor.to(dtype)
