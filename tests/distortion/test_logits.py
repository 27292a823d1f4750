"""Which tensors hold logits, in networks whose heads differ."""

import pytest
import torch
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.distortion.logits import logit_tensors


def convolution(out=5, size=1):
    return nn.Conv2d(3, out, size)


def mixed(net, x):
    scores = [net.a(x).mean((2, 3)), net.b(x[:, :, :1, :1]).flatten(1)]
    return torch.cat(scores, 1).softmax(1), net.c(x).tanh().mean((2, 3))


HEADS = {
    "linear": (lambda net, x: net.fc(net.a(x).mean((2, 3))), {"fc"}),
    "softmax": (lambda net, x: net.fc(net.a(x).mean((2, 3))).softmax(1), {"fc", "softmax"}),
    "log_softmax": (lambda net, x: net.fc(net.a(x).mean((2, 3))).log_softmax(1), {"fc", "softmax"}),
    "maps": (lambda net, x: net.a(x), set()),
    "views of maps": (lambda net, x: net.a(x).permute(0, 2, 3, 1).flatten(1), set()),
    "convolution": (lambda net, x: net.a(x[:, :, :1, :1]).flatten(1), {"a"}),
    "mean": (lambda net, x: net.a(net.b(x)[:, :3]).mean((2, 3)), {"a", "reduce"}),
    "rectified": (
        lambda net, x: torch.flatten(nn.functional.adaptive_avg_pool2d(net.a(x).relu(), 1), 1),
        {"a", "avg_pool"},
    ),
    "mean, softmax": (lambda net, x: net.a(x).mean((2, 3)).softmax(1), {"a", "reduce", "softmax"}),
    "sigmoid": (lambda net, x: net.a(x).mean((2, 3)).sigmoid(), {"a", "reduce"}),
    "another layer between": (
        lambda net, x: (net.a(x) + net.b(x)).mean((2, 3)).softmax(1),
        {"reduce", "softmax"},
    ),
    "two heads of maps": (lambda net, x: (net.a(x), net.b(x)), set()),
    "joined": (mixed, {"a", "b", "c", "reduce", "cat", "softmax", "reduce_2"}),
}


@pytest.mark.parametrize("head", HEADS)
def test_logits_are_found_behind_operators_that_keep_their_order(head):
    function, expected = HEADS[head]
    layers = {"a": convolution(), "b": convolution(), "c": convolution(), "fc": nn.Linear(5, 4)}
    program = capture(Net(function, **layers), (torch.zeros(1, 3, 6, 6),))

    assert set(logit_tensors(program.graph)) == expected
