"""The cloud half in ONNX unpacks what the wire packs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autosplit.deploy.cloud_onnx import unpacked
from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.sessions import CloudModel
from autosplit.halves.deployed import deploy
from autosplit.halves.wire.pack import pack_rows


@given(st.integers(1, 16), st.integers(1, 40), st.integers(1, 3), st.randoms())
@settings(max_examples=60, deadline=None)
def test_it_unpacks_every_width(bits, count, rows, random):
    values = np.array([[random.randrange(2**bits) for _ in range(count)] for _ in range(rows)])

    data = torch.from_numpy(pack_rows(values, bits).copy())

    np.testing.assert_array_equal(unpacked(data, bits, count).numpy(), values)


@pytest.mark.parametrize("name", ["split", "raw"])
def test_its_answers_are_the_float_halfs(small, bundle, name):
    both = deploy(small.program, small.files[name])
    message, _ = both.edge((small.images,))
    expected = both.cloud(message)

    got = CloudModel.load(bundle, read_manifest(bundle).plan(name))(message)

    for key, value in expected.items():
        np.testing.assert_allclose(got[key], value.numpy(), rtol=1e-5, atol=1e-6)
