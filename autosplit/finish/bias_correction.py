"""Bias correction: the mean error of each output channel goes into the bias.

Nagel et al. 2019 ("Data-Free Quantization Through Weight Equalization and Bias Correction",
section 4.2), with means over calibration samples in place of means from batch norms.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, fx

from autosplit.capture.im2col import is_plain
from autosplit.capture.operators import arguments, is_call


def channels_of(node: fx.Node) -> int:
    """Axis of a layer's output that counts its channels."""
    return -1 if is_call(node, "linear") else 1


def can_be_corrected(node: fx.Node, readers: Sequence[fx.Node]) -> bool:
    """Whether a layer's bias can be corrected: all readers share it, and its channels are known.

    Args:
        node: Operator of the layer.
        readers: All operators that read its weight.
    """
    biases = {arguments(reader).get("bias") for reader in readers}
    names = {bias and str(bias.target) for bias in biases}
    return len(names) == 1 and (is_plain(node) or is_call(node, "conv1d", "conv3d"))


def mean_output_error(node: fx.Node, exact: Sequence[Tensor], rough: Sequence[Tensor]) -> Tensor:
    """Mean over samples and places of the float output minus the quantized one, shape (C,).

    Args:
        node: Operator of the layer.
        exact: Outputs of the layer in the float network, each (n, ...).
        rough: Outputs of the layer in the quantized network, of the same shapes.
    """
    axis = channels_of(node)
    pairs = zip(exact, rough, strict=True)
    errors = [(x - y).movedim(axis, 0).flatten(1) for x, y in pairs]
    total = torch.stack([error.double().sum(1) for error in errors]).sum(0)
    return (total / sum(error.shape[1] for error in errors)).float()


def mean_weight_error(node: fx.Node, error: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """Mean output of the weight's error alone on the inputs, E[(W - Q) x], shape (C,).

    Args:
        node: Operator of the layer.
        error: Float weight minus quantized weight, of the weight's shape.
        inputs: Inputs of the layer in the float network, each (n, ...), of one shape but for n.
    """
    call = {**arguments(node), "input": mean_sample(inputs), "weight": error, "bias": None}
    output: Tensor = node.target(**call)  # type: ignore[operator]
    return output.movedim(channels_of(node), 0).flatten(1).mean(1)


def mean_sample(batches: Sequence[Tensor]) -> Tensor:
    """Mean of all samples, as a batch of one: what is linear in its input is so in the mean.

    Args:
        batches: Each (n, ...), of one shape but for n.
    """
    total = torch.stack([batch.sum(0, keepdim=True).double() for batch in batches]).sum(0)
    return (total / sum(map(len, batches))).to(batches[0].dtype)
