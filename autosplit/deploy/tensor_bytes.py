"""Tensors as the bytes of the Open Inference Protocol: little-endian, C order.

An element of type BYTES is its length as four bytes, then its bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autosplit.errors import DataError

TensorValue = npt.NDArray[Any]
DTYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}
"""Type of the protocol -> numpy's."""
NAMES = {name: word for word, name in DTYPES.items()}
_SIZE = struct.Struct("<I")
LENGTH_BYTES = _SIZE.size
"""Bytes before each element of type BYTES."""


def datatype_of(value: TensorValue) -> str:
    """The protocol's word for an array's type."""
    return "BYTES" if value.dtype == object else NAMES[value.dtype.name]


def raw_bytes(value: TensorValue) -> bytes:
    """An array as the protocol's bytes: little-endian, C order; BYTES with their lengths."""
    if value.dtype == object:
        return b"".join(_SIZE.pack(len(one)) + one for one in value.reshape(-1))
    return np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes()


def from_raw(data: memoryview, datatype: str, shape: Sequence[int], where: str) -> TensorValue:
    """Undo ``raw_bytes``.

    Raises:
        DataError: The type is unknown, or the bytes are not those of the shape.
    """
    count = math.prod(shape)
    if datatype == "BYTES":
        return _bytes_elements(data, count, where).reshape(shape)
    if datatype not in DTYPES:
        raise DataError(
            f"{where}: datatype must be one of {', '.join(DTYPES)}, got {datatype!r:.40}"
        )
    dtype = np.dtype(DTYPES[datatype]).newbyteorder("<")
    if len(data) != count * dtype.itemsize:
        raise DataError(
            f"{where}: shape {list(shape)} of {datatype} must be {count * dtype.itemsize} bytes, "
            f"got {len(data)}"
        )
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def framing_bytes(sent: Mapping[str, TensorValue]) -> int:
    """Bytes of the lengths that stand before the elements of BYTES tensors."""
    return LENGTH_BYTES * sum(value.size for value in sent.values() if value.dtype == object)


def _bytes_elements(data: memoryview, count: int, where: str) -> TensorValue:
    if count > len(data) // _SIZE.size:
        raise DataError(f"{where}: {count} elements of BYTES must be longer than {len(data)} bytes")
    found = np.empty(count, object)
    start = 0
    for place in range(count):
        if start + _SIZE.size > len(data):
            raise DataError(f"{where}: element {place} must begin with its length, the data end")
        (size,) = _SIZE.unpack(data[start : start + _SIZE.size])
        start += _SIZE.size
        if size > len(data) - start:
            raise DataError(
                f"{where}: element {place} must have {size} bytes, {len(data) - start} are left"
            )
        found[place] = bytes(data[start : start + size])
        start += size
    if start != len(data):
        raise DataError(f"{where}: must be {start} bytes, got {len(data)}")
    return found
