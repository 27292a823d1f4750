"""A server's models: found by name and version, and inputs checked before they run."""

import asyncio

import numpy as np
import pytest

from autosplit.deploy.repository import Repository, UnknownModelError
from autosplit.errors import DataError


@pytest.fixture(scope="module")
def repository(bundle):
    return Repository.load(bundle, most_rows=4)


def test_versions_of_the_network_are_the_plans(repository):
    assert repository.metadata("small")["versions"] == ["split", "raw"]
    assert repository.find("small").plan.name == "split"
    assert repository.find("small", "raw").plan.name == "raw"
    assert repository.find("small--raw").plan.name == "raw"
    assert repository.find("small--raw", "1").plan.name == "raw"


@pytest.mark.parametrize(
    "name", [("x", ""), ("small", "edge"), ("small", "1"), ("small--raw", "2")]
)
def test_an_unknown_model_or_version_is_named(repository, name):
    with pytest.raises(UnknownModelError, match="must be small in a version of split, raw"):
        repository.find(*name)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "inputs: must be x, got none"),
        ({"y": np.zeros((1, 192), np.uint8)}, "inputs: must be x, got y"),
        ({"x": np.zeros((1, 191), np.uint8)}, r"must be UINT8 of shape \[-1, 192\], got UINT8 of"),
        ({"x": np.zeros((1, 192), np.float32)}, "must be UINT8 of shape"),
        ({"x": np.zeros((5, 192), np.uint8)}, "one batch of 1 to 4 samples"),
        ({"x": np.zeros((0, 192), np.uint8)}, "one batch of 1 to 4 samples"),
        ({"x": np.array([b"jpeg"], object)}, "must be UINT8, got BYTES"),
    ],
)
def test_inputs_of_another_kind_never_run(repository, inputs, words):
    with pytest.raises(DataError, match=words):
        asyncio.run(repository.find("small", "raw").infer(inputs))
