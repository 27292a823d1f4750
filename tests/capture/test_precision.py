"""A network in half or double precision is captured in float32, whatever it casts inside."""

import copy

import pytest
import torch
from nets import Net, batch_norm, fused, relative_error
from torch import nn
from torch.nn.functional import softmax

from autosplit.capture.capture import capture
from autosplit.errors import CaptureError

TYPES = [torch.float16, torch.bfloat16, torch.float64]


def network():
    """Convolutions, a norm with statistics of its own, attention and a linear layer."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 1.5)
    return Net(
        lambda net, x: net.head(net.mix(net.body(x).flatten(2).mT).mean(1)),
        body=nn.Sequential(nn.Conv2d(1, 4, 3), norm, nn.ReLU(), nn.Conv2d(4, 8, 3)),
        mix=nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        head=nn.Linear(8, 5),
    )


def images(count=3, seed=1):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def types_of(program):
    values = [*program.module.state_dict().values()]
    values += [node.meta["val"] for node in program.module.graph.nodes if "val" in node.meta]
    return {value.dtype for value in values if isinstance(value, torch.Tensor)}


@pytest.mark.parametrize(
    ("dtype", "same"), [(torch.float16, True), *((dtype, False) for dtype in TYPES)], ids=str
)
def test_it_is_the_program_of_the_network_in_float32(dtype, same):
    net = network().to(dtype)
    wide = copy.deepcopy(net).float()
    example = images(1).to(dtype) if same else images(1)

    got, want = capture(net, (example,)), capture(wide, (images(1),))

    assert got.cast_from == (str(dtype).removeprefix("torch."),)
    assert want.cast_from == ()
    assert got.graph == want.graph
    assert types_of(got) == {torch.float32}
    with torch.no_grad():
        assert relative_error(got.run((images(),))[0], wide(images())) < 1e-6


def test_the_module_is_left_as_it_was():
    net = network().half()
    before = {name: value.clone() for name, value in net.state_dict().items()}

    capture(net, (images(1),))

    after = net.state_dict()
    assert all(after[name].dtype == value.dtype for name, value in before.items())
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=str)
def test_a_saved_program_is_converted_too(dtype):
    net = network().to(dtype)
    saved = torch.export.export(net, (images(1).to(dtype),), strict=False)
    got = capture(saved, (images(1).to(dtype),))

    assert got.cast_from == (str(dtype).removeprefix("torch."),)
    with torch.no_grad():
        want = copy.deepcopy(net).float()(images(1))
    assert relative_error(got.run((images(1),))[0], want) < 1e-6


def autocast(net, x):
    with torch.autocast("cpu", torch.bfloat16):
        return net.body(x)


def in_place(net, x):
    y = x.half()
    y.mul_(2)
    return net.body(y) + net.body(x.half())


def with_constants(net, x):
    zeros = torch.zeros(len(x), 6, 6, 4, dtype=torch.float16)
    y = softmax(net.body(x.half()), 1, dtype=torch.float32).half()
    return (y.permute(0, 2, 3, 1) + zeros).type_as(x)


def body():
    torch.manual_seed(2)
    return nn.Conv2d(1, 4, 3)


CASTS = {
    "into half and back": (lambda net, x: net.body(x.half()).float(), body().half(), None),
    "autocast": (autocast, body(), lambda net, x: net.body(x)),
    "half parameters, casts in place": (
        in_place,
        body().half(),
        lambda net, x: net.body(2 * x) + net.body(x),
    ),
    "softmax, constants and type_as": (
        with_constants,
        body().half(),
        lambda net, x: softmax(net.body(x), 1).permute(0, 2, 3, 1),
    ),
    "half of the layers": (
        lambda net, x: net.body(net.first(x).half()).float(),
        body().half(),
        lambda net, x: net.body(net.first(x)),
    ),
    "through float8": (lambda net, x: net.body(x.to(torch.float8_e4m3fn).float()), body(), None),
}


@pytest.mark.parametrize("name", CASTS)
def test_casts_inside_become_float32(name):
    function, layer, plain = CASTS[name]
    first = nn.Conv2d(1, 1, 1)
    net = Net(function, body=copy.deepcopy(layer), first=first)
    wide = Net(
        plain or (lambda net, x: net.body(x)), body=copy.deepcopy(layer).float(), first=first
    )
    got = capture(net, (images(1),))

    assert got.cast_from
    assert types_of(got) == {torch.float32}
    with torch.no_grad():
        assert relative_error(got.run((images(),))[0], wide(images())) < 1e-6


def test_casts_leave_no_layer_behind():
    cast = capture(Net(lambda net, x: net.body(x.half()).float(), body=body().half()), (images(1),))

    assert fused(cast) == ["body=conv2d"]


def test_a_cast_before_a_norm_does_not_keep_it_from_being_folded():
    norm = batch_norm(nn.BatchNorm2d, 4)
    net = Net(lambda net, x: net.norm(net.body(x.half()).float()), body=body().half(), norm=norm)

    assert fused(capture(net, (images(1),))) == ["body=conv2d"]


def test_an_input_in_double_precision_becomes_float32():
    got = capture(Net(lambda net, x: net.body(x.float()), body=body()), (images(1).double(),))

    assert got.cast_from == ("float64",)
    assert got.run((images(),))[0].dtype == torch.float32


def test_a_cast_that_reorders_memory_still_does():
    def function(net, x):
        return net.body(x).to(torch.float32, memory_format=torch.channels_last)

    got = capture(Net(function, body=body().half()), (images(1),))

    assert got.run((images(),))[0].is_contiguous(memory_format=torch.channels_last)


def test_values_that_half_precision_cannot_hold_are_held():
    net = Net(lambda net, x: net.body(x * 1e6), body=body().half())
    with torch.no_grad():
        assert not net(images().half()).isfinite().all()
        want = copy.deepcopy(net).float()(images())

    assert relative_error(capture(net, (images(1),)).run((images(),))[0], want) < 1e-6


def test_double_precision_inside_a_float32_network_stays():
    def function(net, x):
        y = x.double() + 1e9
        return net.body((y - 1e9).float())  # float32 has no bits for this

    net = Net(function, body=body())
    got = capture(net, (images(1),))

    assert got.cast_from == ()
    with torch.no_grad():
        assert torch.equal(got.run((images(),))[0], net(images()))


def test_reading_the_bits_of_a_number_is_refused():
    net = Net(lambda net, x: net.body(x).half().view(torch.int16), body=body())

    with pytest.raises(CaptureError, match=r"^view at .*:\d+: a network in float16 must"):
        capture(net, (images(1),))


def test_types_that_do_not_fit_each_other_are_one_line():
    net = Net(lambda net, x: net.body(x.float()), body=body().half())

    with pytest.raises(CaptureError, match=r"failed at .* should be the same") as error:
        capture(net, (images(1),))

    assert "\n" not in str(error.value)
