"""A program: its inputs, its steps, its digest and what its first norm learned."""

from dataclasses import replace

import pytest
import torch
from captures import IMAGE, conv, program_of
from nets import (
    Net,
    TwoInputs,
)
from torch import nn

from autosplit.capture.capture import capture
from autosplit.errors import DataError


def test_a_batch_goes_in_steps_whose_largest_tensor_is_twenty_megabytes():
    program = program_of(Net(lambda net, x: net.a(x), a=conv()))
    largest = max(map(program.graph.elements, program.graph.tensors))
    batch = torch.arange(3.0) + 10

    assert program.step == 5_000_000 // largest
    assert [len(x) for (x,) in replace(program, batch_size=2).steps(batch)] == [2, 1]
    assert [x.tolist() for (x,) in program.steps([batch])] == [[10, 11, 12]]


X = torch.zeros(2, 3, 8, 8)


WRONG = {
    "another number of channels": (
        (X[:, :1],),
        "x: a sample must have the shape 3x8x8 that net .*1x8x8",
    ),
    "another size": ((X[..., 1:],), r"x: .* the shape 3x8x8 .* got 3x8x7; see --input-size$"),
    "one dimension less": ((X[0],), r"x: a sample must have .*, got 8x8; see"),
    "one dimension more": ((X[None],), r"x: a sample must have .*, got 2x3x8x8; see"),
    "a number": ((torch.tensor(1.0),), r"x: a sample must have .*, got a number; see"),
    "whole numbers": (
        (X.byte(),),
        r"x: must be a tensor of the type float32 that net .* got uint8$",
    ),
    "half precision": ((X.half(),), r"x: must be a tensor of the type float32 .* got float16$"),
    "double precision": ((X.double(),), r"x: must be a tensor of the type float32 .* got float64$"),
    "no tensor": (("x",), r"x: must be a tensor of the type float32 .* got str$"),
    "two inputs": ((X, X), r"inputs: must be the 1 that net was captured with \(x\), got 2$"),
    "none": ((), r"inputs: must be the 1 that net was captured with \(x\), got 0$"),
    "no sample": ((X[:0],), r"x: must have at least one sample, got none$"),
}


@pytest.fixture(scope="module")
def one_layer():
    return program_of(Net(lambda net, x: net.a(x), a=conv()))


@pytest.mark.parametrize("case", WRONG)
def test_other_inputs_than_those_it_was_captured_with_are_one_line(one_layer, case):
    inputs, expected = WRONG[case]
    with pytest.raises(DataError, match=f"^{expected}") as error:
        one_layer.run(inputs)
    assert "\n" not in str(error.value)


def test_of_several_inputs_the_wrong_one_is_named():
    program = program_of(TwoInputs(lambda net, x, y: net.a(x) + y, a=conv()), IMAGE, IMAGE)
    with pytest.raises(DataError, match=r"^y: .* got 3x8x7"):
        program.run((X, X[..., 1:]))
    with pytest.raises(DataError, match=r"^inputs: must be the 2 .* \(x, y\), got 1"):
        program.run((X,))


def trained(layer, norm, shape, unit=1.0):
    """A layer and its norm, trained on images of one deviation; and such images."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        images = torch.randn(400, *shape) * unit
        network = Net(lambda net, x: net.norm(net.layer(x)), layer=layer, norm=norm)
        norm.momentum = None
        network.train()(images)
    return network.eval(), images


def ratio_of(program, images):
    found, learned = program.deviations((images,))
    return found / learned


NORMS = {
    "folded into a convolution": (conv(4), nn.BatchNorm2d(4), (3, 8, 8)),
    "folded into a linear layer": (nn.Linear(6, 5), nn.BatchNorm1d(5), (6,)),
    "first in the network": (nn.Identity(), nn.BatchNorm2d(3), (3, 8, 8)),
    "without scale and shift": (conv(4), nn.BatchNorm2d(4, affine=False), (3, 8, 8)),
    "with a large epsilon": (conv(4), nn.BatchNorm2d(4, eps=2.0), (3, 8, 8)),
}


@pytest.mark.parametrize("case", NORMS)
@pytest.mark.parametrize("factor", [0.1, 1.0, 255.0])
def test_the_first_norm_sees_the_factor_by_which_images_are_scaled(case, factor):
    network, images = trained(*NORMS[case])
    if network.norm.affine:
        with torch.no_grad():
            network.norm.weight.copy_(torch.linspace(-5, -2, len(network.norm.weight)))
    program = capture(network, (images[:1],))

    assert ratio_of(program, images * factor) == pytest.approx(factor, rel=0.02)


def test_both_deviations_are_those_of_what_the_norm_writes():
    """Channels of 1, 2 and 3 times what was learned, which the norm's scale makes 5, 6 and 7."""
    network = Net(lambda net, x: net.norm(x), norm=nn.BatchNorm2d(3, eps=0.0))
    with torch.no_grad():
        network.norm.weight.copy_(torch.tensor([5.0, 6.0, 7.0]))
        network.norm.running_var.fill_(4.0)
    signs = torch.tensor([-1.0, 1.0]).repeat(8).view(1, 1, 4, 4)
    images = signs * torch.tensor([2.0, 4.0, 6.0]).view(1, 3, 1, 1)
    program = capture(network, (images,))

    assert program.deviations((images,)) == (pytest.approx(12), pytest.approx(6))


def test_of_several_norms_the_first_counts():
    network, images = trained(conv(3), nn.BatchNorm2d(3), (3, 8, 8))
    second = nn.BatchNorm2d(3)
    second.running_var.fill_(100.0)
    both = Net(lambda net, x: net.second(torch.relu(net.first(x))), first=network, second=second)
    program = capture(both, (images[:1],))

    assert ratio_of(program, images) == pytest.approx(1, rel=0.02)


def test_channels_that_are_switched_off_do_not_count():
    """Three of four channels learned to be constant."""
    network, images = trained(conv(4), nn.BatchNorm2d(4), (3, 8, 8))
    with torch.no_grad():
        network.norm.weight.copy_(torch.tensor([1e-6, 1.0, 0.0, -1e-5]))
    program = capture(network, (images[:1],))

    assert ratio_of(program, images * 3) == pytest.approx(3, rel=0.02)
    network.norm.weight.data.zero_()
    assert capture(network, (images[:1],)).deviations((images,)) is None


@pytest.mark.filterwarnings("ignore:.*samples are run one at a time")
@pytest.mark.parametrize(
    "norm",
    [nn.BatchNorm2d(4), nn.BatchNorm2d(4, track_running_stats=False), nn.GroupNorm(2, 4)],
    ids=["not trained", "of the batch", "of the sample"],
)
def test_a_norm_that_learned_nothing_says_nothing(norm):
    network = Net(lambda net, x: net.norm(net.layer(x)), layer=conv(4), norm=norm)

    assert program_of(network).deviations((torch.ones(IMAGE),)) is None


def test_weights_have_a_digest_that_every_bit_changes():
    network = Net(lambda net, x: net.b(net.a(x)), a=conv(), b=conv(4))
    first = program_of(network).weights_sha256

    assert program_of(network).weights_sha256 == first
    for tensor in network.state_dict().values():
        last = tensor.view(-1)[-1:]
        before = last.clone()
        last.copy_(torch.nextafter(before, torch.tensor(torch.inf)))
        assert program_of(network).weights_sha256 != first
        last.copy_(before)


@pytest.mark.parametrize("value", [True, 3, 0.5], ids=repr)
def test_a_constant_of_any_type_counts_in_the_digest(value):
    network = Net(lambda net, x: net.a(x) + torch.where(net.flag != 0, x, 0), a=conv())
    digests = []
    for flag in (value, 0 * value):
        network.register_buffer("flag", torch.tensor(flag))
        digests.append(program_of(network).weights_sha256)

    assert digests[0] != digests[1]


def test_a_sequence_of_another_length_is_asked_for_its_batch_axis():
    program = program_of(Net(lambda net, x: net.a(x), a=nn.Linear(5, 2)), (9, 3, 5))

    with pytest.raises(DataError, match="if the batch is another axis, say which: the third value"):
        program.run((torch.randn(9, 8, 5),))
