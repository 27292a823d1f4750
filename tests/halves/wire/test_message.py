"""Messages: what is sent arrives, at the bytes that are predicted, and nothing else is taken."""

import subprocess
import sys
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autosplit.errors import DataError
from autosplit.graph.memory import packed_bytes
from autosplit.halves.wire.jpeg import decode_jpeg, encode_jpeg
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.halves.wire.message import HEADER_BYTES, Message
from autosplit.halves.wire.pack import pack

LAYOUT = WireLayout((WireTensor("a", (2, 3), 3), WireTensor("b", (4,), 16, "none")))


def message(batch=2):
    rng = np.random.default_rng(batch)
    tensors = {
        "a": rng.integers(0, 8, (batch, 2, 3), dtype=np.uint8),
        "b": rng.standard_normal((batch, 4)).astype(np.float16),
    }
    return Message(LAYOUT, tensors)


@st.composite
def messages(draw):
    """One to three tensors of any width, shape and order, and a batch of up to five samples."""
    batch = draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    wires, tensors = [], {}
    for place in range(draw(st.integers(1, 3))):
        shape = tuple(draw(st.lists(st.integers(1, 5), max_size=3)))
        order = tuple(draw(st.permutations(range(len(shape)))))
        bits, name = draw(st.sampled_from([*range(1, 17), 32])), f"t{place}"
        floats = bits == 32 or (bits == 16 and draw(st.booleans()))
        wires.append(WireTensor(name, shape, bits, "none" if floats else "packed", order))
        if floats:
            kind = np.float16 if bits == 16 else np.float32
            tensors[name] = rng.standard_normal((batch, *shape)).astype(kind)
        else:
            kind = np.uint8 if bits <= 8 else np.uint16
            tensors[name] = rng.integers(0, 2**bits, (batch, *shape)).astype(kind)
            tensors[name].reshape(-1)[-1] = 2**bits - 1
    return Message(WireLayout(tuple(wires)), tensors)


@settings(deadline=None, max_examples=200)
@given(messages())
def test_what_is_sent_arrives_at_the_bytes_that_are_predicted(sent):
    data = sent.encode()
    got = Message.decode(data, sent.layout)

    assert sum(sent.sample_sizes()) == len(data) - sent.framing_bytes

    assert got.batch == sent.batch
    assert list(got.tensors) == [tensor.name for tensor in sent.layout.tensors]
    for name, value in sent.tensors.items():
        np.testing.assert_array_equal(got.tensors[name], value)
        assert got.tensors[name].dtype == value.dtype
    elements = sum(packed_bytes(tensor.elements, tensor.bits) for tensor in sent.layout.tensors)
    assert len(data) == HEADER_BYTES + sent.batch * elements
    assert elements == sent.layout.sample_bytes


@settings(deadline=None, max_examples=50)
@given(messages())
def test_a_tensor_is_the_samples_one_after_the_other_each_in_the_order_of_the_layout(sent):
    data, start = sent.encode(), HEADER_BYTES
    for tensor in sent.layout.tensors:
        for sample in sent.tensors[tensor.name]:
            moved = np.ascontiguousarray(sample.transpose(tensor.order))
            want = moved.tobytes() if tensor.coding == "none" else pack(moved, tensor.bits)
            assert data[start : start + len(want)] == want
            start += len(want)
    assert start == len(data)


def test_the_header_is_the_form_the_layout_the_batch_and_a_checksum():
    data = message(3).encode()

    assert data[:4] == b"ASM1"
    assert data[4:8] == LAYOUT.digest[:4]
    assert int.from_bytes(data[8:12], "little") == 3
    assert int.from_bytes(data[12:16], "little") == zlib.crc32(data[:12] + data[16:])
    assert HEADER_BYTES == 16


def test_the_channels_of_a_pixel_may_be_sent_together():
    layout = WireLayout((WireTensor("a", (2, 1, 2), 8, order=(1, 2, 0)),))
    value = np.array([[[[1, 2]], [[3, 4]]]], np.uint8)  # channel 0 is 1 2, channel 1 is 3 4

    data = Message(layout, {"a": value}).encode()

    assert data[HEADER_BYTES:] == bytes([1, 3, 2, 4])


def test_rows_are_the_bytes_of_each_sample():
    sent = message(2)

    assert sent.rows("a").shape == (2, 3)  # 6 x 3 bits are 18: 3 bytes
    assert sent.rows("a")[1].tobytes() == pack(sent.tensors["a"][1], 3)


def test_pictures_are_sent_as_jpeg_files_of_their_own_length():
    layout = WireLayout((WireTensor("x", (3, 16, 8), 8, "jpeg", quality=70),))
    pictures = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 8), dtype=np.uint8)
    pictures[1] = 7
    files = [encode_jpeg(picture, 70) for picture in pictures]

    data = Message(layout, {"x": pictures}).encode()
    got = Message.decode(data, layout).tensors["x"]

    assert len(files[0]) != len(files[1])
    assert Message(layout, {"x": pictures}).sample_sizes() == [*map(len, files)]
    assert data[HEADER_BYTES + 8 :] == b"".join(files)
    for picture, file in zip(got, files, strict=True):
        np.testing.assert_array_equal(picture, decode_jpeg(file, (3, 16, 8)))


def test_a_message_of_nothing_is_its_header():
    data = Message(WireLayout(), {}).encode()

    assert len(data) == HEADER_BYTES
    assert Message.decode(data, WireLayout()).tensors == {}


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_read(kind):
    assert Message.decode(kind(message().encode()), LAYOUT).batch == 2


# ---- bytes that are no message ----


def sealed(data):
    """Bytes with the checksum that a header needs."""
    checksum = zlib.crc32(data[:12] + data[16:])
    return data[:12] + checksum.to_bytes(4, "little") + data[16:]


def test_every_message_that_is_cut_off_or_continued_is_refused_in_one_line():
    data = message().encode()
    for wrong in (*(data[:end] for end in range(len(data))), data + b"\0", data * 2):
        for sent in (wrong, sealed(wrong) if len(wrong) >= HEADER_BYTES else wrong):
            with pytest.raises(DataError, match=r"^message: must .*, got|it was cut off") as found:
                Message.decode(sent, LAYOUT)
            assert "\n" not in str(found.value)


def test_every_changed_bit_is_noticed():
    data = message().encode()
    for place in range(8 * len(data)):
        wrong = bytearray(data)
        wrong[place // 8] ^= 1 << place % 8
        with pytest.raises(DataError, match=r"^message: must"):
            Message.decode(wrong, LAYOUT)


def test_a_message_of_another_layout_is_refused():
    other = WireLayout((replace(LAYOUT.tensors[0], bits=4), LAYOUT.tensors[1]))

    with pytest.raises(DataError, match=r"must have the layout .* of the tensors a, b, got"):
        Message.decode(message().encode(), other)


def test_a_batch_that_the_bytes_do_not_hold_takes_no_memory():
    data = bytearray(message().encode())
    data[8:12] = b"\xff\xff\xff\xff"

    with pytest.raises(DataError, match="must have 12884901885 bytes for a, got 22"):
        Message.decode(sealed(bytes(data)), LAYOUT)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60))
def test_foreign_bytes_are_refused(data):
    pictures = WireLayout((WireTensor("x", (1, 8, 8), 8, "jpeg", quality=50),))
    for layout in (LAYOUT, pictures):
        head = b"ASM1" + layout.digest[:4]
        for sent in (data, head + data, sealed(head + data) if len(data) >= 8 else data):
            try:
                Message.decode(sent, layout)
            except DataError as error:
                assert "\n" not in str(error)  # noqa: PT017


# ---- tensors that are not those of the layout ----


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"a": np.zeros((1, 2, 3), np.uint8)}, "must hold the tensors a, b, got a"),
        (
            {"a": np.zeros((1, 3, 2), np.uint8), "b": np.zeros((1, 4), np.float16)},
            r"a must have the shape \(1, 2, 3\) of 1 sample, got \(1, 3, 2\)",
        ),
        (
            {"a": np.zeros((2, 2, 3), np.uint8), "b": np.zeros((1, 4), np.float16)},
            r"b must have the shape \(2, 4\) of 2 samples, got \(1, 4\)",
        ),
    ],
)
def test_tensors_that_are_not_those_of_the_layout_are_refused(tensors, message):
    with pytest.raises(DataError, match=message):
        Message(LAYOUT, tensors)


def test_a_number_that_does_not_fit_its_width_is_refused():
    tensors = {"a": np.full((1, 2, 3), 8, np.uint8), "b": np.zeros((1, 4), np.float16)}

    with pytest.raises(DataError, match=r"3-bit values must be 0\.\.7"):
        Message(LAYOUT, tensors).encode()


def test_messages_need_numpy_alone():
    code = (
        "import sys, autosplit.halves.wire.message; "
        "print([m for m in ('torch', 'yaml', 'scipy', 'networkx', 'PIL') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_framing_counts_a_length_for_each_sample_of_every_coded_tensor():
    """Two coded tensors of three samples have six lengths of 4 bytes; packed ones have none."""
    wires = (
        WireTensor("a", (2, 3), 4, "entropy", classes=(0, 0, 1), mean_bytes=9),
        WireTensor("p", (1, 4, 4), 8, "jpeg", quality=75),
        WireTensor("b", (5,), 3),
    )
    layout = WireLayout(wires)
    tensors = {one.name: np.zeros((3, *one.shape), np.uint8) for one in wires}
    sent = Message(layout, tensors)

    assert sent.framing_bytes == HEADER_BYTES + 6 * 4
    samples = sum(map(len, layout.coders["a"].encode(tensors["a"])))
    files = sum(len(encode_jpeg(one, 75)) for one in tensors["p"])
    assert len(sent.encode()) == sent.framing_bytes + samples + files + 3 * packed_bytes(5, 3)
