"""A folder with a small sweep whose networks are measured."""

import shutil

import pytest
from sweeps import DATA, NETWORKS, SWEEP

from autosplit.runs.trust import trusted_code
from autosplit.sweep import run as sweep
from autosplit.sweep.file import read_sweep_file


@pytest.fixture(scope="session")
def measured(tmp_path_factory):
    """A sweep's folder whose networks are measured; ``place`` gives a copy."""
    place = tmp_path_factory.mktemp("sweep")
    (place / "net.py").write_text(NETWORKS)
    (place / "data.py").write_text(DATA)
    (place / "tiny.yaml").write_text(SWEEP)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        sweep.measure_networks(read_sweep_file(place / "tiny.yaml"), place / "tiny", jobs=1)
    return place


@pytest.fixture
def place(measured, tmp_path, monkeypatch):
    """A folder of its own, made the current one, with ``tiny.yaml`` and measured networks."""
    shutil.copytree(measured, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    trusted_code(None, {"model": "net.py:small", "data": "data.py:data"})
    return tmp_path / "here"
