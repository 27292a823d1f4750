"""The network that options name, loaded and captured."""

import pytest
import torch

from autosplit.capture.capture import capture
from autosplit.runs.network import capture_network, captured_once, load_network
from autosplit.runs.options import StatsOptions

MINE = StatsOptions(model="net.py:net")


def test_every_option_of_the_network_reaches_the_loader(monkeypatch):
    asked = []
    loaded = load_network(StatsOptions(model="fashion-resnet"))
    monkeypatch.setattr(
        "autosplit.models.load.load_model",
        lambda spec, **more: asked.append((spec, more)) or loaded,
    )
    load_network(
        StatsOptions(
            model="m",
            weights="w",
            checkpoint="c.pt",
            input_size=9,
            seed=4,
            decode="scaled",
            names="n.txt",
        )
    )
    load_network(StatsOptions())

    first, second = asked
    assert first[0] == "m"
    assert {key: str(value) for key, value in first[1].items()} == {
        "weights": "w",
        "checkpoint": "c.pt",
        "input_size": "9",
        "seed": "4",
        "decode": "scaled",
        "names": "n.txt",
    }
    nothing = {"weights": None, "checkpoint": None, "input_size": None, "seed": 0}
    nothing |= {"decode": None, "names": None}
    assert second == (StatsOptions().model, nothing)


@pytest.mark.parametrize("equalized", [False, True])
def test_weights_are_scaled_to_each_other_only_if_asked(tiny, equalized):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = load_network(MINE)
    program = capture_network(model, equalized=equalized)
    plain = capture(model.module, (model.example_input,), model.name)

    assert program.graph.equalized == equalized
    assert (program.weight("2") == plain.weight("2")).all() != equalized


def test_stages_of_one_run_share_the_operators_of_a_network(tiny):
    model = load_network(MINE)
    plain = capture_network(model, equalized=False)
    with captured_once():
        first = capture_network(model, equalized=False)
        again = capture_network(load_network(MINE), equalized=False)
        other = capture_network(model, equalized=True)
        given = capture_network(model, model.example_input, equalized=False)
    after = capture_network(model, equalized=False)

    assert first is again
    assert len({id(one) for one in (plain, first, other, given, after)}) == 5


def test_a_network_that_changes_is_captured_again_in_the_same_run(tiny):
    with captured_once():
        first = capture_network(load_network(MINE), equalized=False)
        text = (tiny.place / "net.py").read_text()
        (tiny.place / "net.py").write_text(text.replace("nn.ReLU()", "nn.ReLU6()", 1))
        again = capture_network(load_network(MINE), equalized=False)

    assert first.graph.layers[0].operators != again.graph.layers[0].operators
