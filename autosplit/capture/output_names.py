"""Names of a network's outputs: keys of dictionaries, fields of dataclasses, places in tuples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind, TensorArgument
from torch.utils import _pytree

ONLY = "output"
"""Name of the output of a network that has one and gives it no name."""


def answer_names(exported: ExportedProgram) -> tuple[str, ...]:
    """Name every tensor that a network answers with, in the order of its flat outputs.

    A name is the way to the tensor, with dots between: ``logits``, ``heads.0``, ``1``.

    Args:
        exported: A program of torch.export.
    """
    spec = exported.call_spec.out_spec
    if spec is None:
        return ()
    tree = _pytree.tree_unflatten(range(spec.num_leaves), spec)
    ways = [way for way, _ in _pytree.tree_flatten_with_path(tree)[0]]
    kinds = [s for s in exported.graph_signature.output_specs if s.kind is OutputKind.USER_OUTPUT]
    named = [
        ".".join(map(_step, way)) or ONLY
        for way, kind in zip(ways, kinds, strict=True)
        if isinstance(kind.arg, TensorArgument)
    ]
    return (ONLY,) if named == ["0"] else tuple(named)


def _step(key: Any) -> str:
    """One step of the way to a tensor: a key, the name of a field, or a place."""
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


def register_answers(answer: Any) -> None:
    """Tell torch of the dataclasses in a network's answer, so that torch.export can take it.

    Args:
        answer: What the network returned.
    """
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type | Mapping):
        if type(answer) not in _pytree.SUPPORTED_NODES:
            torch.export.register_dataclass(type(answer))
        for field in dataclasses.fields(answer):
            register_answers(getattr(answer, field.name))
    elif isinstance(answer, Mapping):
        for value in answer.values():
            register_answers(value)
    elif isinstance(answer, list | tuple):
        for value in answer:
            register_answers(value)
