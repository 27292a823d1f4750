"""A network of two inputs and two outputs, whose batch is second in one input, as a bundle."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from measured import plan_for
from nets import TwoInputs
from torch import nn

from autosplit.capture.capture import capture
from autosplit.deploy.bundle import Exporter
from autosplit.deploy.sessions import CloudModel, EdgeModel
from autosplit.halves.deployed import deploy
from autosplit.halves.wire.message import Message


def forward(net, steps, words):
    """Steps are (time, batch, features), words (batch, 4): places in a table, from 2 on."""
    first = torch.relu(net.a(steps)).mean(0)
    looked = net.e(words - 2).mean(1)
    return net.c(torch.cat([first, looked], 1)), torch.relu(net.d(looked))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    torch.manual_seed(0)
    modules = {
        "a": nn.Linear(6, 5),
        "e": nn.Embedding(19, 8),
        "c": nn.Linear(13, 5),
        "d": nn.Linear(8, 3),
    }
    network = TwoInputs(forward, **modules)
    inputs = torch.rand(3, 8, 6), torch.randint(2, 21, (8, 4))
    program = capture(network, inputs, "two", (1, 0))
    file = plan_for(program, inputs, 6, 5, 1)
    folder = tmp_path_factory.mktemp("two")
    model = SimpleNamespace(preprocess=None, labels=())
    (plan,) = Exporter(program, model, "several").export([file], folder).plans
    return SimpleNamespace(program=program, file=file, inputs=inputs, folder=folder, plan=plan)


def test_the_plan_sends_a_tensor_on_a_grid_and_an_input_of_integers(two):
    sent = {wire.name: (wire.shape, wire.bits) for wire in two.plan.wire.tensors}

    assert sent == {"y": ((4,), 8), "a": ((3, 5), 5)}
    assert two.plan.predicted["sent_bytes"] == 4 + -(-15 * 5 // 8)
    assert two.program.layouts["a"].axis == 1
    assert two.plan.outputs == {"output:0": "cloud", "output:1": "cloud"}


@pytest.mark.parametrize("samples", [1, 3, 8])
def test_both_halves_give_the_references_integers_and_answers_at_any_batch(two, samples):
    steps, words = two.inputs[0][:, :samples], two.inputs[1][:samples]
    both = deploy(two.program, two.file)
    want, _ = both.edge((steps, words))
    answers = both.cloud(want)

    sent, own = EdgeModel.load(two.folder, two.plan)(
        {"x": steps.movedim(1, 0).numpy(), "y": words.numpy()}
    )
    got = CloudModel.load(two.folder, two.plan)(Message.decode(sent.encode(), two.plan.wire))

    assert own == {}
    for name, numbers in want.tensors.items():
        np.testing.assert_array_equal(sent.tensors[name], numbers)
    assert sorted(got) == ["output:0", "output:1"]
    for name, value in answers.items():
        np.testing.assert_allclose(got[name], value.numpy(), atol=1e-6)
