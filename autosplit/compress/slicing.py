"""A network without some of its channels: parameters sliced, and the numbers in its operators.

The sliced network must give what the masked one gives: the whole network whose layers have zeros
for weights where they read a pruned channel.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from autosplit.capture.operators import arguments, operator_name
from autosplit.compress.channel_groups import ChannelUnits, Keep, kept_sizes
from autosplit.compress.live import LiveNetwork
from autosplit.compress.movement_rules import slice_bounds
from autosplit.compress.units import ChannelLabel
from autosplit.compress.walk import shape_of
from autosplit.errors import CaptureError, OptionError

SLICING_ERROR = 1e-5
"""Largest difference of the sliced from the masked network, of the largest output."""


def sliced(live: LiveNetwork, channels: ChannelUnits, keep: Keep) -> LiveNetwork:
    """The network without the units that are not kept.

    The shapes that its nodes carry are those of before; ``live.reloaded`` gives them anew.

    Args:
        live: The network; it is left as it was.
        channels: Its channels.
        keep: Which units are kept, shape (units,).

    Raises:
        OptionError: A unit that must stay is not kept, or a tensor would have no channel left.
    """
    _check_kept(channels, keep)
    places: dict[str, list[tuple[int, Tensor]]] = {}
    for slot in channels.slots:
        stays = keep[slot.label]
        if not stays.any():
            raise OptionError(
                f"{slot.target}: must keep at least one channel, all {len(stays)} would be pruned; "
                "ask for less (--ratio, --target-macs), or keep more with --min-channels"
            )
        index = torch.from_numpy(np.flatnonzero(stays))
        known = places.setdefault(slot.target, [])
        if slot.axis not in [axis for axis, _ in known]:
            known.append((slot.axis, index))
    values: dict[str, Any] = {}
    for target, value in live.tensors.items():
        small = value.detach()
        for axis, index in places.get(target, ()):
            small = small.index_select(axis, index)
        small = small.clone()
        values[target] = nn.Parameter(small) if isinstance(value, nn.Parameter) else small
    graph = copy.deepcopy(live.module.graph)
    for node in graph.nodes:
        edit = _EDITS.get(operator_name(node)) if node.op == "call_function" else None
        if edit is not None:
            edit(node, channels, keep)
    module = fx.GraphModule(values, graph)
    return LiveNetwork(live.name, module, live.example, live.axes, live.batch_size)


def _check_kept(channels: ChannelUnits, keep: Keep) -> None:
    """Refuse to prune a unit that must stay.

    Raises:
        OptionError: Names the parameter.
    """
    lost = ~keep & ~channels.free
    for slot in channels.slots:
        if lost[slot.label].any():
            why = channels.whole.get(slot.target, "belongs to channels that must stay")
            raise OptionError(f"{slot.target}: must stay whole, it {why}")


def masked(live: LiveNetwork, channels: ChannelUnits, keep: Keep) -> LiveNetwork:
    """The whole network with zeros for the weights by which layers read pruned channels.

    Takes what ``sliced`` takes.
    """
    values: dict[str, Any] = {target: value.detach() for target, value in live.tensors.items()}
    for slot in channels.slots:
        if slot.role == "read":
            stays = torch.from_numpy(keep[slot.label])
            shape = [1] * values[slot.target].dim()
            shape[slot.axis] = -1
            values[slot.target] = values[slot.target] * stays.view(shape)
    module = fx.GraphModule(values, copy.deepcopy(live.module.graph))
    return LiveNetwork(live.name, module, live.example, live.axes, live.batch_size)


def check_sliced(small: LiveNetwork, whole: LiveNetwork) -> float:
    """Make sure that a sliced network gives what the masked one gives, on random inputs.

    Args:
        small: The sliced network.
        whole: The masked network.

    Returns:
        The largest difference, of the largest output.

    Raises:
        CaptureError: It is above ``SLICING_ERROR``.
    """
    inputs = inputs_like(whole)
    with torch.no_grad():
        error = largest_difference(whole.module(*inputs), small.module(*inputs))
    if not error <= SLICING_ERROR:
        raise CaptureError(
            f"{whole.name}: the sliced network must equal the masked one to {SLICING_ERROR:g} of "
            f"its largest output, differs by {error:.2g}; nothing was written"
        )
    return error


def inputs_like(live: LiveNetwork) -> tuple[Tensor, ...]:
    """Inputs like the example's, of random numbers."""
    random = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(x.shape, generator=random) if x.is_floating_point() else x for x in live.example
    )


def largest_difference(wanted: Sequence[Tensor], found: Sequence[Tensor]) -> float:
    """Largest difference of outputs of floats, each of the largest number in its output."""
    error = 0.0
    for exact, other in zip(wanted, found, strict=True):
        if exact.is_floating_point():
            largest = max(float(exact.abs().max()), 1e-30)
            error = max(error, float((exact - other).abs().max()) / largest)
    return error


def _edit_groups(node: fx.Node, channels: ChannelUnits, keep: Keep) -> None:
    """A depthwise convolution has as many groups as channels."""
    call = arguments(node)
    slots = [s for s in channels.slots if s.node == node.name and s.role == "along" and s.axis == 0]
    weight = [s for s in slots if s.target == str(call["weight"].target)]
    if weight:
        label = weight[0].label
        times = len(label) // int(call["groups"])
        call["groups"] = int(keep[label].sum()) // times
        node.args, node.kwargs = (), call


def _edit_sizes(node: fx.Node, channels: ChannelUnits, keep: Keep) -> None:
    """Lengths in a reshape or an expansion."""
    label = channels.labels.get(node.name)
    if label is None:
        return
    call = arguments(node)
    key = next(name for name in ("size", "shape", "sizes") if name in call)
    sizes, found = list(call[key]), kept_sizes(label, keep)
    first = 0
    if key == "sizes":  # unflatten
        first = int(call["dim"]) % len(shape_of(call["self"]))
    for place, size in enumerate(sizes):
        new = found[first + place]
        if new is not None and isinstance(size, int) and size != -1:
            sizes[place] = new
    call[key] = sizes
    node.args, node.kwargs = (), call


def _edit_parts(node: fx.Node, channels: ChannelUnits, keep: Keep) -> None:
    """Lengths of the parts that a tensor is divided into."""
    labels: list[ChannelLabel | None] = channels.labels.get(node.name) or []
    call = arguments(node)
    source: fx.Node = node.all_input_nodes[0]
    whole = channels.labels.get(source.name)
    axis = int(call.get("dim", 0)) % len(shape_of(source))
    if whole is None or whole.shape[axis] == 1:
        return
    sizes = []
    for part, label in zip(node.meta["val"], labels, strict=True):
        new = None if label is None else kept_sizes(label, keep)[axis]
        sizes.append(int(part.shape[axis]) if new is None else new)
    node.target = torch.ops.aten.split_with_sizes.default
    node.args, node.kwargs = (source, sizes, axis), {}


def _edit_range(node: fx.Node, channels: ChannelUnits, keep: Keep) -> None:
    """The range that a slice takes along an axis of channels."""
    call = arguments(node)
    label = channels.labels.get(call["self"].name)
    axis = int(call["dim"]) % len(shape_of(call["self"]))
    bounds = slice_bounds(node)
    if label is None or label.shape[axis] == 1 or bounds is None:
        return
    start, end = (_before(label, keep, axis, place) for place in bounds)
    node.target = torch.ops.aten.slice.Tensor
    node.args, node.kwargs = (call["self"], axis, start, end), {}


def _before(label: ChannelLabel, keep: Keep, axis: int, place: int) -> int:
    """Kept places along an axis before one of them."""
    others = tuple(other for other in range(label.ndim) if other != axis)
    stays = np.asarray(keep[label].any(axis=others))
    return int(stays[:place].sum())


DIVISIONS = (
    *"split split_with_sizes chunk unsafe_split unsafe_split_with_sizes unsafe_chunk".split(),
    "tensor_split",
)
"""Operators that divide a tensor into parts."""
_CONVOLUTIONS = "conv1d conv2d conv3d convolution conv_transpose1d conv_transpose2d"
_EDITS: dict[str, Callable[[fx.Node, ChannelUnits, Keep], None]] = {
    **dict.fromkeys(_CONVOLUTIONS.split(), _edit_groups),
    **dict.fromkeys("view reshape _unsafe_view expand unflatten".split(), _edit_sizes),
    **dict.fromkeys(DIVISIONS, _edit_parts),
    **dict.fromkeys(("slice", "narrow"), _edit_range),
}
"""Operator -> what changes its numbers."""
