"""The edge half for runtimes of phones and boards: ExecuTorch (``.pte``) and LiteRT (``.tflite``).

Both are made of the program of ``pt2.py``, the integer reference on whole numbers in float32, for
one sample.  XNNPACK, which computes both, rounds no product of such numbers, nor their sums.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from autosplit.deploy.extras import need
from autosplit.errors import ModelError

OneSample = tuple[Tensor, ...]
"""What a half reads of one sample."""


def pte_bytes(exported: ExportedProgram) -> bytes:
    """An edge half as ExecuTorch runs it, on XNNPACK where that has an operator.

    Args:
        exported: From ``edge_pt2``.

    Raises:
        StageError: ExecuTorch is missing.
        ModelError: It has no form of an operator.
    """
    need("executorch", "executorch")
    return _made("ExecuTorch", exported, _pte)


def tflite_bytes(exported: ExportedProgram) -> bytes:
    """An edge half as LiteRT runs it.

    Args:
        exported: From ``edge_pt2``.

    Raises:
        StageError: LiteRT's converter is missing.
        ModelError: It has no form of an operator.
    """
    need("litert", "litert_torch")
    return _made("LiteRT", exported, _tflite)


def _pte(module: nn.Module, sample: OneSample) -> bytes:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    fixed = torch.export.export(module, sample, strict=False)
    lowered = to_edge_transform_and_lower(fixed, partitioner=[XnnpackPartitioner()])
    return bytes(lowered.to_executorch().buffer)


def _tflite(module: nn.Module, sample: OneSample) -> bytes:
    import litert_torch

    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "half.tflite"
        litert_torch.convert(module, sample).export(str(path))
        return path.read_bytes()


def _made(
    name: str, exported: ExportedProgram, make: Callable[[nn.Module, OneSample], bytes]
) -> bytes:
    """The bytes of a form; what a converter raises is of many kinds."""
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return make(exported.module(), one_sample(exported))
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"export: {name} must take the half, {first}") from error


def one_sample(exported: ExportedProgram) -> OneSample:
    """The example of an exported half, cut to one sample where it has a batch."""
    example, _ = exported.example_inputs
    read = set(exported.graph_signature.user_inputs)
    nodes = [node for node in exported.graph.find_nodes(op="placeholder") if node.name in read]
    return tuple(
        value[:1].clone() if isinstance(node.meta["val"].shape[0], torch.SymInt) else value
        for node, value in zip(nodes, example, strict=True)
    )
