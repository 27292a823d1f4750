"""``file.pt2``, which ``torch.export.save`` wrote -> the network in it."""

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from autosplit.errors import ModelError
from autosplit.models.asked_model import (
    AskedModel,
    BuiltNetwork,
    check_example_size,
    example_preprocess,
    example_tensors,
    safe_name,
)
from autosplit.models.program_archive import read_archive


def build_saved_program(asked: AskedModel) -> BuiltNetwork:
    """Read the network of a ``.pt2`` file.

    Raises:
        ModelError: The file is missing or is no such program, a checkpoint is given too, or the
            input size contradicts the program.
    """
    path = Path(asked.spec)
    if not path.is_file():
        raise ModelError(f"{path}: must be a saved torch.export program, there is no such file")
    if asked.checkpoint is not None:
        raise ModelError(f"{path}: holds its weights, takes no checkpoint")
    program = read_program(path)
    example = program_input(path, program)
    check_example_size(asked, example)
    return BuiltNetwork(
        safe_name(path.stem),
        program.module(),
        example,
        example_preprocess(example),
        path.read_bytes(),
        program,
        assumed=True,
    )


def read_program(path: Path) -> ExportedProgram:
    """Read a saved ``torch.export`` program, checked first so that loading it runs nothing in it.

    Raises:
        ModelError: The file is no such program, or holds more than tensors and operators.
    """
    data = read_archive(path)
    try:
        with _nothing_unpickled(), warnings.catch_warnings(action="ignore"):
            return torch.export.load(io.BytesIO(data))
    except Exception as error:
        text = " ".join(str(error).split())[:400]
        raise ModelError(f"{path}: must be a saved torch.export program, got {text}") from error


@contextmanager
def _nothing_unpickled() -> Iterator[None]:
    """Torch reads tensors alone inside the block, and logs no traceback of what it cannot read."""
    variable = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before, silent = os.environ.get(variable), logging.root.manager.disable
    # torch.export.load unpickles what is not a plain tensor, unless torch is told never to.
    os.environ[variable] = "1"
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(silent)
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


def program_input(path: Path, program: ExportedProgram) -> Any:
    """Return an example of the program's inputs, taken from what was saved with it.

    Raises:
        ModelError: An input is no tensor.
    """
    names = program.graph_signature.user_inputs
    nodes = [node for node in program.graph.nodes if node.op == "placeholder"]
    values = [node.meta.get("val") for node in nodes if node.name in names]
    if not values or not all(isinstance(value, Tensor) for value in values):
        raise ModelError(f"{path}: must take tensors alone, takes {len(names)} inputs")
    if len(values) > 1:
        return _several_inputs(path, program, values)
    batch, *rest = values[0].shape
    # A batch that the program leaves open is one image here, one that it fixes stays as it is.
    shape = [batch if isinstance(batch, int) else 1]
    shape += [size if isinstance(size, int) else size.node.hint for size in rest]
    if program.example_inputs and example_tensors(program.example_inputs):
        return example_tensors(program.example_inputs)[0][: shape[0]].detach()
    return torch.zeros(shape, dtype=values[0].dtype)


def _several_inputs(path: Path, program: ExportedProgram, values: list[Any]) -> Any:
    """An example of several inputs, as it was saved; made of shapes where none was."""
    if program.example_inputs and example_tensors(program.example_inputs):
        args, kwargs = program.example_inputs
        if args and kwargs:
            raise ModelError(
                f"{path}: must take its inputs in order or all of them by name, takes both"
            )
        return kwargs or tuple(args)
    shapes = [
        [size if isinstance(size, int) else size.node.hint for size in value.shape]
        for value in values
    ]
    return tuple(
        torch.zeros(shape, dtype=value.dtype) for shape, value in zip(shapes, values, strict=True)
    )
