"""A message: the tensors that cross a link for one batch, as numbers and as bytes.

    bytes  what
    0..3   ``ASM1``, the form of this message
    4..7   first bytes of the layout's SHA-256
    8..11  samples in the batch, unsigned, little-endian
    12..15 CRC-32 of bytes 0..11 and of all bytes after the header
    16..   the tensors in the layout's order

A tensor of coding ``none`` or ``packed`` is its samples one after the other, each of
``WireTensor.sample_bytes``: the bytes that every table and prediction counts, to which a message
adds its header alone.  One of coding ``jpeg`` or ``entropy`` is a length for each sample (unsigned,
4 bytes, little-endian), and then the coded samples.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from autosplit.errors import DataError, counted
from autosplit.halves.wire.entropy import EntropyCoder
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.halves.wire.pack import pack_rows, unpack_rows

SampleRows = npt.NDArray[np.uint8]
"""Bytes of one tensor: shape (batch, bytes of a sample)."""
_Decode = Callable[[memoryview], npt.NDArray[np.uint8]]
_MAGIC = b"ASM1"
_HEADER = struct.Struct("<4s4sI")
_CHECKSUM = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _CHECKSUM.size
"""Bytes of a message beside its tensors'."""
_LENGTH = np.dtype("<u4")
MOST_ELEMENTS = 1 << 28
"""Elements of one tensor that a message of coded samples may have: few bytes may stand for many."""


@dataclass(frozen=True)
class Message:
    """The crossing tensors of one batch.

    Attributes:
        layout: Names, order, shapes, widths and codings.
        tensors: Tensor -> its numbers, shape (batch, *shape of a sample): unsigned integers for
            coding ``packed``, uint8 for ``jpeg`` and ``entropy``, float16 or float32 for ``none``.

    Raises:
        DataError: The tensors are not those of the layout, or differ in their batch.
    """

    layout: WireLayout
    tensors: Mapping[str, npt.NDArray[Any]]

    def __post_init__(self) -> None:
        if set(self.tensors) != set(self.layout.names):
            raise DataError(
                f"message: must hold the tensors {', '.join(self.layout.names) or 'none'}, got "
                f"{', '.join(self.tensors) or 'none'}"
            )
        for wire in self.layout.tensors:
            found = self.tensors[wire.name].shape
            if found != (self.batch, *wire.shape):
                raise DataError(
                    f"message: {wire.name} must have the shape {(self.batch, *wire.shape)} of "
                    f"{counted(self.batch, 'sample')}, got {found}"
                )

    @property
    def batch(self) -> int:
        """Number of samples."""
        first = next(iter(self.tensors.values()), None)
        return 0 if first is None else len(first)

    @property
    def framing_bytes(self) -> int:
        """Bytes of the message beside those of its samples: the header, and lengths of files."""
        files = sum(wire.sample_bytes is None for wire in self.layout.tensors)
        return HEADER_BYTES + files * self.batch * _LENGTH.itemsize

    def rows(self, name: str) -> SampleRows:
        """Bytes of one tensor as they are in the message, a row for each sample.

        Args:
            name: A tensor of coding ``none`` or ``packed``; one of coding ``entropy`` is packed.

        Returns:
            Shape (batch, bytes of a sample).

        Raises:
            DataError: A number does not fit the width.
        """
        wire = next(tensor for tensor in self.layout.tensors if tensor.name == name)
        return fixed_rows(wire, self.tensors[name])

    def encode(self) -> bytes:
        """The message as bytes.

        Raises:
            DataError: A number does not fit its width.
        """
        parts: list[bytes] = []
        for wire in self.layout.tensors:
            if wire.sample_bytes is not None:
                parts.append(self.rows(wire.name).tobytes())
            else:
                encode = _encoder(wire, self.layout.coders.get(wire.name))
                files = encode(self.tensors[wire.name])
                parts += [np.array([len(file) for file in files], _LENGTH).tobytes(), *files]
        head = _HEADER.pack(_MAGIC, self.layout.digest[:4], self.batch)
        body = b"".join(parts)
        return head + _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(head))) + body

    def sample_sizes(self) -> list[int]:
        """Bytes of each sample in the message, without the header and the lengths of files.

        Raises:
            DataError: A number does not fit its width.
        """
        sizes = [0] * self.batch
        for wire in self.layout.tensors:
            if wire.sample_bytes is not None:
                sizes = [size + wire.sample_bytes for size in sizes]
            else:
                encode = _encoder(wire, self.layout.coders.get(wire.name))
                files = encode(self.tensors[wire.name])
                sizes = [size + len(file) for size, file in zip(sizes, files, strict=True)]
        return sizes

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview, layout: WireLayout) -> Message:
        """Read a message.

        Args:
            data: What ``encode`` gave; anything else is refused.
            layout: The layout that it must have.

        Raises:
            DataError: It is no message, is one of another layout, is too short or too long, or was
                damaged on its way.
        """
        view = memoryview(data).cast("B")
        batch = _checked_batch(view, layout)
        body = view[HEADER_BYTES:]
        tensors: dict[str, npt.NDArray[Any]] = {}
        start = 0
        for wire in layout.tensors:
            coder = layout.coders.get(wire.name)
            if wire.sample_bytes is None:
                found = _read_files(body, start, wire, batch, _decoder(wire, coder))
            else:
                found = _read(body, start, wire, wire.sample_bytes, batch)
            tensors[wire.name], start = found
        if start != len(body):
            raise DataError(
                f"message: must be {HEADER_BYTES + start} bytes for {counted(batch, 'sample')}, "
                f"got {len(view)}"
            )
        return cls(layout, tensors)


def fixed_rows(wire: WireTensor, value: npt.NDArray[Any]) -> SampleRows:
    """Samples of a tensor as bytes of one length: integers packed to their width, or floats.

    Args:
        wire: Order, width and coding; not a tensor of coding ``jpeg``.
        value: Shape (batch, *shape of a sample).

    Returns:
        Shape (batch, bytes of a sample).

    Raises:
        DataError: A number does not fit the width.
    """
    ordered = value.transpose(0, *(axis + 1 for axis in wire.order))
    flat = ordered.reshape(len(value), wire.elements)
    if wire.coding == "none":
        return np.ascontiguousarray(flat, _float_type(wire)).view(np.uint8)
    return pack_rows(flat, wire.bits)


def _encoder(
    wire: WireTensor, coder: EntropyCoder | None
) -> Callable[[npt.NDArray[Any]], list[bytes]]:
    """What makes bytes of each sample of a tensor whose samples differ in length."""
    if coder is not None:
        return lambda samples: list(coder.encode(samples))
    from autosplit.halves.wire.jpeg import encode_jpeg  # noqa: PLC0415 - needs Pillow

    assert wire.quality is not None
    quality = wire.quality
    return lambda samples: [encode_jpeg(picture, quality) for picture in samples]


def _checked_batch(view: memoryview, layout: WireLayout) -> int:
    """Number of samples that the header says.

    Raises:
        DataError: It is no message, one of another layout, or a damaged one.
    """
    if len(view) < HEADER_BYTES or bytes(view[:4]) != _MAGIC:
        raise DataError(
            f"message: must begin with {_MAGIC.decode()} and have at least {HEADER_BYTES} bytes, "
            f"got {len(view)} bytes that begin with {bytes(view[:4])!r}"
        )
    _, digest, batch = _HEADER.unpack(view[: _HEADER.size])
    if digest != layout.digest[:4]:
        raise DataError(
            f"message: must have the layout {layout.digest[:4].hex()} of the tensors "
            f"{', '.join(layout.names) or 'none'}, got a message of layout {digest.hex()}"
        )
    (checksum,) = _CHECKSUM.unpack(view[_HEADER.size : HEADER_BYTES])
    found = zlib.crc32(view[HEADER_BYTES:], zlib.crc32(view[: _HEADER.size]))
    if found != checksum:
        raise DataError(
            f"message: must have the checksum {checksum:08x} that its header names, its "
            f"{len(view)} bytes have {found:08x}; it was cut off or damaged on its way"
        )
    return int(batch)


def _read(
    body: memoryview, start: int, wire: WireTensor, sample_bytes: int, batch: int
) -> tuple[npt.NDArray[Any], int]:
    """One tensor of a message, and where the next one begins.

    Raises:
        DataError: The message ends before the tensor does.
    """
    data = _taken(body, start, batch * sample_bytes, wire)
    rows = data.reshape(batch, sample_bytes)
    if wire.coding == "packed":
        flat = unpack_rows(rows, wire.bits, wire.elements)
    else:
        kind = _float_type(wire)
        flat = rows.view(kind).astype(kind.newbyteorder("="))
    sent = flat.reshape(batch, *(wire.shape[axis] for axis in wire.order))
    back = np.argsort(wire.order)
    return sent.transpose(0, *(int(axis) + 1 for axis in back)), start + data.size


def _read_files(
    body: memoryview, start: int, wire: WireTensor, batch: int, decode: _Decode
) -> tuple[npt.NDArray[Any], int]:
    """Samples that differ in length.

    Raises:
        DataError: The message ends before they do, a sample is none, or they would take more than
            ``MOST_ELEMENTS``.
    """
    if batch * wire.elements > MOST_ELEMENTS:
        raise DataError(
            f"message: {wire.name} must have at most {MOST_ELEMENTS:,} elements, the header says "
            f"{counted(batch, 'sample')} of {wire.elements:,}"
        )
    data = _taken(body, start, batch * _LENGTH.itemsize, wire)
    start += data.size
    ends = start + np.cumsum(data.view(_LENGTH), dtype=np.int64)
    _taken(body, start, int(ends[-1]) - start if batch else 0, wire)
    samples = [decode(body[first:last]) for first, last in pairwise([start, *ends.tolist()])]
    whole = np.stack(samples) if samples else np.empty((0, *wire.shape), np.uint8)
    return whole, int(ends[-1]) if batch else start


def _decoder(wire: WireTensor, coder: EntropyCoder | None) -> _Decode:
    """What reads one sample of a tensor whose samples differ in length."""
    if coder is not None:
        return coder.decode
    from autosplit.halves.wire.jpeg import decode_jpeg  # noqa: PLC0415 - needs Pillow

    return partial(decode_jpeg, shape=wire.shape)


def _taken(body: memoryview, start: int, count: int, wire: WireTensor) -> SampleRows:
    """The next ``count`` bytes.

    Raises:
        DataError: There are fewer.
    """
    if start + count > len(body):
        raise DataError(
            f"message: must have {count} bytes for {wire.name}, got {max(len(body) - start, 0)}"
        )
    return np.frombuffer(body[start : start + count], np.uint8)


def _float_type(wire: WireTensor) -> np.dtype[Any]:
    return np.dtype("<f2" if wire.bits == 16 else "<f4")
