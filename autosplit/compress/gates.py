"""Gradients of a network's answers by gates on its channels, one gate for each unit and sample.

Where a layer sums over channels, channel c of a unit u is read as m_c + g_u (x_c - m_c), with a
gate g_u = 1 and m_c = 0, or the mean of x_c.  The derivative by the gate is the first-order change
when the unit is pruned, of all its channels, readers and places together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from autosplit.capture.operators import arguments, is_call
from autosplit.compress.channel_groups import ChannelUnits
from autosplit.compress.live import LiveNetwork
from autosplit.compress.walk import shape_of
from autosplit.errors import ModelError, counted

Means = Mapping[str, Tensor]
"""Name of an operator -> mean of each channel that it reads, shape (C,)."""


class GatedRun(fx.Interpreter):
    """Runs a network with gates on what its layers read.

    Args:
        live: The network.
        channels: Its channels.
        gates: A number for each sample and unit, shape (n, units).
        means: What a channel is without its unit; 0 where nothing is said.
    """

    def __init__(
        self, live: LiveNetwork, channels: ChannelUnits, gates: Tensor, means: Means | None = None
    ) -> None:
        super().__init__(live.module)
        self._gates, self._means = gates, means or {}
        self._reads = readers(live, channels)
        self.seen: dict[str, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Value of a node; what a reader reads is gated."""
        if n.name not in self._reads:
            return super().run_node(n)
        axis, units = self._reads[n.name]
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        x = args[0] if args else kwargs["input"]
        self.seen[n.name] = x.detach()
        x = self._gated(n.name, x, axis, units)
        args, kwargs = ((x, *args[1:]), kwargs) if args else (args, {**kwargs, "input": x})
        return n.target(*args, **kwargs)  # type: ignore[operator]

    def _gated(self, name: str, x: Tensor, axis: int, units: Tensor) -> Tensor:
        samples = len(self._gates)
        if len(x) % samples:
            raise ModelError(
                f"{name}: must have the batch in its first axis to be scored, got {len(x)} for "
                f"{counted(samples, 'sample')}; take --score l1"
            )
        gate = self._gates[:, units].repeat_interleave(len(x) // samples, 0)
        shape = [1] * x.dim()
        shape[0], shape[axis] = gate.shape
        gate = gate.view(shape)
        if name not in self._means:
            return x * gate
        own = [1] * x.dim()
        own[axis] = -1
        mean = self._means[name].view(own)
        return mean + gate * (x - mean)


def readers(live: LiveNetwork, channels: ChannelUnits) -> dict[str, tuple[int, Tensor]]:
    """Operators that sum over channels: the axis of these in what is read, and their units."""
    slots = {slot.node: slot for slot in channels.slots if slot.role == "read"}
    found = {}
    for node in live.calls:
        slot = slots.get(node.name)
        if slot is None:
            continue
        call = arguments(node)
        groups = 1 if is_call(node, "linear") else int(call["groups"])
        rank, kernel = len(shape_of(call["input"])), len(shape_of(call["weight"]))
        axis = rank - 1 if is_call(node, "linear") else rank - kernel + 1
        found[node.name] = axis, torch.from_numpy(np.tile(slot.label, groups))
    return found


def channel_means(
    live: LiveNetwork, channels: ChannelUnits, batches: Sequence[tuple[Tensor, ...]]
) -> dict[str, Tensor]:
    """Mean of every channel that a layer sums over, over samples and places."""
    total: dict[str, list[Tensor]] = defaultdict(list)
    where = readers(live, channels)
    with torch.no_grad():
        for inputs in batches:
            run = GatedRun(live, channels, torch.ones(1, len(channels.free)))
            run.run(*inputs)
            for name, x in run.seen.items():
                total[name].append(x.movedim(where[name][0], -1).flatten(0, -2).double().mean(0))
    return {name: torch.stack(parts).mean(0).float() for name, parts in total.items()}
