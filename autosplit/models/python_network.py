"""``path/to/file.py:function`` -> the network that the user's function builds."""

import torch
from torch import Tensor, nn

from autosplit.data.preprocess import preprocess_for
from autosplit.data.python_file import call_function, split_python_spec
from autosplit.errors import ModelError
from autosplit.models.request import (
    BuiltNetwork,
    ModelRequest,
    check_example_size,
    safe_name,
)

DEFAULT_SIDE = 224
"""Height and width of the example input where neither the function nor the caller gives any."""


def build_python_network(request: ModelRequest) -> BuiltNetwork:
    """Call the user's function and check what it returns.

    Raises:
        ModelError: The file or the function cannot be used, the function returns something other
            than a module, or a module and one tensor, or the input size contradicts that tensor.
    """
    path, function = split_python_spec(request.spec, ModelError)
    result = call_function(request.spec, ModelError, request.seed)
    module, example = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"{request.spec}: must return a torch.nn.Module, or one and an example input, "
            f"got {type(module).__name__}"
        )
    if example is None:
        size = request.input_size or DEFAULT_SIDE
        example = torch.zeros(1, 3, size, size)
    if not isinstance(example, Tensor):
        raise ModelError(
            f"{request.spec}: example input must be one tensor, got {type(example).__name__}"
        )
    check_example_size(request, example)
    preprocess = preprocess_for(tuple(example.shape))
    definition = function.encode() + b"\n" + path.read_bytes()
    name = safe_name(function)
    return BuiltNetwork(name, module, example, preprocess, definition, assumed=True)
