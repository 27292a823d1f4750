"""Networks of timm."""

import sys

import pytest
import torch
from loaded import model_error

from autosplit.errors import MissingExtraError
from autosplit.models.load import load_model

timm = pytest.importorskip("timm")


@pytest.mark.slow
def test_a_network_has_its_size_and_its_preparation():
    model = load_model("timm:test_resnet", seed=3)
    known = timm.data.resolve_model_data_config(timm.create_model("test_resnet"))

    assert model.example_input.shape == (1, *known["input_size"])
    assert model.preprocess.mean == tuple(known["mean"])
    again = load_model("timm:test_resnet", seed=3)
    assert all(
        map(torch.equal, model.module.state_dict().values(), again.module.state_dict().values())
    )


@pytest.mark.slow
def test_names_and_weights_that_there_are_not():
    assert "timm has no network 'test_reznet', did you mean 'test_resnet'?" in model_error(
        "timm:test_reznet"
    )
    assert "weights must be DEFAULT, got 'BEST'" in model_error("timm:test_resnet", weights="BEST")


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"autosplit\[timm\]"):
        load_model("timm:resnet18")
