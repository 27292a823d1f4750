"""Entropy coding: exact inverse, bytes near the entropy, and refused damage."""

import math
import random
import tracemalloc
import zlib

import numpy as np
import pytest
import zstandard

from autosplit.errors import DataError
from autosplit.halves.wire.entropy import EntropyCoder
from autosplit.halves.wire.layout import WireLayout, WireTensor, layout_from_list, layout_to_list
from autosplit.halves.wire.message import HEADER_BYTES, Message
from autosplit.halves.wire.symbols import CLASSES, by_channel, classes_from_text, group_channels

SHAPES = [(24, 9, 7), (3, 5), (6,), (), (1, 28, 28), (2, 3, 4, 5)]


def skewed(shape, bits, samples=6, seed=0):
    """Integers whose channels differ: small ones are frequent."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.3, 3, size=shape or (1,))
    values = rng.exponential(spread, size=(samples, *(shape or (1,)))) * 2**bits / 8
    return np.clip(values, 0, 2**bits - 1).astype(np.uint8).reshape(samples, *shape)


def coder_of(shape, bits, samples, count=CLASSES):
    """The coder whose classes follow from some samples."""
    channels = by_channel(samples, shape)
    histogram = [np.bincount(one.ravel(), minlength=2**bits) for one in np.moveaxis(channels, 1, 0)]
    classes = group_channels(np.array(histogram, float), count)
    return EntropyCoder(shape, classes, bits)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 8])
def test_what_is_decoded_is_what_was_coded(shape, bits):
    samples = skewed(shape, bits)
    unseen = np.random.default_rng(1).integers(0, 2**bits, (3, *shape), dtype=np.uint8)
    coder = coder_of(shape, bits, samples)

    for each in (samples, unseen):
        back = [coder.decode(data) for data in coder.encode(each)]
        np.testing.assert_array_equal(np.stack(back), each)


def test_a_sample_is_a_frame_that_the_library_reads():
    """The symbols of two classes, channel by channel: (1, 2), (3, 0) and (0, 1), (2, 3)."""
    sample = np.array([[0, 1, 2, 3], [1, 2, 3, 0]], np.uint8)[None]
    (data,) = EntropyCoder((2, 4, 1), (1, 0), 4).encode(sample[..., None])

    library = zstandard.ZstdDecompressor(format=zstandard.FORMAT_ZSTD1_MAGICLESS)
    frame = bytes([0, 7 << 3]) + data  # a window of 2^(10 + 7)
    assert library.decompress(frame, max_output_size=4) == bytes([0x21, 0x03, 0x10, 0x32])


@pytest.mark.parametrize("share", [0.25, 0.1])
def test_independent_symbols_take_little_more_than_their_entropy(share):
    """One bit, 1 with this probability: a code of eight elements loses less than 4 %."""
    rng = np.random.default_rng(0)
    samples = (rng.random((20, 1, 16000, 1)) < share).astype(np.uint8)

    sizes = [len(data) for data in coder_of((1, 16000, 1), 1, samples).encode(samples)]

    entropy = -(share * math.log2(share) + (1 - share) * math.log2(1 - share))
    code = 100  # bytes, of at most 256 symbols in every sample
    assert 2000 * entropy < np.mean(sizes) < 1.04 * 2000 * entropy + code


def test_neighbours_that_depend_on_each_other_take_less_than_independent_ones():
    """Runs of equal values at 4 bits: a pair has 16 of the 256 values."""
    rng = np.random.default_rng(0)
    runs = np.repeat(rng.integers(0, 16, (40, 1, 1000)), 2, axis=2).astype(np.uint8)[..., None]

    sizes = [len(data) for data in coder_of((1, 2000, 1), 4, runs).encode(runs)]

    assert np.mean(sizes) < 0.6 * 1000


def test_classes_take_fewer_bytes_where_channels_differ():
    """Half of the channels are nearly all 0, half nearly all 15, at 4 bits."""
    rng = np.random.default_rng(0)
    low = rng.exponential(1.5, (8, 20, 40, 40))
    samples = np.clip(np.where(np.arange(20)[:, None, None] % 2, low, 15 - low), 0, 15)
    samples = samples.astype(np.uint8)

    one, two = (
        sum(map(len, coder_of((20, 40, 40), 4, samples, count).encode(samples))) for count in (1, 2)
    )

    assert two < 0.85 * one


class TestDamage:
    SHAPE = (4, 6, 6)
    SAMPLES = skewed(SHAPE, 4)
    CODER = coder_of(SHAPE, 4, SAMPLES)
    LAYOUT = WireLayout(
        (
            WireTensor("a", SHAPE, 4, "entropy", classes=CODER.classes, mean_bytes=60),
            WireTensor("b", (3,), 2),
        )
    )
    MESSAGE = Message(LAYOUT, {"a": SAMPLES, "b": np.ones((len(SAMPLES), 3), np.uint8)})

    def test_a_message_comes_back_whole(self):
        data = self.MESSAGE.encode()
        back = Message.decode(data, self.LAYOUT)

        np.testing.assert_array_equal(back.tensors["a"], self.SAMPLES)
        coded = sum(map(len, self.CODER.encode(self.SAMPLES)))
        assert len(data) - self.MESSAGE.framing_bytes == coded + len(self.SAMPLES)
        assert self.MESSAGE.framing_bytes == HEADER_BYTES + 4 * len(self.SAMPLES)

    def test_a_sample_of_any_bytes_gives_a_tensor_or_one_line(self):
        rng, coder = random.Random(0), self.CODER
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
        coder = self.CODER
        (data, *_) = coder.encode(self.SAMPLES)
        for wrong in (data + b"\x01\x02\x03\x04\x05", data + b"\0"):
            with pytest.raises(DataError, match=r"^entropy: "):
                coder.decode(wrong)

    @pytest.mark.parametrize("count", [200, pytest.param(20_000, marks=pytest.mark.slow)])
    def test_a_damaged_sample_gives_a_tensor_or_one_line(self, count):
        rng, coder = random.Random(2), coder_of((8, 12, 12), 4, skewed((8, 12, 12), 4))
        (data, *_) = coder.encode(skewed((8, 12, 12), 4))
        refused = set()
        for _ in range(count):
            wrong, place = bytearray(data), rng.randrange(len(data))
            wrong[place : place + rng.randrange(4)] = rng.randbytes(rng.randrange(4))
            try:
                back = coder.decode(bytes(wrong))
            except DataError as error:
                refused.add(str(error))
            else:
                assert back.shape == (8, 12, 12)
                assert back.max() < 16
        assert refused
        assert all(text.startswith("entropy: ") and "\n" not in text for text in refused)

    def test_a_sample_of_fewer_elements_is_refused(self):
        (data,) = EntropyCoder((2, 6, 6), (0, 0), 4).encode(self.SAMPLES[:1, :2])
        with pytest.raises(DataError, match=r"^entropy: a sample must have 72 symbols of 8 bits"):
            self.CODER.decode(data)

    def test_a_message_of_any_change_is_refused(self):
        rng, data = random.Random(1), bytearray(self.MESSAGE.encode())
        for _ in range(200):
            wrong = bytearray(data)
            wrong[rng.randrange(len(wrong))] ^= 1 << rng.randrange(8)
            with pytest.raises(DataError, match=r"^message: "):
                Message.decode(wrong, self.LAYOUT)

    def test_few_bytes_do_not_fill_the_memory(self):
        shape = (1, 4096, 4096)
        layout = WireLayout((WireTensor("a", shape, 1, "entropy", classes=(0,), mean_bytes=1),))
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
            list(self.CODER.encode(self.SAMPLES + np.uint8(16)))

    def test_a_layout_comes_back_from_a_file(self):
        assert layout_from_list(layout_to_list(self.LAYOUT)) == self.LAYOUT

    def test_a_sample_that_unpacks_to_more_does_not_fill_the_memory(self):
        """A frame of 2^30 zeros is 33 kB, with its size in its head or without."""
        for content_size in (0, 1):
            settings = zstandard.ZstdCompressionParameters.from_level(
                3, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=content_size
            )
            bomb = zstandard.ZstdCompressor(compression_params=settings).compress(bytes(1 << 26))
            tracemalloc.start()
            try:
                with pytest.raises(DataError, match=r"^entropy: bytes must be those of a sample, "):
                    self.CODER.decode(bomb[2:])
                assert tracemalloc.get_traced_memory()[1] < 1 << 16
            finally:
                tracemalloc.stop()

    @pytest.mark.parametrize("text", ["", "!", "0140", "0 1"])
    def test_classes_of_other_text_are_refused(self, text):
        with pytest.raises(DataError, match=r"^classes: must be digits from 0 to 3, got "):
            classes_from_text(text)

    @pytest.mark.parametrize("classes", [(), (0,) * 4, (0, 1, 2, 3, 4)])
    def test_classes_for_other_channels_are_refused(self, classes):
        with pytest.raises(DataError, match=r"^classes must be one from 0 to 3 for each of 5 "):
            EntropyCoder((5, 6, 6), classes, 4)

    def test_symbols_beyond_the_width_are_refused(self):
        """A class of 5 bits is a byte for each element, so 32 and more are none."""
        coder = EntropyCoder((1, 4, 4), (0,), 5)
        (data,) = EntropyCoder((1, 4, 4), (0,), 8).encode(np.full((1, 1, 4, 4), 32, np.uint8))
        with pytest.raises(DataError, match=r"must have 16 symbols of 5 bits, got other ones$"):
            coder.decode(data)
