"""What operators without parameters do to channels: they move, join, divide or keep them.

The module is long because it has a rule for every kind of operator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import fx

from autosplit.capture.operators import (
    ACTIVATION_OPERATORS,
    DROPOUTS,
    IDENTITIES,
    KINDS,
    arguments,
)
from autosplit.compress.layer_rules import LAYER_RULES
from autosplit.compress.units import ChannelLabel
from autosplit.compress.walk import Walk, shape_of

ChannelRule = Callable[[Walk, fx.Node], Any]
"""Gives the label of what an operator writes, a list of them for several tensors."""


def elementwise_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """Channels that meet in one element go together."""
    return walk.combined(node.all_input_nodes, node)


def concatenation_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """Channels one after the other; along another axis, channels that meet go together."""
    tensors, axis = node.args[0], _axis(node, 0)
    assert isinstance(tensors, list | tuple)
    labels = [walk.label(one) for one in tensors]
    known = [label for label in labels if label is not None]
    if not known:
        return None
    if all(label.shape[axis] == 1 for label in known):
        return walk.combined(tensors, node)
    pieces = []
    for tensor, label in zip(tensors, labels, strict=True):
        assert isinstance(tensor, fx.Node)
        size = shape_of(tensor)[axis]
        flat = None if label is None else walk.along(label, axis, node)
        if flat is None:
            flat = walk.ties.fresh((size,))
            walk.freeze(flat, node, "stands beside channels in a concatenation")
        pieces.append(flat)
    shape = [1] * len(shape_of(node))
    shape[axis] = -1
    return np.concatenate(pieces).reshape(shape)


def stack_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """Tensors side by side along a new axis: their channels go together."""
    tensors: Any = node.args[0]
    found = walk.combined(tensors, node)
    return None if found is None else np.expand_dims(found, _axis(node, 0))


def division_rule(walk: Walk, node: fx.Node) -> Any:
    """Parts of a tensor: split, chunk, unbind."""
    source: Any = node.args[0]
    label, axis = walk.label(source), _axis(node, 0)
    parts = node.meta["val"]
    if label is None:
        return [None] * len(parts)
    if label.shape[axis] == 1:
        if "unbind" in str(node.target):
            label = label.take([0], axis).squeeze(axis)
        return [label] * len(parts)
    if "unbind" in str(node.target):
        walk.freeze(label, node, "is divided into single channels")
        return [None] * len(parts)
    ends = np.cumsum([part.shape[axis] for part in parts])[:-1]
    return list(np.split(label, ends, axis))


def item_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """One of several tensors."""
    found = walk.labels.get(node.args[0])  # type: ignore[arg-type]
    return found[node.args[1]] if isinstance(found, list) else None  # type: ignore[index]


def slice_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """A range of a tensor along one axis."""
    call = arguments(node)
    label, axis = walk.label(call["self"]), _axis(node, 0)
    if label is None or label.shape[axis] == 1:
        return label
    bounds = slice_bounds(node)
    if bounds is None:
        walk.freeze(label, node, "is sliced in steps or by a number that is computed")
        return None
    return label.take(np.arange(*bounds), axis)


def slice_bounds(node: fx.Node) -> tuple[int, int] | None:
    """First place, and the place after the last, that ``slice`` or ``narrow`` takes."""
    call = arguments(node)
    source, axis = call["self"], _axis(node, 0)
    size = shape_of(source)[axis]
    start = call.get("start") or 0
    end = start + call["length"] if "length" in call else call.get("end")
    end = size if end is None else end
    if not isinstance(start, int) or not isinstance(end, int) or call.get("step", 1) != 1:
        return None
    start = max(start + size, 0) if start < 0 else min(start, size)
    end = max(end + size, 0) if end < 0 else min(end, size)
    return start, end


def select_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """One place along an axis, which then is no axis any more."""
    call = arguments(node)
    label, axis = walk.label(call["self"]), _axis(node, 0)
    if label is None:
        return None
    if label.shape[axis] == label.size > 1:
        walk.freeze(label, node, "is taken one by one")
        return None
    return walk.ties.tie_along(label, axis).squeeze(axis)


def reshape_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """Any reshape: view, flatten, squeeze, unsqueeze."""
    return walk.reshape(node, arguments(node)["self"])


def permutation_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """Axes in another order."""
    call = arguments(node)
    label = walk.label(call["self"])
    if label is None:
        return None
    if "dims" in call:
        return np.transpose(label, call["dims"])
    if "source" in call:
        return np.moveaxis(label, call["source"], call["destination"])
    first, second = call.get("dim0", call.get("axis0", 0)), call.get("dim1", call.get("axis1", 1))
    return np.swapaxes(label, first, second) if label.ndim > 1 else label


def expansion_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """A tensor repeated along axes of length 1."""
    label = walk.label(arguments(node)["self"])
    if label is None:
        return None
    return label.reshape((1,) * (len(shape_of(node)) - label.ndim) + label.shape)


def spatial_rule(walk: Walk, node: fx.Node) -> Any:
    """Pools, upsampling, padding: what changes lengths of axes must not change those of channels.

    Axes along which the output has the input's length, and no padding, are left alone.
    """
    source = node.all_input_nodes[0]
    label = walk.label(source)
    value = node.meta["val"]
    several = isinstance(value, list | tuple)
    if label is not None:
        free = _kept_axes(node)
        if any(size > 1 and axis not in free for axis, size in enumerate(label.shape)):
            walk.freeze(label, node)
            label = None
    return [label, *[None] * (len(value) - 1)] if several else label


def _kept_axes(node: fx.Node) -> set[int]:
    """Axes that a pool, an upsampling or a padding leaves alone."""
    rank = len(shape_of(node.all_input_nodes[0]))
    call = arguments(node)
    if "pad" in call or ("padding" in call and "kernel_size" not in call):
        pads: Any = call.get("pad", call.get("padding"))
        return {
            axis for axis in range(rank) if not any(pads[2 * (rank - 1 - axis) : 2 * (rank - axis)])
        }
    return {0, 1}


def reduction_rule(walk: Walk, node: fx.Node) -> Any:
    """Sums and means over axes; a softmax likewise, which keeps the axes."""
    call = arguments(node)
    source = node.all_input_nodes[0]
    label, rank = walk.label(source), len(shape_of(source))
    value = node.meta["val"]
    several = isinstance(value, list | tuple)
    if label is not None:
        dims = call.get("dim")
        dims = list(range(rank)) if dims in (None, []) else dims
        axes = {axis % rank for axis in (dims if isinstance(dims, list | tuple) else [dims])}
        if any(label.shape[axis] > 1 for axis in axes):
            walk.freeze(label, node)
            label = None
        elif label.ndim != len((value[0] if several else value).shape):
            label = label.squeeze(tuple(axes))
    return [label] * len(value) if several else label


def placewise_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """Rolls, flips and repetitions: right where they leave the axis of channels alone."""
    call = arguments(node)
    source = node.all_input_nodes[0]
    label = walk.label(source)
    if label is None:
        return None
    rank = len(shape_of(source))
    if "repeats" in call and isinstance(call["repeats"], list | tuple):
        times = call["repeats"]
        label = label.reshape((1,) * (len(times) - rank) + label.shape)
        moved = {axis for axis, count in enumerate(times) if count != 1}
    else:
        dims = call.get("dims") or list(range(rank))
        moved = {axis % rank for axis in dims}
    if any(label.shape[axis] > 1 for axis in moved):
        walk.freeze(label, node)
        return None
    return label


def pixel_shuffle_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """R x r channels become one, of r x r places: they go together (Shi et al. 2016, eq. 4)."""
    call = arguments(node)
    channels = walk.along(walk.label(call["self"]), -3, node)
    if channels is None:
        return None
    shape = [1] * len(shape_of(node))
    shape[-3] = -1
    if "upscale_factor" in call:
        channels = walk.ties.tie_along(channels.reshape(-1, call["upscale_factor"] ** 2), 1)
    else:
        channels = np.repeat(channels, call["downscale_factor"] ** 2)
    return channels.reshape(shape)


def channel_shuffle_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """Channels of groups in turn (ShuffleNet): those at one place of each group go together."""
    call = arguments(node)
    channels = walk.along(walk.label(call["self"]), 1, node)
    if channels is None:
        return None
    grouped = channels.reshape(call["groups"], -1)
    walk.ties.tie_along(grouped, 0)
    shape = [1] * len(shape_of(node))
    shape[1] = -1
    return grouped.T.reshape(shape)


def gated_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """A gated linear unit: each channel goes with its gate."""
    call = arguments(node)
    label = walk.label(call["self"])
    axis = call["dim"]
    if label is None or label.shape[axis] == 1:
        return label
    first, second = np.split(label, 2, axis)
    walk.ties.tie(first, second)
    return first


def leaky_rule(walk: Walk, node: fx.Node) -> ChannelLabel | None:
    """PReLU: one slope for each channel of axis 1, or one for all."""
    source, slope = node.args[:2]
    label = walk.label(source)
    assert isinstance(slope, fx.Node)
    if label is None or shape_of(slope) in ((), (1,)):
        return label
    channels = walk.along(label, 1, node)
    if channels is None or slope.op != "get_attr":
        walk.freeze(channels, node)
        return None
    walk.slot(slope, 0, channels, "along", node)
    return label


def attention_rule(walk: Walk, node: fx.Node) -> None:
    """Attention: queries and keys meet in sums over the channels of a head; heads stay whole."""
    walk.freeze_all(node, "belongs to an attention head, which is not pruned")


def unknown_rule(walk: Walk, node: fx.Node) -> Any:
    """Any other operator: what it reads must stay."""
    walk.freeze_all(node)
    value = node.meta.get("val")
    return [None] * len(value) if isinstance(value, list | tuple) else None


def _axis(node: fx.Node, usual: int) -> int:
    """The axis that an operator works along, counted from 0."""
    call = arguments(node)
    found = call.get("dim", call.get("axis", usual))
    source: Any = node.args[0] if node.args else call.get("self")
    one: Any = source[0] if isinstance(source, list | tuple) else source
    rank = len(shape_of(one)) + ("stack" in str(node.target))
    return int(found) % rank


def _each(names: str, rule: ChannelRule) -> dict[str, ChannelRule]:
    return dict.fromkeys(names.split(), rule)


def _kind(kinds: Sequence[str], rule: ChannelRule) -> dict[str, ChannelRule]:
    return {name: rule for name, kind in KINDS.items() if kind in kinds}


CHANNEL_RULES: dict[str, ChannelRule] = {
    **_kind(("add", "sub", "mul", "div"), elementwise_rule),
    **dict.fromkeys((*ACTIVATION_OPERATORS, *DROPOUTS, *IDENTITIES), elementwise_rule),
    **_each(
        "where maximum minimum fmax fmin lerp addcmul addcdiv eq ne lt le gt ge masked_fill "
        "clone contiguous to _to_copy type_as nan_to_num",
        elementwise_rule,
    ),
    **_kind(("max_pool", "avg_pool", "upsample"), spatial_rule),
    **_each("pad constant_pad_nd reflection_pad1d reflection_pad2d", spatial_rule),
    **_each("replication_pad1d replication_pad2d", spatial_rule),
    **_each("mean sum amax amin prod var std norm linalg_vector_norm logsumexp", reduction_rule),
    **_each("softmax _softmax log_softmax _log_softmax var_mean cumsum", reduction_rule),
    **_each("cat concat concatenate", concatenation_rule),
    "stack": stack_rule,
    **_each("split split_with_sizes chunk unsafe_split unsafe_split_with_sizes", division_rule),
    **_each("unsafe_chunk tensor_split unbind", division_rule),
    "getitem": item_rule,
    **_each("slice narrow", slice_rule),
    "select": select_rule,
    **_each("view reshape _unsafe_view flatten unflatten squeeze unsqueeze", reshape_rule),
    **_each("permute transpose t movedim swapaxes numpy_T", permutation_rule),
    "expand": expansion_rule,
    **_each("roll flip repeat", placewise_rule),
    **_each("pixel_shuffle pixel_unshuffle", pixel_shuffle_rule),
    "channel_shuffle": channel_shuffle_rule,
    "glu": gated_rule,
    "prelu": leaky_rule,
    **_kind(("attention",), attention_rule),
    **LAYER_RULES,
}
"""Operator -> its rule; any other is ``unknown_rule``."""


def rule_of(name: str) -> ChannelRule:
    """The rule of an operator."""
    return CHANNEL_RULES.get(name, unknown_rule)
