"""Bytes without meaning that a server takes and gives, by which a client measures the link.

``POST /v2/link`` takes any bytes, at most ``PROBE_BYTES``; ``GET /v2/link/<count>`` gives so many
random ones.
"""

from __future__ import annotations

import os
from functools import cache

from autosplit.errors import DataError

PATH = "/v2/link"
PROBE_BYTES = 8 << 20
"""Most bytes of one request or answer."""
_BLOCK_BYTES = 1 << 16


def probe_bytes(count: int) -> bytes:
    """So many random bytes, repeated beyond the 32 kB that deflate looks back."""
    return (_block() * (count // _BLOCK_BYTES + 1))[:count]


def asked_count(text: str) -> int:
    """The count that a path asks for.

    Raises:
        DataError: It is no count, or more than ``PROBE_BYTES``.
    """
    digits = text.isascii() and text.isdigit() and len(text) < 10
    if not digits or int(text) > PROBE_BYTES:
        raise DataError(f"{PATH}: must be 0 to {PROBE_BYTES} bytes, got {text!r:.40}")
    return int(text)


@cache
def _block() -> bytes:
    return os.urandom(_BLOCK_BYTES)
