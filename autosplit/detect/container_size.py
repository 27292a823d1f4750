"""How many bytes a video file says that it has, by its container: fewer bytes mean a file cut off.

OpenCV reads the frames that are left of such a file and says nothing.

========================= ======================================================================
container                 what says its size
========================= ======================================================================
MP4, MOV, M4V, F4V, 3GP   size of each box of the file (ISO/IEC 14496-12, 4.2)
AVI                       size of each chunk RIFF
MKV, WebM                 size of the element Segment (RFC 8794, section 6; RFC 9559, section 5)
WMV, ASF                  ``File Size`` in the file properties (ASF specification, section 3.2)
========================= ======================================================================

MPEG, its transport streams, FLV and OGV do not say how long they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

HEAD_BYTES = 1 << 16
"""The sizes of MKV and ASF files are within so many bytes of the begin."""
_BOXES = {b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"mfra"}
"""Boxes of the outermost level; what else follows may be no box at all."""
_SEGMENT = b"\x18\x53\x80\x67"
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def said_bytes(path: Path) -> int | None:
    """Read how many bytes a video file should have.

    Args:
        path: The file.

    Returns:
        None if the file does not say it, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            if head[:4] == b"RIFF":
                return _chunks_end(file, path.stat().st_size)
            if head[4:8] in _BOXES:
                return _boxes_end(file, path.stat().st_size)
            if head[:4] == b"\x1a\x45\xdf\xa3":
                return _segment_end(head)
            return _asf_bytes(head) if head.startswith(_ASF) else None
    except OSError:
        return None


def _chunks_end(file: BinaryIO, there: int) -> int | None:
    """End of the last chunk of an AVI file; large files have several."""
    end = None
    while (end or 0) < there:
        file.seek(end or 0)
        head = file.read(8)
        size = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or not size:  # a file that was never closed has size 0
            break
        end = file.tell() + size
    return end


def _boxes_end(file: BinaryIO, there: int) -> int | None:
    """End of the last box of an MP4 file."""
    end = None
    while (end or 0) < there:
        file.seek(end or 0)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        if head[4:8] not in _BOXES or size < 8:  # size 0: as far as the file goes
            break
        end = (end or 0) + size
    return end


def _segment_end(head: bytes) -> int | None:
    """End of the segment of a Matroska file."""
    place = head.find(_SEGMENT)
    if place < 0 or len(head) < place + 12 or not head[place + 4]:
        return None
    length = 9 - head[place + 4].bit_length()  # leading zeros tell the number of bytes
    start = place + 4 + length
    size = int.from_bytes(head[place + 4 : start], "big") & ((1 << 7 * length) - 1)
    return None if size == (1 << 7 * length) - 1 else start + size  # all ones: not known


def _asf_bytes(head: bytes) -> int | None:
    """File size of an ASF file, which one that is broadcast does not have."""
    place = head.find(_ASF_FILE)
    return (int.from_bytes(head[place + 40 : place + 48], "little") or None) if place > 0 else None
