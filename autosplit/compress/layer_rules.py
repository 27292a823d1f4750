"""What layers with parameters do to channels: convolutions, linear layers, batch norms."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import fx

from autosplit.capture.operators import arguments, operator_name
from autosplit.compress.units import ChannelLabel
from autosplit.compress.walk import Walk, shape_of


def convolution_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """Label of what a convolution writes, forwards or transposed.

    A convolution in groups sums over the channels of each group, so that the channels at one place
    of every group go together.  A depthwise one keeps its channels apart.
    """
    call = arguments(node)
    weight, x = call["weight"], call["input"]
    transposed = "transpose" in operator_name(node) or bool(call.get("transposed"))
    if weight.op != "get_attr":
        walk.freeze_all(node, "is read by a convolution whose weight is computed")
        return None
    shape, rank, groups = shape_of(weight), len(shape_of(x)), int(call["groups"])
    axis = rank - len(shape) + 1
    read = walk.along(walk.label(x), axis, node)
    ins, outs = (0, 1) if transposed else (1, 0)
    channels_in = shape[0] if transposed else shape[1] * groups
    channels_out = shape[1] * groups if transposed else shape[0]
    if groups == 1:
        if read is not None:
            walk.slot(weight, ins, read, "read", node)
        written = walk.ties.fresh((channels_out,))
    elif groups == channels_in:
        if read is None or (transposed and channels_out != channels_in):
            walk.freeze(read, node, "is read by a transposed convolution in groups")
            return None
        written = np.repeat(read, channels_out // channels_in)
        walk.slot(weight, 0, written, "along", node)
        walk.slot(call["bias"], 0, written, "along", node)
        return _placed(written, rank, axis)
    elif transposed:
        walk.freeze(read, node, "is read by a transposed convolution in groups")
        return None
    else:
        if read is not None:
            each = walk.ties.tie_along(read.reshape(groups, -1), 0)
            walk.slot(weight, ins, each, "read", node)
        written = np.tile(walk.ties.fresh((channels_out // groups,)), groups)
    walk.slot(weight, outs, written, "write", node)
    walk.slot(call["bias"], 0, written, "write", node)
    return _placed(written, rank, axis)


def linear_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """Label of what a linear layer writes."""
    call = arguments(node)
    weight, rank = call["weight"], len(shape_of(call["input"]))
    if weight.op != "get_attr":
        walk.freeze_all(node, "is read by a linear layer whose weight is computed")
        return None
    read = walk.along(walk.label(call["input"]), rank - 1, node)
    if read is not None:
        walk.slot(weight, 1, read, "read", node)
    written = walk.ties.fresh((shape_of(weight)[0],))
    walk.slot(weight, 0, written, "write", node)
    walk.slot(call["bias"], 0, written, "write", node)
    return _placed(written, rank, rank - 1)


def batch_norm_rule(walk: Walk, node: fx.Node) -> Any:
    """Label of what a batch norm writes: that of what it reads."""
    call = arguments(node)
    label = walk.label(call["input"])
    found = walk.along(label, 1, node)
    if found is not None:
        for name in ("weight", "bias", "running_mean", "running_var"):
            walk.slot(call.get(name), 0, found, "along", node)
        label = _placed(found, len(shape_of(call["input"])), 1)
    else:
        label = None
    return [label, None, None] if isinstance(node.meta["val"], tuple | list) else label


def _placed(channels: ChannelLabel, rank: int, axis: int) -> ChannelLabel:
    """Numbers along one axis of a tensor."""
    shape = [1] * rank
    shape[axis] = -1
    return channels.reshape(shape)


LAYER_RULES = {
    **dict.fromkeys(
        (
            "conv1d",
            "conv2d",
            "conv3d",
            "convolution",
            "conv_transpose1d",
            "conv_transpose2d",
            "conv_transpose3d",
        ),
        convolution_rule,
    ),
    "linear": linear_rule,
    **dict.fromkeys(
        ("batch_norm", "_native_batch_norm_legit_no_training", "native_batch_norm"),
        batch_norm_rule,
    ),
}
"""Operator -> its rule."""
