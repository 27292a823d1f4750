"""``path/to/file.py:function`` -> the network that the user's function builds."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from autosplit.data.python_file import call_function, split_python_spec
from autosplit.errors import ModelError
from autosplit.models.asked_model import (
    AskedModel,
    BuiltNetwork,
    check_example_size,
    example_preprocess,
    example_tensors,
    safe_name,
)

DEFAULT_SIDE = 224
"""Height and width of the example input where neither the function nor the caller gives any."""


def build_python_network(asked: AskedModel) -> BuiltNetwork:
    """Call the user's function and check what it returns.

    Raises:
        ModelError: The file or the function cannot be used, the function returns something other
            than a module, a module and an example input, or these and the axis of the batch, or
            the input size contradicts the example.
    """
    path, function = split_python_spec(asked.spec, ModelError)
    result = call_function(asked.spec, ModelError, asked.seed)
    parts = result if isinstance(result, tuple) and 1 <= len(result) <= 3 else (result,)
    module, example, axis = (*parts, None, None)[:3]
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"{asked.spec}: must return a torch.nn.Module, or one and an example input, "
            f"got {type(module).__name__}"
        )
    if example is None:
        size = asked.input_size or DEFAULT_SIDE
        example = torch.zeros(1, 3, size, size)
        _check_assumed(asked.spec, module, example)
    if not example_tensors(example):
        raise ModelError(
            f"{asked.spec}: example input must be a tensor, or a tuple or a dictionary of "
            f"tensors, got {type(example).__name__}"
        )
    check_example_size(asked, example)
    preprocess = example_preprocess(example)
    definition = function.encode() + b"\n" + path.read_bytes()
    name = safe_name(function)
    return BuiltNetwork(
        name, module, example, preprocess, definition, assumed=True, batch_axis=_axis(asked, axis)
    )


def _check_assumed(spec: str, module: nn.Module, example: torch.Tensor) -> None:
    """Run a copy of a network on the example that is assumed where its function gives none.

    Raises:
        ModelError: It cannot take such an image.
    """
    types = (p.dtype for p in module.parameters() if p.is_floating_point())
    try:
        with torch.no_grad():
            copy.deepcopy(module).eval()(example.to(next(types, torch.float32)))
    except Exception as error:
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelError(
            f"{spec}: must return the network and an example input, for without one an image of "
            f"the shape {tuple(example.shape)} is assumed, which gives: {said}"
        ) from error


def _axis(asked: AskedModel, axis: Any) -> int | Sequence[int | None]:
    """Axis of the batch, as the function says it behind the example input.

    Raises:
        ModelError: It is none.
    """
    axes = axis if isinstance(axis, list | tuple) else [axis]
    if axis is None:
        return 0
    if not axes or not all(one is None or type(one) is int for one in axes):
        raise ModelError(
            f"{asked.spec}: the batch axis must be a whole number, or one for each input, got "
            f"{axis!r:.60}"
        )
    return tuple(axes) if isinstance(axis, list | tuple) else axes[0]
