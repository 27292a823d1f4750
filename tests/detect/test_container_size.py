"""Sizes that containers of videos say, on files made by hand and by OpenCV."""

import struct

import numpy as np
import pytest
from videos import CONTAINERS, write_video

from autosplit.detect.container_size import said_bytes

ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
MKV = b"\x1a\x45\xdf\xa3\x80"  # an empty head; a size of one byte begins with the bit 128


def box(kind, size):
    return struct.pack(">I4s", size, kind)


def asf(size):
    """Head of 16 + 8 + 6 bytes, then properties: 16 + 8 + 16 bytes, then the size."""
    return ASF + bytes(14) + PROPERTIES + bytes(24) + struct.pack("<Q", size) + bytes(32)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (box(b"ftyp", 8) + box(b"mdat", 100), 108),
        (box(b"ftyp", 8) + box(b"free", 12) + bytes(4) + box(b"mdat", 8), 28),
        (box(b"ftyp", 8) + box(b"mdat", 1) + struct.pack(">Q", 5_000_000_000), 5_000_000_008),
        (box(b"ftyp", 8) + box(b"mdat", 0) + bytes(9), 8),  # the last box goes to the end
        (box(b"ftyp", 8) + box(b"what", 1000), 8),  # a maker's own end is no box
        (b"RIFF" + struct.pack("<I", 40) + b"AVI ", 48),
        (b"RIFF" + struct.pack("<I", 4) + b"AVI RIFF" + struct.pack("<I", 90) + b"AVIX", 110),
        (b"RIFF" + bytes(4) + b"AVI ", None),  # never closed
        (MKV + b"\x18\x53\x80\x67\x41\x00" + bytes(9), 11 + 256),
        (MKV + b"\x18\x53\x80\x67\x01" + bytes(6) + b"\x20", 17 + 32),
        (MKV + b"\x18\x53\x80\x67\x01" + b"\xff" * 7, None),  # of no known size
        (MKV + bytes(20), None),
        (asf(7777), 7777),
        (asf(0), None),
        (b"FLV" + bytes(30), None),
        (b"", None),
    ],
)
def test_the_size_is_that_of_the_container(tmp_path, content, expected):
    (tmp_path / "clip").write_bytes(content)

    assert said_bytes(tmp_path / "clip") == expected


def test_there_is_no_size_without_a_file(tmp_path):
    assert said_bytes(tmp_path / "none.mp4") is None


@pytest.mark.parametrize(("name", "code"), CONTAINERS)
def test_what_opencv_writes_is_whole(tmp_path, name, code):
    path = tmp_path / name
    write_video(path, code, [np.zeros((48, 64, 3), np.uint8)] * 5)

    assert said_bytes(path) == path.stat().st_size
