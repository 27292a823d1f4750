"""Tensors of every type and shape keep their bytes, and wrong bytes are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosplit.deploy.tensor_bytes import DTYPES, from_raw, raw_bytes
from autosplit.errors import DataError


@given(st.sampled_from(sorted(DTYPES)), st.lists(st.integers(0, 4), max_size=4), st.binary())
def test_every_type_and_shape_keeps_its_bytes(datatype, shape, seed):
    size = int(np.prod(shape)) * np.dtype(DTYPES[datatype]).itemsize
    data = (seed or b"\1").ljust(size, b"\1")[:size]
    if datatype == "BOOL":
        data = bytes(one & 1 for one in data)

    value = from_raw(memoryview(data), datatype, shape, "x")

    assert value.shape == tuple(shape)
    assert raw_bytes(value) == data


def test_elements_of_bytes_have_their_lengths_in_front():
    value = np.array([b"ab", b""], object)

    data = raw_bytes(value)

    assert data == b"\2\0\0\0ab\0\0\0\0"
    assert from_raw(memoryview(data), "BYTES", [2], "x").tolist() == [b"ab", b""]


@pytest.mark.parametrize(
    ("data", "datatype", "shape", "words"),
    [
        (b"abc", "UINT8", [2], "must be 2 bytes, got 3"),
        (b"abcd", "TEXT", [1], "datatype must be one of BOOL"),
        (b"\2\0\0\0a", "BYTES", [1], "must have 2 bytes, 1 are left"),
        (b"\0\0\0\0", "BYTES", [2], "must be longer than 4 bytes"),
        (b"\0\0\0\0a", "BYTES", [1], "must be 4 bytes, got 5"),
    ],
)
def test_bytes_of_another_shape_are_refused(data, datatype, shape, words):
    with pytest.raises(DataError, match=words):
        from_raw(memoryview(data), datatype, shape, "x")
