"""Entropy coding of integers: asymmetric numeral systems (ANS) with static tables per class.

A table holds how often each symbol of each class of channels (``symbols.py``) was seen in
calibration samples.

The coder is that of ``constriction`` (Bamler 2022, arXiv 2201.01741): ANS (Duda 2013, arXiv
1311.2540) with frequencies of 24 bits.  A sample is coded alone, in whole bytes.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from autosplit.errors import DataError
from autosplit.graph.layer import Shape
from autosplit.halves.wire.symbols import (
    CLASSES,
    SYMBOL_BITS,
    Counts,
    SymbolOrder,
    channel_count,
    group_of,
    symbol_order,
)

TOTAL = 1 << 16
"""What the frequencies of a class add up to, about; each is at least 1."""
_WORD = np.dtype("<u4")
_COUNT = np.dtype("<u2")


@dataclass(frozen=True)
class CodeTable:
    """Static models of one tensor at one width.

    Attributes:
        bits: Width of an element, 1..8.
        classes: Class of each channel, shape (C,), uint8.
        frequencies: Of each symbol of each class, shape (K, 2^(bits * group)), uint16, at least 1.

    Raises:
        DataError: The numbers are no table.
    """

    bits: int
    classes: npt.NDArray[np.uint8]
    frequencies: npt.NDArray[np.uint16]

    def __post_init__(self) -> None:
        if type(self.bits) is not int or not 1 <= self.bits <= SYMBOL_BITS:
            raise DataError(f"table: bits must be 1..{SYMBOL_BITS}, got {self.bits!r:.40}")
        size = 1 << self.bits * group_of(self.bits)
        count = int(self.classes.max(initial=0)) + 1
        if self.frequencies.shape != (count, size) or count > CLASSES or not len(self.classes):
            raise DataError(
                f"table: frequencies must have the shape {(count, size)} for the classes, at most "
                f"{CLASSES} of them, got {self.frequencies.shape}"
            )
        if not self.frequencies.all():
            raise DataError("table: frequencies must be at least 1, got 0")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CodeTable) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @cached_property
    def text(self) -> str:
        """The table as text, for a file; ``table_from_text`` reads it."""
        head = np.array([self.bits, len(self.classes)], _COUNT).tobytes()
        raw = head + self.classes.tobytes() + self.frequencies.astype(_COUNT).tobytes()
        return base64.b64encode(zlib.compress(raw, 9)).decode()

    @cached_property
    def cost_bits(self) -> Counts:
        """Bits that each symbol of each class takes, shape (K, symbols)."""
        frequencies = self.frequencies.astype(np.float64)
        cost: Counts = np.log2(frequencies.sum(axis=1, keepdims=True)) - np.log2(frequencies)
        return cost


def table_from_text(text: str) -> CodeTable:
    """Read what ``CodeTable.text`` gave.

    Raises:
        DataError: It is no table.
    """
    most = 4 + 2 * TOTAL + 2 * CLASSES * (1 << SYMBOL_BITS)
    try:
        unzip = zlib.decompressobj()
        raw = unzip.decompress(base64.b64decode(text, validate=True), most)
        bits, channels = (int(n) for n in np.frombuffer(raw[:4], _COUNT))
        classes = np.frombuffer(raw[4 : 4 + channels], np.uint8)
        count = int(classes.max(initial=0)) + 1
        frequencies = np.frombuffer(raw[4 + channels :], _COUNT).reshape(count, -1)
    except (ValueError, zlib.error) as error:
        raise DataError(f"table: must be text as a plan file holds it, {error!s:.60}") from error
    if len(classes) != channels:
        raise DataError(f"table: must have the classes of {channels} channels, is cut off")
    return CodeTable(bits, classes, frequencies)


def code_table(classes: npt.NDArray[np.uint8], counts: Counts, bits: int) -> CodeTable:
    """Make a table of counts; what was seldom seen is smoothed towards independent elements.

    Args:
        classes: Class of each channel, shape (C,).
        counts: Of each symbol of each class, shape (K, symbols).
        bits: Width of an element.
    """
    group, size = group_of(bits), 1 << bits
    smooth = np.ones((len(counts), 1))
    cube = counts.reshape(len(counts), *[size] * group)
    single = sum(cube.sum(axis=_others(place, group)) for place in range(group)) + 0.5
    single /= single.sum(axis=1, keepdims=True)
    for _ in range(group):
        smooth = (smooth[:, :, None] * single[:, None, :]).reshape(len(counts), -1)
    total = counts + _PRIOR * smooth
    total /= total.sum(axis=1, keepdims=True)
    frequencies = np.clip(np.rint(total * TOTAL), 1, TOTAL - 1).astype(np.uint16)
    return CodeTable(bits, classes, frequencies)


_PRIOR = 16.0
"""Symbols of independent elements that are added to the counts of a class."""


def _others(place: int, group: int) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in range(group) if axis != place)


FLUSH_BYTES = 2.35
"""Bytes that a sample takes on average beside the bits of its symbols: the end of the coder's
state, and the rounding to whole bytes; ``tests/halves/wire/test_entropy.py`` measures it."""


def coded_bytes(table: CodeTable, counts: Counts) -> Counts:
    """Bytes that samples take, on average over samples of such bits.

    Args:
        table: The models.
        counts: Symbols of N samples, shape (N, K, symbols).

    Returns:
        Shape (N,).
    """
    total: Counts = (counts * table.cost_bits).sum(axis=(1, 2)) / 8 + FLUSH_BYTES
    return total


@dataclass(frozen=True)
class EntropyCoder:
    """Codes samples of one tensor.

    Attributes:
        table: The models.
        shape: Of a sample.

    Raises:
        DataError: The table is for another number of channels.
    """

    table: CodeTable
    shape: Shape

    def __post_init__(self) -> None:
        channels = channel_count(self.shape)
        if len(self.table.classes) != channels:
            raise DataError(
                f"table: must have the classes of {channels} channels, has "
                f"{len(self.table.classes)}"
            )

    @cached_property
    def order(self) -> SymbolOrder:
        """Which elements make which symbols."""
        return symbol_order(self.shape, self.table.classes, self.table.bits)

    @cached_property
    def _models(self) -> list[Any]:
        import constriction  # noqa: PLC0415 - a device without it may pack

        return [
            constriction.stream.model.Categorical(one.astype(np.float32), perfect=False)
            for one in self.table.frequencies
        ]

    def encode(self, samples: npt.NDArray[Any]) -> Iterator[bytes]:
        """Code each sample.

        Args:
            samples: Integers in 0..2^bits - 1, shape (N, *shape).

        Raises:
            DataError: An integer does not fit the width.
        """
        import constriction  # noqa: PLC0415 - as above

        flat = samples.reshape(len(samples), math.prod(self.shape))
        if flat.size and (int(flat.min()) < 0 or int(flat.max()) >> self.table.bits):
            raise DataError(f"entropy: integers must be 0..{(1 << self.table.bits) - 1}")
        starts = [0, *self.order.ends[:-1].tolist()]
        spans = list(zip(starts, self.order.ends.tolist(), self._models, strict=True))
        for one in self.order.symbols(flat):
            coder = constriction.stream.stack.AnsCoder()
            for first, last, model in reversed(spans):
                coder.encode_reverse(one[first:last], model)
            yield coder.get_compressed().astype(_WORD).tobytes().rstrip(b"\0")

    def decode(self, data: bytes | memoryview) -> npt.NDArray[np.uint8]:
        """Read one sample.

        Args:
            data: What ``encode`` gave for it.

        Raises:
            DataError: The bytes are not those of a sample.
        """
        import constriction  # noqa: PLC0415 - as above

        whole = bytes(data) + b"\0" * (-len(data) % _WORD.itemsize)
        words = np.frombuffer(whole, _WORD).astype(np.uint32)
        if len(words) and (not words[-1] or not data[-1]):
            raise DataError("entropy: coded bytes must not end in 0")
        coder = constriction.stream.stack.AnsCoder(words)
        spans = np.diff(self.order.ends, prepend=0).tolist()
        parts = [coder.decode(one, n) for one, n in zip(self._models, spans, strict=True)]
        if not coder.is_empty():
            raise DataError(f"entropy: {len(data)} bytes must be one sample, are more")
        symbols = np.concatenate(parts)
        flat = self.order.integers(symbols, math.prod(self.shape))
        return flat.reshape(self.shape)
