"""A network of two inputs and two outputs, whose batch is second in one input, as a bundle."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from measured import plan_for
from nets import TwoInputs
from served import serving
from torch import nn

from autosplit.capture.capture import capture
from autosplit.deploy.bundle import Exporter
from autosplit.deploy.check import compare
from autosplit.deploy.connection import Connection
from autosplit.deploy.infer import infer_sources
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


def test_a_check_reads_each_batch_where_it_is(two):
    halves = [(two.inputs[0][:, at], two.inputs[1][at]) for at in (slice(3), slice(3, 8))]

    found = compare(two.folder, two.plan, two.program, two.file, halves)

    assert (found.samples, found.answers, found.different) == (8, 8, 0)
    assert found.integers == 8 * (4 + 15)
    assert found.furthest < 1e-6
    assert found.sent_bytes == [4 + 10] * 8


def test_a_file_of_named_arrays_goes_through_client_and_server(two, tmp_path):
    """Samples of ``source.npz`` come first, whichever axis the network has them on."""
    steps, words = two.inputs
    np.savez(tmp_path / "source.npz", x=steps.movedim(1, 0).numpy(), y=words.numpy())
    first, _ = two.program.run(two.inputs)

    with serving(two.folder) as address:
        server = Connection(f"http://{address}")
        asked = two.folder, tmp_path / "source.npz", server, None, tmp_path / "answers.csv"
        *lines, last = infer_sources(*asked)

    assert len(lines) == 8
    assert last.startswith("8 answers of p, ")
    rows = list(csv.DictReader((tmp_path / "answers.csv").read_text().splitlines()))
    assert {row["sent_bytes"] for row in rows} == {"14"}
    agree = sum(int(row["answer"]) == best for row, best in zip(rows, first.argmax(1), strict=True))
    assert agree >= 7  # activations of 5 bits may change one
