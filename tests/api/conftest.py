"""The tiny network of the run folder as objects, made once for all tests of the interface."""

from types import SimpleNamespace

import pytest

import autosplit


@pytest.fixture(scope="session")
def objects(finished):
    """What every step of the interface gives, with the options of the finished run folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished.place)
        net = autosplit.capture("net.py:net")
        data = autosplit.load_data("data.py:data", net)
        stats = autosplit.measure(net, data.calibration)
        problem = autosplit.Problem(net.graph, stats, edge="toy.yaml", links="1mbps,20kbps")
        front = autosplit.search(problem)
        scores = autosplit.evaluate(net, front, data)
    return SimpleNamespace(
        net=net, data=data, stats=stats, problem=problem, front=front, scores=scores
    )
