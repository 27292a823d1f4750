"""Entropy coding of integers by Zstandard: a code for each class of channels, in each sample.

A sample is a Zstandard frame (RFC 8878) of its symbols (``symbols.py``), one block or more for
each class.  A block has its own Huffman code, or that of the block before it, and may repeat what
came before.  A frame is sent without its first bytes, because they are always the same.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from autosplit.errors import DataError
from autosplit.graph.layer import Shape
from autosplit.halves.wire.symbols import (
    SYMBOL_BITS,
    Classes,
    SymbolOrder,
    check_classes,
    group_of,
)

WINDOW_LOG = 17
"""Symbols that a repetition may lie back, as a power of two: bounds the memory of the decoder."""
_HEAD = bytes([0, (WINDOW_LOG - 10) << 3])
"""First bytes of a frame without a magic number: no content size, no checksum, the window."""


class _Contexts(threading.local):
    """Contexts of Zstandard, which are slow to make and serve one thread each."""

    @cached_property
    def compressor(self) -> Any:
        import zstandard  # noqa: PLC0415 - a device without it may pack

        settings = zstandard.ZstdCompressionParameters(
            format=zstandard.FORMAT_ZSTD1_MAGICLESS,
            window_log=WINDOW_LOG,
            strategy=zstandard.STRATEGY_FAST,
            min_match=7,  # symbols: a shorter repetition is chance
            hash_log=12,
            chain_log=12,
            search_log=1,
            target_length=0,
            write_content_size=0,
            write_checksum=0,
            write_dict_id=0,
        )
        return zstandard.ZstdCompressor(compression_params=settings)

    @cached_property
    def decompressor(self) -> Any:
        import zstandard  # noqa: PLC0415 - as above

        return zstandard.ZstdDecompressor(
            format=zstandard.FORMAT_ZSTD1_MAGICLESS, max_window_size=1 << WINDOW_LOG
        )


_CONTEXTS = _Contexts()


@dataclass(frozen=True)
class EntropyCoder:
    """Codes samples of one tensor.

    Attributes:
        shape: Of a sample.
        classes: Class of each channel.
        bits: Width of an element, 1..8.

    Raises:
        DataError: The classes are for another number of channels.
    """

    shape: Shape
    classes: Classes
    bits: int

    def __post_init__(self) -> None:
        check_classes(self.classes, self.shape)

    @cached_property
    def order(self) -> SymbolOrder:
        """Which elements make which symbols."""
        return SymbolOrder(self.shape, self.classes, self.bits)

    def encode(self, samples: npt.NDArray[Any]) -> Iterator[bytes]:
        """Code each sample.

        Args:
            samples: Integers in 0..2^bits - 1, shape (N, *shape).

        Raises:
            DataError: An integer does not fit the width.
        """
        flat = samples.reshape(len(samples), math.prod(self.shape))
        if flat.size and (int(flat.max()) >> self.bits or int(flat.min()) < 0):
            raise DataError(f"entropy: integers must be 0..{(1 << self.bits) - 1}")
        for one in self.order.symbols(flat):
            yield self._frame(one.data)[len(_HEAD) :]

    def _frame(self, symbols: memoryview) -> bytes:
        """Code the symbols of a sample, class by class."""
        import zstandard  # noqa: PLC0415 - as above

        stream, start, parts = _CONTEXTS.compressor.compressobj(), 0, []
        for end in self.order.ends:
            if start and start < end:
                parts.append(stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
            parts.append(stream.compress(symbols[start:end]))
            start = end
        return b"".join([*parts, stream.flush()])

    def decode(self, data: bytes | memoryview) -> npt.NDArray[np.uint8]:
        """Read one sample.

        Args:
            data: What ``encode`` gave for it.

        Raises:
            DataError: The bytes are not those of a sample.
        """
        import zstandard  # noqa: PLC0415 - as above

        count = self.order.count
        try:
            found = _CONTEXTS.decompressor.decompress(
                _HEAD + data, max_output_size=count, allow_extra_data=False
            )
        except zstandard.ZstdError as error:
            raise DataError(f"entropy: bytes must be those of a sample, {error!s:.80}") from error
        symbols = np.frombuffer(found, np.uint8)
        most = self.bits * group_of(self.bits)
        if len(symbols) != count or (most < SYMBOL_BITS and int(symbols.max()) >> most):
            raise DataError(
                f"entropy: a sample must have {count} symbols of {most} bits, got other ones"
            )
        return self.order.integers(symbols)
