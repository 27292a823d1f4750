"""Entropy-coded tensors as inputs of the Open Inference Protocol.

A tensor NAME that a plan entropy-codes is two inputs of its cloud half, of which a request has one:

| input | type | what it holds |
| --- | --- | --- |
| ``NAME`` | UINT8 ``[batch, bytes]`` | each sample packed to its width, as any server takes it |
| ``NAME:zstd:DIGEST`` | BYTES ``[batch]`` | each sample as ``halves/wire/entropy.py`` codes it |

DIGEST is the beginning of the SHA-256 of everything that the decoder must know: the shape, the
width, and the class of each channel.  A server with another table lists another input, so that no
sample is ever decoded with a wrong table.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from autosplit.deploy.tensor_bytes import TensorValue
from autosplit.errors import DataError
from autosplit.halves.wire.entropy import WINDOW_LOG
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.halves.wire.message import fixed_rows
from autosplit.halves.wire.symbols import classes_to_text

FORMAT = "zstd-magicless-by-class/1"
"""The coding by its name: Zstandard frames without their first bytes, a block for each class."""
_DIGEST_DIGITS = 16


def table_sha256(wire: WireTensor) -> str:
    """SHA-256 of what the decoder of a tensor must know."""
    table = {
        "format": FORMAT,
        "window_log": WINDOW_LOG,
        "shape": list(wire.shape),
        "bits": wire.bits,
        "classes": classes_to_text(wire.classes),
    }
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def coded_name(wire: WireTensor) -> str:
    """Name of the input that takes a tensor entropy-coded."""
    return f"{wire.name}:zstd:{table_sha256(wire)[:_DIGEST_DIGITS]}"


def coded_tensors(layout: WireLayout) -> dict[str, WireTensor]:
    """Name of the input -> tensor, for the tensors that are entropy-coded."""
    return {coded_name(wire): wire for wire in layout.tensors if wire.coding == "entropy"}


def coding_record(layout: WireLayout) -> dict[str, dict[str, str]]:
    """What a manifest says of the coding: tensor -> format, input, and SHA-256 of the table."""
    return {
        wire.name: {"format": FORMAT, "input": name, "table_sha256": table_sha256(wire)}
        for name, wire in coded_tensors(layout).items()
    }


def encode_samples(layout: WireLayout, name: str, samples: TensorValue) -> TensorValue:
    """The coded samples of a tensor, an object array of ``bytes``, shape (batch,).

    Args:
        layout: The layout of the plan.
        name: The tensor.
        samples: Its integers, (batch, ...).

    Raises:
        DataError: An integer does not fit the width.
    """
    found = np.empty(len(samples), object)
    found[:] = list(layout.coders[name].encode(samples))
    return found


def decode_samples(layout: WireLayout, wire: WireTensor, coded: TensorValue) -> TensorValue:
    """Packed rows of coded samples, as the cloud half takes them.

    The memory is bounded: a sample is never decoded beyond its number of elements.

    Args:
        layout: The layout of the plan.
        wire: The tensor.
        coded: Coded samples, an object array of ``bytes``.

    Returns:
        uint8, shape (batch, packed bytes of a sample).

    Raises:
        DataError: Some bytes are no sample.
    """
    coder = layout.coders[wire.name]
    rows = []
    for place, one in enumerate(coded.reshape(-1)):
        try:
            rows.append(coder.decode(one))
        except DataError as error:
            raise DataError(f"{coded_name(wire)}: sample {place}: {error}") from error
    whole = np.stack(rows) if rows else np.empty((0, *wire.shape), np.uint8)
    return fixed_rows(wire, whole)


def listed_inputs(metadata: Mapping[str, Any]) -> frozenset[str]:
    """Names of the inputs in a server's description of a model; none where it has another form."""
    inputs = metadata.get("inputs")
    entries = inputs if isinstance(inputs, list) else []
    return frozenset(
        one["name"] for one in entries if isinstance(one, dict) and isinstance(one.get("name"), str)
    )
