"""Where the batch is in a program's tensors."""

import pytest
import torch
from captures import FORWARD, IMAGE, conv, program_of, same
from nets import REQUIRED, Net, captured, relative_error
from torch import nn

from autosplit.capture.batch_axis import BatchLayout
from autosplit.capture.capture import capture
from autosplit.errors import CaptureError


@pytest.mark.parametrize("name", REQUIRED)
def test_every_tensor_is_shown_with_its_samples_apart(name):
    """What a run shows of three images is what it shows of each, one after the other."""
    found = captured(name)
    program = found.program

    def shown(images):
        seen = {}
        program.run((images,), lambda tensor, value: seen.update({tensor: value.clone()}))
        return {tensor: program.samples(tensor, value) for tensor, value in seen.items()}

    together = shown(found.images)
    assert tuple(together) == program.graph.tensors
    alone = shown(found.images[1:2])
    for tensor, value in together.items():
        assert len(value) == 3
        assert value[1].numel() == program.graph.elements(tensor)
        assert relative_error(value[1], alone[tensor][0]) < 1e-4


def test_attention_with_the_batch_second_keeps_samples_apart():
    network = Net(
        lambda net, x: net.attention(*[x.transpose(0, 1)] * 3)[0],
        attention=nn.MultiheadAttention(8, 2),
    )
    program = program_of(network, (1, 5, 8))
    assert program.layouts["attention.in_proj"] == BatchLayout(1)
    assert program.layouts["attention.matmul"] == BatchLayout(0, 2)  # two heads of each sample
    assert program.layouts["attention.out_proj"] == BatchLayout(0, 5, outer=False)
    x = torch.randn(3, 5, 8)
    assert same(program, network, x)
    assert_samples_apart(program, x)


def assert_samples_apart(program, x):
    """Each sample of each tensor is what that sample alone gives."""

    def shown(x):
        seen = {}
        program.run((x,), lambda name, value: seen.update({name: program.samples(name, value)}))
        return seen

    together = shown(x)
    for i in range(len(x)):
        for tensor, value in shown(x[i : i + 1]).items():
            torch.testing.assert_close(together[tensor][i], value[0], rtol=1e-4, atol=1e-5)
            assert value[0].numel() == program.graph.elements(tensor)


MERGED = {
    "outer": (
        lambda net, x: net.linear(x.flatten(0, 1)).view(-1, 6, 5).sum(1),
        BatchLayout(0, 6, outer=True),
    ),
    "inner": (
        lambda net, x: net.linear(x.transpose(0, 1).flatten(0, 1)).view(6, -1, 5).sum(0),
        BatchLayout(0, 6, outer=False),
    ),
    "in the middle": (
        lambda net, x: net.linear(x.unsqueeze(0).flatten(1, 2))[0].view(-1, 6, 5).sum(1),
        BatchLayout(1, 6, outer=True),
    ),
}


@pytest.mark.parametrize("case", MERGED)
def test_a_batch_merged_with_positions_is_found(case):
    function, layout = MERGED[case]
    network = Net(function, linear=nn.Linear(4, 5))
    program = program_of(network, (1, 6, 4))
    assert program.layouts["linear"] == layout
    x = torch.randn(3, 6, 4)
    assert same(program, network, x)
    assert_samples_apart(program, x)


def test_a_batch_layout_finds_the_samples():
    value = torch.arange(12)
    assert BatchLayout(0, 3).samples_first(value).tolist() == value.view(4, 3).tolist()
    inner = BatchLayout(0, 3, outer=False)
    assert inner.samples_first(value).tolist() == value.view(3, 4).t().tolist()
    assert inner.batch(value) == 4
    assert inner.sample_shape((12,)) == (3,)
    second = BatchLayout(1)
    assert second.samples_first(torch.zeros(5, 2, 7)).shape == (2, 5, 1, 7)
    assert second.sample_shape((5, 2, 7)) == (5, 7)
    none = BatchLayout(None)
    assert none.batch(value) == 1
    assert none.samples_first(value).shape == (1, 12)
    assert none.sample_shape((12,)) == (12,)


def test_a_network_that_fixes_the_batch_runs_that_batch_only():
    network = Net(lambda net, x: net.a(x).view(1, 3, 64).sum(2), a=conv())
    program = program_of(network, (4, *IMAGE[1:]))
    assert program.batch_size == 1
    assert program.graph.by_name["a"].output_shape == (3, 8, 8)
    assert same(program, network, torch.randn(IMAGE))


def test_samples_that_are_mixed_are_refused():
    network = Net(lambda net, x: net.a(x).flatten(1) @ x.flatten(1).t(), a=conv())
    with pytest.raises(CaptureError, match=rf"^matmul at {FORWARD}: one axis must grow with the"):
        program_of(network)


@pytest.mark.parametrize(
    ("answer", "operator"),
    [
        (lambda y: y.mean(0), "mean"),
        (lambda y: y.sum(), "sum"),
        (lambda y: y.max(0).values, "max"),
        (lambda y: y.argmax(0), "argmax"),
        (lambda y: y.mean(0).relu(), "mean"),
        (lambda y: {"a": y.sum(0), "b": y.amax(0, keepdim=True)}, "sum"),
    ],
)
def test_one_answer_for_a_whole_batch_is_refused(answer, operator):
    class Whole(nn.Module):
        def forward(self, x):
            return answer(x * 2)

    rule = "a network must answer each sample, it gives one answer for the whole batch"
    with pytest.raises(CaptureError, match=rf"net: {operator} at .*test_batch_axis.py:\d+: {rule}"):
        capture(Whole(), torch.randn(2, 5), "net")


def test_a_number_of_the_batch_beside_an_answer_for_each_sample_is_taken():
    """As the loss that balances experts, which many networks return beside their answer."""

    class Beside(nn.Module):
        def forward(self, x):
            return x * 2, x.new_ones(3)

    assert capture(Beside(), torch.randn(2, 5)).answers == ("0", "1")
