"""Exported models are free of traces, take any batch, and refuse by one line."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from autosplit.deploy.onnx_export import SMALL, export_onnx, pack_constants
from autosplit.errors import ModelError


class Twice(nn.Module):
    def forward(self, *x):
        return (x[0] * 2,)


class Unknown(nn.Module):
    def forward(self, *x):
        return (torch.linalg.eigvalsh(x[0]),)


def test_the_batch_may_have_any_size_and_nothing_tells_of_the_code():
    model = export_onnx(Twice(), [torch.zeros(2, 3)], [0], ["a"], ["b"])
    session = onnxruntime.InferenceSession(model.SerializeToString())

    for batch in (1, 5):
        (got,) = session.run(["b"], {"a": np.ones((batch, 3), np.float32)})
        assert got.tolist() == [[2.0] * 3] * batch
    assert b"pkg.torch" not in model.SerializeToString()
    assert b".py" not in model.SerializeToString()


def test_an_operator_without_a_form_is_one_line():
    with pytest.raises(
        ModelError, match=r"export: the network: ONNX has no form of .*linalg_eigh"
    ) as error:
        export_onnx(Unknown(), [torch.eye(3).repeat(2, 1, 1)], [0], ["a"], ["b"])
    assert "\n" not in str(error.value)


class Stored(nn.Module):
    def __init__(self, codes):
        super().__init__()
        self.register_buffer("codes", codes)

    def forward(self, *x):
        return (x[0] + self.codes,)


@pytest.mark.parametrize("count", [SMALL, 5 * SMALL])
def test_packed_constants_are_the_same_numbers_in_fewer_bytes(count):
    codes = torch.arange(count, dtype=torch.uint8) % 8
    example = torch.zeros(2, count, dtype=torch.uint8)
    model = export_onnx(Stored(codes), [example], [0], ["a"], ["b"])
    before = len(model.SerializeToString())
    stored = [one.name for one in model.graph.initializer if one.data_type == 2]
    assert len(stored) == 1
    pack_constants(model, {stored[0].rpartition(".")[2]: 3})

    session = onnxruntime.InferenceSession(model.SerializeToString())

    (got,) = session.run(["b"], {"a": np.zeros((1, count), np.uint8)})
    np.testing.assert_array_equal(got[0], codes.numpy())
    if count > SMALL:
        assert sum(len(one.raw_data) for one in model.graph.initializer) < before
