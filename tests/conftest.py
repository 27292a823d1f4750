"""A tiny network with its data, and a finished run folder of it."""

import shutil
from fnmatch import fnmatch
from types import SimpleNamespace

import hypothesis
import pytest
import torch
from tiny import DATA, EDGE, GIVEN, NETWORK

from autosplit.runs.stages import run as stages
from autosplit.runs.trust import trusted_code

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _state(tmp_path_factory):
    """Code that tests trust is remembered nowhere else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


TOGETHER = {
    "torchvision": (
        "capture/test_batch_axis.py capture/test_capture.py capture/test_export.py "
        "capture/test_layers.py capture/test_trainable.py halves/test_partition.py"
    ).split(),
    "deploy": ["deploy/*"],
}
"""Group -> files that share what takes long to make: networks of ``nets.REQUIRED``, a bundle."""
LONG = ("test_readme.py", "torchvision", "docs/test_howto.py", "test_bad_input.py", "deploy")
"""Groups that take longest and are begun first, so that no process waits for another at the end."""


def group_of(nodeid):
    """Tests of one group are run in the same process: those of a file, or of files together."""
    place = nodeid.partition("::")[0].removeprefix("tests/")
    for group, patterns in TOGETHER.items():
        if any(fnmatch(place, pattern) for pattern in patterns):
            return group
    return place


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With ``--dist loadscope``, give whole groups to processes, and the longest ones first."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only where it is there

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group_of(nodeid)

    config.option.loadscopereorder = False
    return Groups(config, log)


def pytest_collection_modifyitems(items):
    """The longest groups come first."""
    order = {group: place for place, group in enumerate(LONG)}
    items.sort(key=lambda item: order.get(group_of(item.nodeid), len(LONG)))


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
    trusted_code(None, GIVEN)
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
    return request.param
