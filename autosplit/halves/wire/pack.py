"""Pack unsigned integers of 1 to 32 bits without gaps, as a low-width tensor is stored and sent.

The stream is little-endian in bits: element ``i`` is at stream bits ``i * bits`` to
``(i + 1) * bits - 1``, its lowest bit first, and stream bit ``k`` is bit ``k % 8`` of byte
``k // 8``.  The last byte is filled with zeros.  The length is ``graph.packed_bytes``.

Eight elements always fill ``bits`` whole bytes.  They are moved together inside 64-bit words, by
closing the gaps between neighbours, then between pairs, then between fours (Warren, Hacker's
Delight, 7-4), so the cost is a few array operations whatever the width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from autosplit.errors import DataError
from autosplit.graph.integers import MAX_INTEGER_BITS
from autosplit.graph.memory import packed_bytes

_LANE = 8
"""Elements that are moved together; they fill a whole number of bytes at every width."""

Words = npt.NDArray[np.uint64]


def pack(integers: npt.ArrayLike, bits: int) -> bytes:
    """Pack unsigned integers without gaps.

    Args:
        integers: Any shape, read in C order; integer dtype, each in 0..2^bits - 1.
        bits: Width of an element, 1..32.

    Returns:
        ``packed_bytes(count, bits)`` bytes.

    Raises:
        DataError: The width is not 1..32, or a value is no integer or does not fit it.

    >>> pack([1, 2, 3], 4).hex()
    '2103'
    """
    values = _checked(integers, bits).reshape(1, -1)
    return _packed(values, bits).tobytes()


def pack_rows(integers: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint8]:
    """Pack each row on its own, as ``pack`` does, so that each begins at a whole byte.

    Args:
        integers: Shape (rows, count), integer dtype, each in 0..2^bits - 1.
        bits: Width of an element, 1..32.

    Returns:
        Shape (rows, ``packed_bytes(count, bits)``).

    Raises:
        DataError: As ``pack``.
    """
    return _packed(_checked(integers, bits), bits)


def unpack(data: bytes | bytearray | memoryview, bits: int, count: int) -> npt.NDArray[Any]:
    """Read back what ``pack`` wrote.

    Args:
        data: Exactly ``packed_bytes(count, bits)`` bytes.
        bits: Width of an element, 1..32.
        count: Number of elements.

    Returns:
        The integers, shape (count,), uint8 up to 8 bits, uint16 up to 16, uint32 above.

    Raises:
        DataError: The width is not 1..32, the count is negative, or the length is not right.

    >>> unpack(bytes.fromhex("2103"), 4, 3).tolist()
    [1, 2, 3]
    """
    row: npt.NDArray[Any]
    (row,) = unpack_rows(np.frombuffer(data, np.uint8).reshape(1, -1), bits, count)
    return row


def unpack_rows(data: npt.NDArray[np.uint8], bits: int, count: int) -> npt.NDArray[Any]:
    """Read back what ``pack_rows`` wrote.

    Args:
        data: Shape (rows, ``packed_bytes(count, bits)``).
        bits: Width of an element, 1..32.
        count: Number of elements of a row.

    Returns:
        The integers, shape (rows, count), uint8 up to 8 bits, uint16 up to 16, uint32 above.

    Raises:
        DataError: As ``unpack``.
    """
    dtype = _dtype(bits)
    if count < 0:
        raise DataError(f"unpack: count must be at least 0, got {count}")
    rows, found = data.shape
    expected = packed_bytes(count, bits)
    if found != expected:
        raise DataError(
            f"unpack: {count} elements of {bits} bits must be {expected} bytes, got {found}"
        )
    if bits in (8, 16, 32):
        return np.ascontiguousarray(data).view(dtype).astype(dtype.newbyteorder("="))
    if bits > 16:
        return _open_bits(np.ascontiguousarray(data), bits, count).astype(dtype.newbyteorder("="))
    lanes = -(-count // _LANE)
    stream = np.ascontiguousarray(data)
    if found != lanes * bits:
        stream = np.zeros((rows, lanes * bits), np.uint8)
        stream[:, :expected] = data
    flat = stream.reshape(-1)
    values = _open_bytes(flat, bits) if bits < 8 else _open_halves(flat, bits)
    opened = values.reshape(rows, lanes * _LANE)[:, :count]
    return opened.astype(dtype.newbyteorder("="), copy=False)


def _packed(values: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint8]:
    """Bytes of rows whose elements are known to fit the width."""
    dtype = _dtype(bits)
    rows, count = values.shape
    lanes = -(-count // _LANE)
    if bits == 8 or bits >= 16 or count == lanes * _LANE:
        padded = np.ascontiguousarray(values, dtype)
    else:
        padded = np.zeros((rows, lanes * _LANE), dtype)
        padded[:, :count] = values
    if bits in (8, 16, 32):
        return padded.view(np.uint8)
    if bits > 16:
        return _close_bits(padded, bits)
    flat = padded.reshape(-1)
    stream = _close_bytes(flat, bits) if bits < 8 else _close_halves(flat, bits)
    return stream.reshape(rows, lanes * bits)[:, : packed_bytes(count, bits)]


def _dtype(bits: int) -> np.dtype[Any]:
    """Element type that holds a width, little-endian."""
    if not isinstance(bits, (int, np.integer)) or not 1 <= bits <= MAX_INTEGER_BITS:
        raise DataError(f"pack: width must be 1..{MAX_INTEGER_BITS} bits, got {bits!r}")
    return np.dtype(np.uint8) if bits <= 8 else np.dtype("<u2" if bits <= 16 else "<u4")


def _checked(integers: npt.ArrayLike, bits: int) -> npt.NDArray[Any]:
    """The integers as an array, each known to fit the width."""
    _dtype(bits)
    values = np.asarray(integers)
    if values.size == 0:
        return values.astype(np.uint8)
    if values.dtype.kind not in "iub":
        raise DataError(f"pack: values must be integers, got {values.dtype}")
    if values.dtype.itemsize * 8 == bits and values.dtype.kind == "u":
        return values
    least, most = int(values.min()), int(values.max())
    if least < 0 or most >= 1 << bits:
        raise DataError(
            f"pack: {bits}-bit values must be 0..{(1 << bits) - 1}, got {least}..{most}"
        )
    return values


def _close_bits(values: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint8]:
    """Rows of elements of 17..31 bits as streams, bit by bit."""
    rows, count = values.shape
    single = np.unpackbits(values.view(np.uint8), axis=1, bitorder="little")
    kept = single.reshape(rows, count, 32)[:, :, :bits].reshape(rows, count * bits)
    return np.packbits(kept, axis=1, bitorder="little")


def _open_bits(data: npt.NDArray[np.uint8], bits: int, count: int) -> npt.NDArray[Any]:
    """Undo ``_close_bits``."""
    single = np.unpackbits(data, axis=1, count=count * bits, bitorder="little")
    wide = np.zeros((len(data), count, 32), np.uint8)
    wide[:, :, :bits] = single.reshape(len(data), count, bits)
    return np.packbits(wide, axis=2, bitorder="little").reshape(len(data), -1).view("<u4")


def _repeated(low: int, period: int) -> np.uint64:
    """Mask with the ``low`` lowest bits of every ``period`` bits set."""
    return np.uint64(sum(((1 << low) - 1) << start for start in range(0, 64, period)))


def _close(words: Words, bits: int, field: int) -> Words:
    """Close the gaps of elements that lie in fields of 8 or 16 bits, until one run is left."""
    while field < 64:
        lower = _repeated(bits, 2 * field)
        upper = words >> np.uint64(field - bits)
        upper &= lower << np.uint64(bits)
        upper |= words & lower
        words, field, bits = upper, 2 * field, 2 * bits
    return words


def _open(words: Words, bits: int, field: int) -> Words:
    """Undo ``_close``."""
    run, wide = bits * 64 // field, 64
    while wide > field:
        run, wide = run // 2, wide // 2
        lower = _repeated(run, 2 * wide)
        upper = words << np.uint64(wide - run)
        upper &= lower << np.uint64(wide)
        upper |= words & lower
        words = upper
    return words


def _close_bytes(values: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint8]:
    """Stream of elements of 1..7 bits: one 64-bit word per lane, its lowest ``bits`` bytes."""
    words = _close(values.view("<u8"), bits, 8)
    if bits in (1, 2, 4):
        return words.astype(f"<u{bits}").view(np.uint8)
    return np.ascontiguousarray(words.view(np.uint8).reshape(-1, 8)[:, :bits]).reshape(-1)


def _open_bytes(stream: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[Any]:
    if bits in (1, 2, 4):
        words = stream.view(f"<u{bits}").astype("<u8")
    else:
        wide = np.zeros((stream.size // bits, 8), np.uint8)
        wide[:, :bits] = stream.reshape(-1, bits)
        words = wide.reshape(-1).view("<u8")
    return _open(words, bits, 8).astype("<u8", copy=False).view(np.uint8)


def _close_halves(values: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint8]:
    """Stream of elements of 9..15 bits: two runs of four join into one run of ``bits`` bytes."""
    runs = _close(values.view("<u8"), bits, 16).reshape(-1, 2)
    wide = np.empty(runs.shape, "<u8")
    wide[:, 0] = runs[:, 0] | (runs[:, 1] << np.uint64(4 * bits))
    wide[:, 1] = runs[:, 1] >> np.uint64(64 - 4 * bits)
    lanes = wide.reshape(-1).view(np.uint8).reshape(-1, 16)[:, :bits]
    return np.ascontiguousarray(lanes).reshape(-1)


def _open_halves(stream: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[Any]:
    lanes = np.zeros((stream.size // bits, 16), np.uint8)
    lanes[:, :bits] = stream.reshape(-1, bits)
    wide = lanes.reshape(-1).view("<u8").reshape(-1, 2)
    runs = np.empty(wide.shape, "<u8")
    runs[:, 0] = wide[:, 0] & _repeated(4 * bits, 64)
    runs[:, 1] = (wide[:, 0] >> np.uint64(4 * bits)) | (wide[:, 1] << np.uint64(64 - 4 * bits))
    return _open(runs.reshape(-1), bits, 16).astype("<u8", copy=False).view("<u2")
