"""A tiny network with its data, and a finished run folder of it."""

import shutil
from types import SimpleNamespace

import pytest
import torch
from tiny import DATA, EDGE, GIVEN, NETWORK

from autosplit.runs.stages import run as stages


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run in a place that no test may change; ``tiny`` gives a copy."""
    place = tmp_path_factory.mktemp("tiny")
    (place / "net.py").write_text(NETWORK)
    (place / "data.py").write_text(DATA)
    (place / "toy.yaml").write_text(EDGE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        outcomes = list(stages.run(place / "run", GIVEN))
    return SimpleNamespace(place=place, outcomes=outcomes)


@pytest.fixture
def tiny(finished, tmp_path, monkeypatch):
    """A folder of its own, made the current one, with a finished run of a tiny network in it.

    Attributes of what it gives: ``place``, the folder; ``run``, the run folder; ``given``, the
    options it was made with.
    """
    place = tmp_path / "tiny"
    shutil.copytree(finished.place, place)
    monkeypatch.chdir(place)
    return SimpleNamespace(place=place, run=place / "run", given=dict(GIVEN))


@pytest.fixture
def flushed():
    """Numbers below float32's normal ones are zero, as some processors and libraries have it."""
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot set denormal numbers to zero")
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(params=["denormals kept", "denormals flushed"])
def denormals(request):
    """Both ways of a processor with numbers below float32's normal ones."""
    if request.param == "denormals flushed":
        request.getfixturevalue("flushed")
