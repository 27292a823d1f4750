"""Means of errors by channel, against numpy on all samples together."""

import numpy as np
import pytest
import torch
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.operators import weight_argument
from autosplit.finish.bias_correction import (
    can_be_corrected,
    channels_of,
    mean_output_error,
    mean_sample,
    mean_weight_error,
)

LAYERS = {
    # layer -> its input without the batch, axis of the channels in its output
    "linear": (nn.Linear(5, 5), (7, 5), -1),
    "1-d": (nn.Conv1d(3, 6, 3), (3, 8), 1),
    "2-d": (nn.Conv2d(3, 6, 3), (3, 8, 8), 1),
    "grouped": (nn.Conv2d(4, 6, 3, groups=2, stride=2), (4, 9, 9), 1),
    "3-d": (nn.Conv3d(2, 4, 3), (2, 6, 6, 6), 1),
}


def node_of(layer, shape):
    """The operator of a network of one layer."""
    program = capture(Net(lambda net, x: net.a(x), a=layer), (torch.zeros(1, *shape),))
    return next(n for n in program.module.graph.nodes if weight_argument(n) is not None)


@pytest.fixture(params=LAYERS)
def layer(request):
    torch.manual_seed(0)
    module, shape, axis = LAYERS[request.param]
    return module, shape, axis, node_of(module, shape)


def test_the_axis_of_the_channels_is_that_of_the_bias(layer):
    """A bias of 1, 2, 3 ... adds 1, 2, 3 ... along this axis alone."""
    module, shape, axis, node = layer
    x = torch.rand(2, *shape)
    bias = torch.arange(1.0, len(module.weight) + 1)
    with torch.no_grad():
        plain = module(x)
        module.bias += bias
        moved = module(x) - plain
        module.bias -= bias

    assert channels_of(node) == axis
    assert torch.allclose(
        moved.movedim(axis, -1), bias.expand_as(moved.movedim(axis, -1)), atol=1e-4
    )


def test_the_error_of_outputs_is_averaged_over_all_samples_and_places(layer):
    """Batches of 3 and 1 samples: the mean is over samples, not over batches."""
    module, shape, axis, node = layer
    with torch.no_grad():
        exact = [module(torch.rand(n, *shape)) for n in (3, 1)]
    rough = [x + torch.rand(x.shape) * torch.arange(x.shape[-1]) for x in exact]
    difference = np.concatenate([(x - y).numpy() for x, y in zip(exact, rough, strict=True)])
    others = tuple(i for i in range(difference.ndim) if i != axis % difference.ndim)

    found = mean_output_error(node, exact, rough)
    np.testing.assert_allclose(found, difference.mean(others), rtol=1e-4, atol=1e-5)


def test_the_error_of_a_weight_is_what_it_does_to_the_mean_sample(layer):
    module, shape, axis, node = layer
    inputs = [torch.rand(n, *shape) for n in (3, 1)]
    error = torch.randn(module.weight.shape)
    with torch.no_grad():
        module.weight.copy_(error)
        module.bias.zero_()
        output = module(torch.cat(inputs)).numpy()
    others = tuple(i for i in range(output.ndim) if i != axis % output.ndim)

    found = mean_weight_error(node, error, inputs)
    np.testing.assert_allclose(found, output.mean(others), rtol=1e-4, atol=1e-5)


def test_the_mean_sample_counts_each_sample_once():
    batches = [torch.tensor([[1.0, 10.0], [2.0, 20.0]]), torch.tensor([[6.0, 0.0]])]

    assert mean_sample(batches).tolist() == [[3.0, 10.0]]


def test_readers_of_a_weight_with_biases_of_their_own_are_not_corrected():
    """One bias for both readers can be corrected, a bias for each cannot."""
    for shared in (True, False):
        net = Net(lambda net, x: net.b(net.a(x).relu()), a=nn.Linear(4, 4), b=nn.Linear(4, 4))
        net.b.weight = net.a.weight
        if shared:
            net.b.bias = net.a.bias
        program = capture(net, (torch.zeros(1, 4),))
        readers = [n for n in program.module.graph.nodes if weight_argument(n) is not None]

        assert len(readers) == 2
        assert can_be_corrected(readers[0], readers) is shared


def test_a_transposed_convolution_is_not_corrected():
    node = node_of(nn.ConvTranspose2d(3, 4, 3), (3, 5, 5))

    assert not can_be_corrected(node, [node])
