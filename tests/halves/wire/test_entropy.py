"""Entropy coding: exact inverse, the bytes that the tables promise, and refused damage."""

import math
import random
import tracemalloc
import zlib

import numpy as np
import pytest

from autosplit.errors import DataError
from autosplit.halves.wire.entropy import (
    CodeTable,
    EntropyCoder,
    code_table,
    coded_bytes,
    table_from_text,
)
from autosplit.halves.wire.layout import WireLayout, WireTensor, layout_from_list, layout_to_list
from autosplit.halves.wire.message import HEADER_BYTES, Message
from autosplit.halves.wire.symbols import channel_axis, group_channels, symbol_order

SHAPES = [(24, 9, 7), (3, 5), (6,), (), (1, 28, 28), (2, 3, 4, 5)]


def skewed(shape, bits, samples=6, seed=0):
    """Integers whose channels differ: small ones are frequent."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.3, 3, size=shape or (1,))
    values = rng.exponential(spread, size=(samples, *(shape or (1,)))) * 2**bits / 8
    return np.clip(values, 0, 2**bits - 1).astype(np.uint8).reshape(samples, *shape)


def trained(shape, bits, samples):
    axis = channel_axis(shape)
    channels = np.moveaxis(samples.reshape(len(samples), *(shape or (1,))), 1 + axis, 0)
    channels = channels.reshape(len(channels), -1)
    histogram = np.stack([np.bincount(one, minlength=2**bits) for one in channels])
    classes = group_channels(histogram.astype(float))
    counts = symbol_order(shape, classes, bits).counts(samples.reshape(len(samples), -1))
    return code_table(classes, counts.sum(axis=0), bits), counts


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 8])
def test_what_is_decoded_is_what_was_coded(shape, bits):
    samples = skewed(shape, bits)
    table, _ = trained(shape, bits, samples)
    unseen = np.random.default_rng(1).integers(0, 2**bits, (3, *shape), dtype=np.uint8)
    coder, again = EntropyCoder(table, shape), EntropyCoder(table_from_text(table.text), shape)

    for each in (samples, unseen):
        back = [again.decode(data) for data in coder.encode(each)]
        np.testing.assert_array_equal(np.stack(back), each)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 8])
def test_a_sample_takes_the_bytes_that_its_table_says(bits):
    shape = (24, 9, 7)
    samples = skewed(shape, bits, samples=64)
    table, counts = trained(shape, bits, samples)

    sizes = [len(data) for data in EntropyCoder(table, shape).encode(samples)]

    assert np.mean(sizes) == pytest.approx(coded_bytes(table, counts).mean(), abs=0.6)
    assert np.abs(coded_bytes(table, counts) - sizes).max() < 3.5


def test_independent_symbols_take_their_entropy():
    """Two channels of one bit, 1 with probability 1/4 and 1/2: 0.8113 and 1 bit an element."""
    rng = np.random.default_rng(0)
    samples = (rng.random((50, 2, 4000)) < [[[0.25], [0.5]]]).astype(np.uint8)[..., None]
    shape = (2, 4000, 1)
    table, _ = trained(shape, 1, samples)

    sizes = [len(data) for data in EntropyCoder(table, shape).encode(samples)]

    entropy = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75)) + 1
    assert np.mean(sizes) == pytest.approx(4000 * entropy / 8, rel=0.01)


def test_neighbours_that_depend_on_each_other_take_less_than_independent_ones():
    """Runs of equal values at 4 bits: a pair has 16 of the 256 values."""
    rng = np.random.default_rng(0)
    runs = np.repeat(rng.integers(0, 16, (40, 1, 500)), 2, axis=2).astype(np.uint8)[..., None]
    table, counts = trained((1, 1000, 1), 4, runs)

    assert coded_bytes(table, counts).mean() < 0.6 * 500


class TestDamage:
    SHAPE = (4, 6, 6)
    SAMPLES = skewed(SHAPE, 4)
    TABLE, _ = trained(SHAPE, 4, SAMPLES)
    LAYOUT = WireLayout(
        (
            WireTensor("a", SHAPE, 4, "entropy", table=TABLE, mean_bytes=60),
            WireTensor("b", (3,), 2),
        )
    )
    MESSAGE = Message(LAYOUT, {"a": SAMPLES, "b": np.ones((len(SAMPLES), 3), np.uint8)})

    def test_a_message_comes_back_whole(self):
        data = self.MESSAGE.encode()
        back = Message.decode(data, self.LAYOUT)

        np.testing.assert_array_equal(back.tensors["a"], self.SAMPLES)
        coded = sum(map(len, EntropyCoder(self.TABLE, self.SHAPE).encode(self.SAMPLES)))
        assert len(data) - self.MESSAGE.framing_bytes == coded + len(self.SAMPLES)
        assert self.MESSAGE.framing_bytes == HEADER_BYTES + 4 * len(self.SAMPLES)

    def test_a_sample_of_any_bytes_gives_a_tensor_or_one_line(self):
        rng, coder = random.Random(0), EntropyCoder(self.TABLE, self.SHAPE)
        refused = []
        for length in [*range(40), 500, 4000]:
            for _ in range(10):
                try:
                    back = coder.decode(rng.randbytes(length))
                except DataError as error:
                    refused.append(str(error))
                else:
                    assert back.shape == self.SHAPE
                    assert back.max() < 16
        assert len(refused) > 300
        assert not any("\n" in text for text in refused)

    def test_a_cut_or_longer_sample_is_refused(self):
        coder = EntropyCoder(self.TABLE, self.SHAPE)
        (data, *_) = coder.encode(self.SAMPLES)
        for wrong in (data + b"\x01\x02\x03\x04\x05", data + b"\0"):
            with pytest.raises(DataError, match=r"^entropy: "):
                coder.decode(wrong)

    def test_a_message_of_any_change_is_refused(self):
        rng, data = random.Random(1), bytearray(self.MESSAGE.encode())
        for _ in range(200):
            wrong = bytearray(data)
            wrong[rng.randrange(len(wrong))] ^= 1 << rng.randrange(8)
            with pytest.raises(DataError, match=r"^message: "):
                Message.decode(wrong, self.LAYOUT)

    def test_few_bytes_do_not_fill_the_memory(self):
        shape = (1, 4096, 4096)
        table, _ = trained((1, 8, 8), 1, np.zeros((1, 1, 8, 8), np.uint8))
        layout = WireLayout((WireTensor("a", shape, 1, "entropy", table=table, mean_bytes=1),))
        empty = Message(layout, {"a": np.zeros((0, *shape), np.uint8)}).encode()
        head = empty[:8] + (100).to_bytes(4, "little")
        body = bytes(400)
        check = zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little")
        tracemalloc.start()
        try:
            with pytest.raises(DataError, match=r"must have at most 268,435,456 elements"):
                Message.decode(head + check + body, layout)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()

    def test_integers_beyond_the_width_are_refused(self):
        with pytest.raises(DataError, match=r"^entropy: integers must be 0\.\.15$"):
            list(EntropyCoder(self.TABLE, self.SHAPE).encode(self.SAMPLES + np.uint8(16)))

    def test_a_layout_comes_back_from_a_file(self):
        assert layout_from_list(layout_to_list(self.LAYOUT)) == self.LAYOUT

    @pytest.mark.parametrize("text", ["", "!", "AAAA", "eJxjYGAAAAADAAE="])
    def test_a_table_of_other_text_is_refused(self, text):
        with pytest.raises(DataError, match=r"^table: "):
            table_from_text(text)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"bits": 9},
            {"bits": 3},
            {"classes": np.zeros(0, np.uint8)},
            {"frequencies": np.zeros((1, 256), np.uint16)},
        ],
    )
    def test_numbers_that_are_no_table_are_refused(self, wrong):
        given = {
            "bits": 4,
            "classes": np.zeros(2, np.uint8),
            "frequencies": np.ones((1, 256), np.uint16),
        }
        with pytest.raises(DataError, match=r"^table: "):
            CodeTable(**{**given, **wrong})

    def test_a_table_for_other_channels_is_refused(self):
        with pytest.raises(DataError, match=r"classes of 5 channels, has 4$"):
            EntropyCoder(self.TABLE, (5, 6, 6))
