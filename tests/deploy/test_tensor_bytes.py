"""Tensors of every type and shape keep their bytes, and wrong bytes are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosplit.deploy.tensor_bytes import DTYPES, datatype_of, from_raw, raw_bytes
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
        (b"\5\0\0\0abcde", "BYTES", [2], "element 1 must begin with its length"),
    ],
)
def test_bytes_of_another_shape_are_refused(data, datatype, shape, words):
    with pytest.raises(DataError, match=words):
        from_raw(memoryview(data), datatype, shape, "x")


@pytest.mark.parametrize("datatype", DTYPES)
def test_a_type_has_one_word_in_both_directions(datatype):
    value = from_raw(
        memoryview(bytes(8)), datatype, [8 // np.dtype(DTYPES[datatype]).itemsize], "x"
    )
    assert value.dtype == np.dtype(DTYPES[datatype])
    assert value.dtype.isnative
    assert datatype_of(value) == datatype


def test_objects_are_bytes_and_empty_ones_take_four():
    value = from_raw(memoryview(bytes(8)), "BYTES", [2, 1], "x")
    assert (datatype_of(value), value.shape, value.ravel().tolist()) == ("BYTES", (2, 1), [b""] * 2)


def test_numbers_are_little_endian_in_c_order():
    value = np.array([[1, 2], [3, 4]], ">u2")
    assert raw_bytes(value.T) == bytes([1, 0, 3, 0, 2, 0, 4, 0])
