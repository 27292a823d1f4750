"""The cloud half in ONNX unpacks what the wire packs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autosplit.capture.batch_axis import BatchLayout
from autosplit.deploy.cloud_onnx import _Received, unpacked
from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.quantize_operators import byte_fields
from autosplit.deploy.sessions import CloudModel
from autosplit.grid.grid import Grid
from autosplit.halves.deployed import deploy
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.halves.wire.message import Message
from autosplit.halves.wire.pack import pack_rows
from autosplit.stats.coding import InputCoding


@given(st.integers(1, 32), st.integers(1, 40), st.integers(1, 3), st.randoms())
@settings(max_examples=60, deadline=None)
def test_it_unpacks_every_width(bits, count, rows, random):
    values = np.array([[random.randrange(2**bits) for _ in range(count)] for _ in range(rows)])

    data = torch.from_numpy(pack_rows(values, bits).copy())

    np.testing.assert_array_equal(unpacked(data, bits, count, byte_fields).numpy(), values)


def test_axes_that_were_sent_in_another_order_come_back_in_their_own():
    wire = WireTensor("a", (2, 3, 4), 5, order=(1, 2, 0))
    codes = np.random.default_rng(0).integers(0, 32, (2, 2, 3, 4)).astype(np.uint8)
    sent = Message(WireLayout((wire,)), {"a": codes}).rows("a")
    received = _Received(wire, Grid.of(5, 0.5, 3), BatchLayout(0), torch.float32, None)

    got = received.value(torch.from_numpy(sent.copy()), byte_fields)

    np.testing.assert_array_equal(got.numpy(), (codes - 3.0) * 0.5)


def test_a_picture_becomes_pixels_from_0_to_1_less_the_mean_over_the_deviation():
    wire = WireTensor("x", (3, 2, 2), 8, "jpeg", quality=75)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    received = _Received(
        wire, None, BatchLayout(0), torch.float32, InputCoding(75, 10, 0.0, mean, std)
    )
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 2, 2)).astype(np.uint8)
    channels = (1, 3, 1, 1)
    want = (pixels / 255 - np.reshape(mean, channels)) / np.reshape(std, channels)

    got = received.value(torch.from_numpy(pixels), byte_fields)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5)


@pytest.mark.parametrize("name", ["split", "raw"])
def test_its_answers_are_the_float_halfs(small, bundle, name):
    both = deploy(small.program, small.files[name])
    message, _ = both.edge((small.images,))
    expected = both.cloud(message)

    got = CloudModel.load(bundle, read_manifest(bundle).plan(name))(message)

    for key, value in expected.items():
        np.testing.assert_allclose(got[key], value.numpy(), rtol=1e-5, atol=1e-6)
