"""Packing against a bit-by-bit oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autosplit.errors import AutoSplitError, DataError
from autosplit.graph.memory import packed_bytes
from autosplit.halves.wire.pack import pack, pack_rows, unpack, unpack_rows

WIDTHS = range(1, 33)


def oracle(values, bits):
    """The stream as one big integer: element i is shifted left by i x bits."""
    stream = sum(int(v) << (i * bits) for i, v in enumerate(values))
    return stream.to_bytes(packed_bytes(len(values), bits), "little")


@st.composite
def tensors(draw):
    bits = draw(st.integers(1, 16))
    values = draw(st.lists(st.integers(0, 2**bits - 1), max_size=70))
    dtype = draw(st.sampled_from([np.int64, np.uint16, np.int32]))
    return np.array(values, dtype), bits


@settings(deadline=None, max_examples=300)
@given(tensors())
def test_stream_equals_the_big_integer(tensor):
    values, bits = tensor

    data = pack(values, bits)

    assert data == oracle(values, bits)
    assert len(data) == packed_bytes(len(values), bits)


@settings(deadline=None, max_examples=300)
@given(tensors())
def test_unpack_gives_back_what_was_packed(tensor):
    values, bits = tensor

    got = unpack(pack(values, bits), bits, len(values))

    assert got.tolist() == values.tolist()
    assert got.dtype == (np.uint8 if bits <= 8 else np.uint16)


@pytest.mark.parametrize("bits", WIDTHS)
def test_any_bytes_survive_unpack_and_pack(bits):
    """Whole lanes leave no padding, so packing is a bijection on them."""
    data = np.random.default_rng(bits).integers(0, 256, 40 * bits, np.uint8).tobytes()

    assert pack(unpack(data, bits, 320), bits) == data


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 63, 64, 65])
def test_all_ones_set_exactly_the_bits_they_own(bits, count):
    data = pack(np.full(count, 2**bits - 1), bits)

    assert int.from_bytes(data, "little") == (1 << (bits * count)) - 1


def test_shape_is_read_in_c_order():
    values = np.arange(8).reshape(2, 4)

    assert pack(values.T, 3) == pack(values.T.ravel(), 3) != pack(values, 3)


def test_result_can_be_written_to():
    got = unpack(pack([1, 2], 8), 8, 2)
    got[0] = 5

    assert got.tolist() == [5, 2]


@pytest.mark.parametrize("view", [bytes, bytearray, memoryview])
def test_unpack_reads_any_buffer(view):
    assert unpack(view(pack([5, 6], 5)), 5, 2).tolist() == [5, 6]


@pytest.mark.parametrize(("bad", "bits"), [(16, 4), (-1, 4), (256, 8), (65536, 16), (-1, 16)])
def test_value_out_of_range_is_named(bad, bits):
    with pytest.raises(DataError, match=rf"0\.\.{2**bits - 1}.*{bad}"):
        pack(np.array([0, bad]), bits)


@pytest.mark.parametrize("bits", [0, 33, -3, 2.0])
def test_width_out_of_range_is_named(bits):
    with pytest.raises(DataError, match=r"1\.\.32"):
        pack([0], bits)
    with pytest.raises(AutoSplitError, match=r"1\.\.32"):
        unpack(b"", bits, 0)


def test_floats_are_refused():
    with pytest.raises(DataError, match="float64"):
        pack([0.5], 3)


@pytest.mark.parametrize("length", [2, 4])
def test_data_of_another_length_is_refused(length):
    with pytest.raises(DataError, match="must be 3 bytes"):
        unpack(bytes(length), 3, 8)


def test_negative_count_is_refused():
    with pytest.raises(DataError, match="count"):
        unpack(b"", 3, -1)


@pytest.mark.parametrize(("bits", "kind"), [(8, np.int8), (16, np.int16), (7, np.int8)])
def test_negative_numbers_of_the_width_itself_are_refused(bits, kind):
    """The byte of an int8 of -1 is 255: its bits must not be taken for a code."""
    with pytest.raises(DataError, match=rf"{bits}-bit values must be 0\.\..*, got -1\.\.3"):
        pack(np.array([3, -1], kind), bits)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("count", [1, 5, 8, 24])
def test_rows_are_packed_each_on_its_own(bits, count):
    values = np.random.default_rng(bits).integers(0, 2**bits, (3, count))
    values[:, 0] = 2**bits - 1

    data = pack_rows(values, bits)

    assert [row.tobytes() for row in data] == [oracle(row, bits) for row in values]
    np.testing.assert_array_equal(unpack_rows(data, bits, count), values)
