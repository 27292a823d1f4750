"""Finished plans: nearer to the float network, biases by hand, and odd calibration data."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from measured import plan_for
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.errors import DataError
from autosplit.finish.effort import EFFORTS, Recovery
from autosplit.finish.layerwise import _Walk, recover
from autosplit.finish.side_by_side import SideBySide
from autosplit.grid.grid import Unquantized
from autosplit.halves.deployed import deploy
from autosplit.quantize.affine import fake_quantize

WORKING = {name: replace(found, steps=20) for name, found in EFFORTS.items() if name != "none"}
IMAGES = torch.randn(200, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def network(seed=0):
    torch.manual_seed(seed)
    return Net(
        lambda net, x: net.fc(torch.relu(net.b(torch.relu(net.a(x)))).flatten(1)),
        a=nn.Conv2d(3, 8, 3, padding=1, bias=False),
        b=nn.Conv2d(8, 8, 3, stride=2, groups=2),
        fc=nn.Linear(72, 10),
    )


def error(program, file, net):
    """Squared error of the answers on other images, relative to their square."""
    fresh = torch.randn(200, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        want = net(fresh)
    (got,), _ = deploy(program, file)(fresh)
    return float((got - want).square().sum() / want.square().sum())


@pytest.fixture(scope="module")
def captured():
    net = network()
    return net, capture(net, (IMAGES[:1],), "net")


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_good_is_nearer_to_the_float_network_than_none(captured, bits):
    net, program = captured
    file = plan_for(program, IMAGES, bits)
    good = recover(program, file, lambda: iter([IMAGES]), EFFORTS["good"])

    assert error(program, good, net) < 0.8 * error(program, file, net)


@pytest.mark.parametrize("effort", WORKING)
def test_every_effort_gives_codes_and_biases_for_every_layer(captured, effort):
    _, program = captured
    told = []
    file = recover(
        program,
        plan_for(program, IMAGES, 3),
        lambda: iter(IMAGES.split(16)),
        WORKING[effort],
        told.append,
    )

    assert told == [1, 1, 1]
    assert set(file.codes) == set(file.biases) == {"a", "b", "fc"}
    for name, codes in file.codes.items():
        assert codes.dtype == np.uint8
        assert codes.max() < 8
        assert codes.shape == tuple(program.weight(name).shape)
    assert len(file.biases["a"]) == 8  # a layer that had none


def test_rounding_to_the_nearest_without_bias_changes_no_answer(captured):
    _, program = captured
    file = plan_for(program, IMAGES, 3)
    same = recover(program, file, lambda: iter([IMAGES]), Recovery("nearest", bias=False))

    (want,), _ = deploy(program, file)(IMAGES)
    (got,), _ = deploy(program, same)(IMAGES)
    assert torch.equal(got, want)


def test_a_bias_takes_up_the_mean_of_the_weights_error():
    """One linear layer: the bias gains (W - Q) E[x]."""
    torch.manual_seed(0)
    net = Net(lambda net, x: net.fc(x), fc=nn.Linear(6, 4))
    images = torch.rand(50, 6) + 1
    program = capture(net, (images[:1],))
    file = plan_for(program, images, 2)
    fast = recover(program, file, lambda: iter([images]), EFFORTS["fast"])
    scale = torch.tensor(fast.weights["fc"].scale)[:, None]
    zero = torch.tensor(fast.weights["fc"].zero_point)[:, None]
    rounded = (torch.from_numpy(fast.codes["fc"]).float() - zero) * scale

    with torch.no_grad():
        want = net.fc.bias + (net.fc.weight - rounded) @ images.mean(0)
    np.testing.assert_allclose(fast.biases["fc"], want.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("effort", ["fast", "good"])
def test_the_bias_of_a_convolution_takes_up_the_mean_error_of_each_channel(effort):
    """As many rows and columns as channels: a mean over another axis would have the same shape."""
    torch.manual_seed(0)
    net = Net(lambda net, x: net.a(x), a=nn.Conv2d(2, 6, 3))
    images = torch.rand(20, 2, 8, 8) * torch.linspace(0, 3, 8) + 1
    program = capture(net, (images[:1],))
    file = plan_for(program, images, 2)
    done = recover(program, file, lambda: iter([images]), EFFORTS[effort])
    (want,) = program.run((images,))
    means = [
        (deploy(program, each)(images)[0][0] - want).mean((0, 2, 3)).abs().max()
        for each in (file, done)
    ]

    assert float(means[1]) < 0.1 * float(means[0])


def test_layers_in_the_cloud_are_left_alone(captured):
    _, program = captured
    file = recover(
        program, plan_for(program, IMAGES, 3, count=1), lambda: iter([IMAGES]), EFFORTS["good"]
    )

    assert set(file.codes) == {"a"}


@pytest.mark.parametrize("effort", ["fast", "good", "best"])
@pytest.mark.parametrize("shared_bias", [False, True])
def test_layers_that_share_a_weight_keep_their_biases(effort, shared_bias):
    torch.manual_seed(0)
    net = Net(lambda net, x: net.b(net.a(x).relu()), a=nn.Linear(6, 6), b=nn.Linear(6, 6))
    net.b.weight = net.a.weight
    if shared_bias:
        net.b.bias = net.a.bias
    images = torch.randn(200, 6)
    program = capture(net, (images[:1],))
    file = plan_for(program, images, 8)
    done = recover(program, file, lambda: iter([images]), WORKING[effort])
    with torch.no_grad():
        want = net(images)
    (got,), _ = deploy(program, done)(images)

    assert float((got - want).square().mean() / want.square().mean()) < 1e-3
    assert set(done.biases) == ({"a"} if shared_bias else set())


@pytest.mark.parametrize("tied", [False, True])
def test_a_weight_that_layers_share_is_not_bent_to_the_inputs_of_the_first(tied):
    """Its integers are those of no propagation (QEP's alpha 0); without sharing they are not."""
    torch.manual_seed(0)
    net = Net(
        lambda net, x: net.c(net.b(net.a(x).relu()).relu()),
        a=nn.Linear(6, 6),
        b=nn.Linear(6, 6),
        c=nn.Linear(6, 6),
    )
    if tied:
        net.c.weight = net.b.weight
    images = torch.rand(200, 6)
    program = capture(net, (images[:1],))
    file = plan_for(program, images, 3, 2)
    recovery = EFFORTS["good"]
    found, plain = (
        recover(program, file, lambda: iter([images]), each).codes["b"]
        for each in (recovery, replace(recovery, propagation=0.0))
    )

    assert np.array_equal(found, plain) is tied


@pytest.mark.parametrize("bits", [2, 5])
def test_the_quantized_network_that_is_followed_is_the_one_that_is_deployed(bits):
    """A layer that is called twice counts twice."""
    torch.manual_seed(0)
    net = Net(
        lambda net, x: net.fc(net.a(net.a(x).relu()).relu()), a=nn.Linear(6, 6), fc=nn.Linear(6, 4)
    )
    images = torch.rand(200, 6)
    program = capture(net, (images[:1],))
    file = plan_for(program, images, bits)
    both = SideBySide(program, file.activations, [(images,)], follow=True)
    with torch.no_grad():
        done = _Walk(both, file, EFFORTS["good"]).run(lambda _: None)
    (node,) = (node for node in both.rough if program.nodes["fc"] == node.name)
    followed = fake_quantize(both.rough[node][0], done.activations["fc"])
    (got,), _ = deploy(program, done)(images)

    off = (followed - got).abs().mean()  # a tie may be rounded the other way
    assert float(off) < 0.05 * done.activations["fc"].scale[0]


@pytest.mark.parametrize("effort", ["good", "best"])
def test_without_bias_correction_the_outputs_come_nearer_all_the_same(effort):
    """Inputs far from zero: what no bias takes up must not be left out of the error."""
    torch.manual_seed(0)
    net = Net(lambda net, x: net.fc(x), fc=nn.Linear(16, 8))
    images = torch.rand(300, 16) + 1
    program = capture(net, (images[:1],))
    file = plan_for(program, images, 3)
    done = recover(program, file, lambda: iter([images]), replace(WORKING[effort], bias=False))
    fresh = torch.rand(300, 16) + 1
    with torch.no_grad():
        want = net(fresh)
    errors = [float((deploy(program, f)(fresh)[0][0] - want).square().mean()) for f in (done, file)]

    assert not done.biases
    assert errors[0] < 0.5 * errors[1]


class TestOddData:
    @pytest.mark.parametrize("effort", WORKING)
    @pytest.mark.parametrize(
        "images",
        [IMAGES[:1], torch.zeros(4, 3, 8, 8), torch.full((4, 3, 8, 8), 2.0)],
        ids=["one image", "zeros", "constant"],
    )
    def test_poor_calibration_data_gives_finite_answers(self, captured, images, effort):
        _, program = captured
        file = plan_for(program, images, 4)
        done = recover(program, file, lambda: iter([images]), WORKING[effort])
        (got,), _ = deploy(program, done)(IMAGES)

        assert got.isfinite().all()

    @pytest.mark.parametrize("effort", WORKING)
    def test_dead_channels_and_weights_give_finite_answers(self, effort):
        net = network()
        with torch.no_grad():
            net.a.weight[2] = 0
            net.b.weight.zero_()
            net.b.bias[1] = 3
        program = capture(net, (IMAGES[:1],))
        file = plan_for(program, IMAGES, 4)
        done = recover(program, file, lambda: iter([IMAGES]), WORKING[effort])

        assert error(program, done, net) < 0.01

    @pytest.mark.parametrize("effort", WORKING)
    def test_one_huge_outlier_gives_finite_answers(self, captured, effort):
        _, program = captured
        images = IMAGES.clone()
        images[0, 0, 0, 0] = 1e6
        file = plan_for(program, images, 4)
        done = recover(program, file, lambda: iter([images]), WORKING[effort])
        (got,), _ = deploy(program, done)(IMAGES)

        assert got.isfinite().all()

    @pytest.mark.parametrize("effort", WORKING)
    @pytest.mark.parametrize("power", [-90, -73, 60, 90])
    def test_the_unit_of_the_images_does_not_matter(self, captured, effort, power, denormals):
        """Images and biases times a power of two: the same codes, the biases times as much."""
        _, program = captured
        file = plan_for(program, IMAGES, 3)
        want = recover(program, file, lambda: iter([IMAGES]), WORKING[effort])
        net, unit = network(), 2.0**power
        with torch.no_grad():
            net.b.bias *= unit
            net.fc.bias *= unit
        grids = {n: replace(q, scale=(q.scale[0] * unit,)) for n, q in file.activations.items()}
        file = replace(file, activations=grids)
        program = capture(net, (IMAGES[:1],))
        got = recover(program, file, lambda: iter([IMAGES * unit]), WORKING[effort])

        for name, codes in want.codes.items():
            assert np.array_equal(got.codes[name], codes)
            np.testing.assert_allclose(got.biases[name] / unit, want.biases[name], rtol=1e-5)

    @pytest.mark.parametrize("power", [-110, -73, 60])
    @pytest.mark.parametrize("groups", [1, 4])
    def test_images_far_smaller_than_the_bias_are_rounded_for_all_the_same(
        self, groups, power, denormals
    ):
        """Second moments of inputs of 1e-22 beside a bias of 0.1 are no normal numbers."""
        torch.manual_seed(0)
        net = Net(lambda net, x: net.a(x), a=nn.Conv2d(4, 8, 3, groups=groups))
        images = torch.randn(40, 4, 6, 6) @ torch.randn(6, 6)
        program = capture(net, (images[:1],))
        file = plan_for(program, images, 3)
        want = recover(program, file, lambda: iter([images]), EFFORTS["good"])
        unit = 2.0**power
        grid = file.activations["x"]
        grids = {**file.activations, "x": replace(grid, scale=grid.scale * np.float32(unit))}
        file = replace(file, activations=grids)
        got = recover(program, file, lambda: iter([images * unit]), EFFORTS["good"])

        assert np.array_equal(got.codes["a"], want.codes["a"])

    @pytest.mark.parametrize("effort", ["fast", "good"])
    @pytest.mark.parametrize("power", [-73, 60])
    def test_the_unit_of_the_weights_does_not_matter(self, effort, power, denormals):
        torch.manual_seed(0)
        net = Net(lambda net, x: net.a(x), a=nn.Linear(12, 6))
        images = torch.randn(300, 12) @ torch.randn(12, 12) + 1
        found = []
        for unit in (1.0, 2.0**power):
            with torch.no_grad():
                net.a.weight *= unit
                net.a.bias *= unit
            program = capture(net, (images[:1],))
            file = plan_for(program, images, 3)
            found.append(recover(program, file, lambda: iter([images]), EFFORTS[effort]))
        one, two = found

        assert np.array_equal(one.codes["a"], two.codes["a"])
        np.testing.assert_allclose(two.biases["a"] / unit, one.biases["a"], rtol=1e-5)
        np.testing.assert_allclose(two.weights["a"].scale, one.weights["a"].scale * unit)

    @pytest.mark.parametrize("effort", WORKING)
    def test_what_overflows_when_it_is_quantized_keeps_its_bias(self, effort):
        """At one bit both weights are 3e38, and their sum is no number; that of means is one.

        The means of the inputs are 1 and 2/3, and the second weight gained 1e38.
        """
        net = Net(lambda net, x: net.b(net.a(x)), a=nn.Linear(2, 2), b=nn.Linear(2, 2))
        with torch.no_grad():
            net.a.weight.copy_(torch.tensor([[3e38, 2e38], [1.0, 2.0]]))
        images = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, 0.0]])
        program = capture(net, (images[:1],))
        file = plan_for(program, images, 1)
        grid = replace(file.weights["a"], scale=(3e38, 1.0), zero_point=(0, 0))
        activations = dict(file.activations) | {"x": replace(file.activations["x"], scale=(1.0,))}
        activations["x"] = replace(activations["x"], zero_point=(2,))
        file = replace(file, weights=dict(file.weights) | {"a": grid}, activations=activations)
        images = images.abs()
        done = recover(program, file, lambda: iter([images]), WORKING[effort])

        kept = -1e38 * 2 / 3 if effort == "fast" else net.a.bias[0].item()
        assert done.biases["a"][0] == pytest.approx(kept, rel=1e-6)
        assert all(np.isfinite(bias).all() for bias in done.biases.values())

    def test_no_calibration_sample_is_refused(self, captured):
        _, program = captured

        with pytest.raises(DataError, match="calibration data: must have at least one sample"):
            recover(program, plan_for(program, IMAGES, 4), lambda: iter([]), EFFORTS["fast"])

    def test_float_weights_stay(self, captured):
        _, program = captured
        file = plan_for(program, IMAGES, 4)
        floats = dict.fromkeys(file.weights, Unquantized(16))
        done = recover(
            program, replace(file, weights=floats), lambda: iter([IMAGES]), EFFORTS["good"]
        )

        assert done.codes == {}


@pytest.mark.parametrize("effort", WORKING)
def test_plans_can_be_finished_in_threads(effort, monkeypatch):
    """A captured tensor's stand-in is shared; computing with it fails while another thread does."""
    program = capture(network(), (IMAGES[:1],), "net")
    file = plan_for(program, IMAGES, 3)
    shared = next(node.meta["val"].fake_mode for node in program.module.graph.nodes)
    monkeypatch.setattr(shared, "in_kernel_invocation", True)

    assert deploy(program, recover(program, file, lambda: iter([IMAGES]), WORKING[effort]))
