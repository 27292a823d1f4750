"""A walk along a network's operators that labels every tensor with the numbers of its channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor, fx

from autosplit.capture.operators import operator_name, source_line
from autosplit.compress.live import LiveNetwork
from autosplit.compress.units import ChannelLabel, Ties, reshaped, runs
from autosplit.graph.layer import Shape


@dataclass(frozen=True)
class Slot:
    """An axis of a parameter along which channels lie.

    Attributes:
        target: ``get_attr`` target of the parameter.
        axis: Its axis.
        label: Number of the channel at each place of the axis, shape (C,).
        role: ``write`` where an operator makes these channels, ``read`` where it sums over them,
            ``along`` where it keeps them apart.
        node: Name of the operator.
    """

    target: str
    axis: int
    label: ChannelLabel
    role: str
    node: str


@dataclass
class Walk:
    """What is known of the tensors so far.

    Attributes:
        live: The network.
        ties: Numbers of channels.
        labels: Node -> label of its tensor, a list for several tensors; None without channels that
            may be pruned.
        slots: Axes of parameters along which channels lie.
    """

    live: LiveNetwork
    ties: Ties = field(default_factory=Ties)
    labels: dict[fx.Node, Any] = field(default_factory=dict)
    slots: list[Slot] = field(default_factory=list)

    def label(self, node: Any) -> ChannelLabel | None:
        """Label of a tensor."""
        found = self.labels.get(node) if isinstance(node, fx.Node) else None
        return None if isinstance(found, list) else found

    def slot(
        self, parameter: Any, axis: int, label: ChannelLabel, role: str, node: fx.Node
    ) -> None:
        """Note that channels lie along an axis of a parameter, if there is one."""
        if isinstance(parameter, fx.Node):
            flat = np.asarray(label).reshape(-1)
            self.slots.append(Slot(str(parameter.target), axis, flat, role, node.name))

    def freeze(self, label: ChannelLabel | None, node: fx.Node, why: str = "") -> None:
        """Keep the channels of a tensor, for an operator that reads them."""
        reason = why or f"is read by {operator_name(node)}, which may mix channels"
        self.ties.freeze(label, f"{reason}{source_line(node)}")

    def freeze_all(self, node: fx.Node, why: str = "") -> None:
        """Keep the channels of everything that an operator reads."""
        for source in node.all_input_nodes:
            found = self.labels.get(source)
            for label in found if isinstance(found, list) else [found]:
                self.freeze(label, node, why)

    def along(self, label: ChannelLabel | None, axis: int, node: fx.Node) -> ChannelLabel | None:
        """A label along one axis alone; channels along others are tied and must stay.

        Returns:
            Numbers of shape (C,); None without channels along the axis.
        """
        if label is None:
            return None
        for other in range(label.ndim):
            if other != axis % label.ndim and label.shape[other] > 1:
                label = self.ties.tie_along(label, other)
        if label.shape[axis] == 1:
            self.freeze(label, node, "has channels along an axis that is summed over")
            return None
        return label.reshape(-1)

    def combined(self, operands: Sequence[Any], node: fx.Node) -> ChannelLabel | None:
        """Label of what is computed of several tensors element by element, after broadcasting.

        Parameters among them are sliced along the channels.
        """
        tensors = [x for x in operands if isinstance(x, fx.Node) and holds(x)]
        rank = max((len(shape_of(x)) for x in tensors), default=0)
        found: ChannelLabel | None = None
        for tensor in tensors:
            label = self.label(tensor)
            if label is not None:
                label = label.reshape((1,) * (rank - label.ndim) + label.shape)
                if found is not None:
                    self.ties.tie(found, label)
                    found, _ = np.broadcast_arrays(found, label)
                else:
                    found = label
        if found is None:
            return None
        for tensor in tensors:
            if self.label(tensor) is None:
                self._beside(found, tensor, rank, node)
        return found

    def _beside(self, found: ChannelLabel, tensor: fx.Node, rank: int, node: fx.Node) -> None:
        """Let channels stay that meet a tensor without labels, unless it can be sliced as well."""
        shape = shape_of(tensor)
        shape = (1,) * (rank - len(shape)) + shape
        axes = [a for a in range(rank) if found.shape[a] > 1 and shape[a] > 1]
        if not axes:
            return
        labelled = [axis for axis in range(rank) if found.shape[axis] > 1]
        if tensor.op == "get_attr" and axes == labelled and len(axes) == 1:
            axis = axes[0] - (rank - len(shape_of(tensor)))
            self.slot(tensor, axis, found, "along", node)
        else:
            self.freeze(found, node, "meets channels that must stay")

    def reshape(self, node: fx.Node, source: fx.Node) -> ChannelLabel | None:
        """Label after a reshape."""
        label = self.label(source)
        if label is None:
            return None
        before, after = shape_of(source), shape_of(node)
        for old, new in runs(before, after):
            if all(label.shape[axis] == 1 for axis in old) or len(old) == len(new) == 1:
                continue
            if any(is_batch(source, axis) for axis in old):
                self.freeze(label, node, "is merged with the batch, as attention heads are")
                return None
        return reshaped(label, before, after)

    def put(self, node: fx.Node, label: Any) -> None:
        """Keep the label of what an operator writes; one channel that is left alone must stay."""
        if isinstance(label, list):
            self.labels[node] = [self._plain(one, node) for one in label]
        else:
            self.labels[node] = self._plain(label, node)

    def _plain(self, label: ChannelLabel | None, node: fx.Node) -> ChannelLabel | None:
        if label is not None and label.size == 1:
            self.freeze(label, node, "is taken alone")
            return None
        return label


def holds(node: fx.Node) -> bool:
    """Whether a node has one tensor."""
    return isinstance(node.meta.get("val"), Tensor)


def shape_of(node: fx.Node) -> Shape:
    """Shape of a node's tensor on the example, the batch as a number."""
    return tuple(
        size if isinstance(size, int) else int(size.node.hint) for size in node.meta["val"].shape
    )


def is_batch(node: fx.Node, axis: int) -> bool:
    """Whether an axis of a node's tensor grows with the batch."""
    return not isinstance(node.meta["val"].shape[axis], int)
