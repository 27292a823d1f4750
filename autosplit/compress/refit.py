"""A pruned network made to answer as the whole one does, without labels and without training.

Both networks run side by side on calibration samples.  Each convolution and linear layer gets, by
least squares, the weights and the bias whose outputs come nearest to the whole network's (channel
pruning, He et al. 2017, eq. 2, with what the pruned network reads so far in place of the whole
one's inputs); the bias takes up the means that pruned channels leave.  Each batch norm gets the
statistics of what it now reads (EagleEye, Li et al. 2020, section 3.3), in proportion to what the
whole network has learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from autosplit.capture.im2col import gather, is_plain, positions_wanted, some_places
from autosplit.capture.operators import BATCH_NORMS, arguments, is_call
from autosplit.compress.channel_groups import ChannelUnits, Keep
from autosplit.compress.live import LiveNetwork

REFIT_DAMPING = 1e-2
"""Pull towards the weights as they are, of the mean square of a layer's inputs."""
REFIT_POSITIONS = 16_384
"""Most places of a layer's output that its weights are fit to."""


@dataclass
class Refit:
    """Two networks run side by side, operator by operator.

    Attributes:
        whole: The network before it was pruned.
        small: The network after; its parameters are changed in place. Its operators have the
            names of those of the whole one; some may be missing.
        channels: Channels of the whole network.
        keep: Which units are left.
        batches: Calibration samples.
    """

    whole: LiveNetwork
    small: LiveNetwork
    channels: ChannelUnits
    keep: Keep
    batches: Sequence[tuple[Tensor, ...]]
    _exact: dict[str, list[Any]] = field(default_factory=dict)
    _rough: dict[str, list[Any]] = field(default_factory=dict)

    def run(self) -> None:
        """Change weights, biases and statistics of the small network."""
        nodes = list(self.whole.module.graph.nodes)
        names = {node.name: node for node in self.small.module.graph.nodes}
        lasts = [_last_readers(live) for live in (self.whole, self.small)]
        place = 0
        with torch.no_grad():
            for node in nodes:
                own = names.get(node.name)
                if node.op == "output":
                    return
                if node.op == "placeholder":
                    inputs = [batch[place] for batch in self.batches]
                    self._exact[node.name] = self._rough[node.name] = inputs
                    place += 1
                    continue
                if node.op == "get_attr":
                    continue
                self._exact[node.name] = _apply(node, self.whole, self._exact)
                if own is not None:
                    if is_plain(node) and _is_stored(node):
                        self._fit(node, own)
                    elif is_call(node, *BATCH_NORMS):
                        self._normalize(node, own)
                    self._rough[node.name] = _apply(own, self.small, self._rough)
                for values, last in zip((self._exact, self._rough), lasts, strict=True):
                    for name in last.get(node.name, ()):
                        values.pop(name, None)

    def _kept(self, node: fx.Node, size: int) -> Tensor:
        """Channels of an operator's output that the small network has too."""
        label = self.channels.labels.get(node.name)
        kept = np.ones(size, bool) if label is None else self.keep[label.reshape(-1)]
        return torch.from_numpy(np.flatnonzero(kept))

    def _fit(self, node: fx.Node, own: fx.Node) -> None:
        """Fit a layer's weight and bias to the whole network's output."""
        call = arguments(own)
        weight = self.small.value(str(call["weight"].target))
        wanted = max(positions_wanted(node, REFIT_POSITIONS) // len(self.batches), 1)
        random = torch.Generator()
        parts, targets = [], []
        for x, y in zip(self._rough[call["input"].name], self._exact[node.name], strict=True):
            parts.append(gather(own, [x], wanted, random.manual_seed(0))[0])
            rows = y if is_call(node, "linear") else y.movedim(1, -1)
            rows = rows.flatten(0, -2)
            chosen = some_places(len(rows), wanted, random.manual_seed(0))
            targets.append(rows[chosen][:, self._kept(node, rows.shape[1])])
        inputs, target = torch.cat(parts, 1).double(), torch.cat(targets).double()
        groups = len(inputs)
        rows = weight.double().view(groups, len(weight) // groups, -1)
        goal = target.view(len(target), groups, -1).transpose(0, 1)
        mean, middle = inputs.mean(1, keepdim=True), goal.mean(1, keepdim=True)
        centred = inputs - mean
        left = (goal - middle) - centred @ rows.mT
        moment = centred.mT @ centred / inputs.shape[1]
        pull = REFIT_DAMPING * moment.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(1e-12)
        moment.diagonal(dim1=-2, dim2=-1).add_(pull[:, None])
        change = torch.linalg.solve(moment, centred.mT @ left / inputs.shape[1])
        rows = rows + change.mT
        weight.copy_(rows.reshape(weight.shape))
        bias = (middle - mean @ rows.mT).flatten().float()
        self._put_bias(own, bias)

    def _put_bias(self, own: fx.Node, bias: Tensor) -> None:
        """Give a layer a bias, unless a batch norm reads it, which takes away any constant."""
        call = arguments(own)
        if call["bias"] is not None:
            self.small.value(str(call["bias"].target)).copy_(bias)
        elif not all(is_call(user, *BATCH_NORMS) for user in own.users):
            module, graph = self.small.module, self.small.module.graph
            name = f"{own.name}_bias"
            module.register_parameter(name, nn.Parameter(bias))
            with graph.inserting_before(own):
                added = graph.get_attr(name)
            own.args, own.kwargs = (), {**call, "bias": added}

    def _normalize(self, node: fx.Node, own: fx.Node) -> None:
        """Give a batch norm the statistics of what it reads."""
        call, mine = arguments(node), arguments(own)
        if mine["running_mean"] is None:
            return
        exact = _moments(self._exact[call["input"].name])
        rough = _moments(self._rough[mine["input"].name])
        kept = self._kept(node, len(exact[0]))
        learned = [
            self.whole.value(str(call[name].target))[kept].double()
            for name in ("running_mean", "running_var")
        ]
        mean, variance = (
            self.small.value(str(mine[name].target)) for name in ("running_mean", "running_var")
        )
        mean.copy_(rough[0] + learned[0] - exact[0][kept])
        ratio = rough[1] / exact[1][kept].clamp_min(1e-20)
        variance.copy_(torch.where(exact[1][kept] > 0, learned[1] * ratio, learned[1]))


def refit(pruning: Refit) -> None:
    """Fit a pruned network to the whole one, in place, and write its operators anew."""
    pruning.run()
    pruning.small.module.graph.lint()
    pruning.small.module.recompile()


def _last_readers(live: LiveNetwork) -> dict[str, list[str]]:
    """Operator -> those that it is the last to read."""
    last = {
        source.name: node.name
        for node in live.module.graph.nodes
        for source in node.all_input_nodes
    }
    found: dict[str, list[str]] = {}
    for source, reader in last.items():
        found.setdefault(reader, []).append(source)
    return found


def _is_stored(node: fx.Node) -> bool:
    return bool(arguments(node)["weight"].op == "get_attr")


def _moments(values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel of axis 1, over all else."""
    rows = torch.cat([value.movedim(1, 0).flatten(1) for value in values], 1).double()
    return rows.mean(1), rows.var(1, correction=0)


def _apply(node: fx.Node, live: LiveNetwork, values: dict[str, list[Any]]) -> list[Any]:
    """An operator's value for each batch."""
    found = []
    for place in range(len(next(iter(values.values())))):

        def value(arg: fx.Node, place: int = place) -> Any:
            return live.value(str(arg.target)) if arg.op == "get_attr" else values[arg.name][place]

        args, kwargs = fx.map_arg((node.args, node.kwargs), value)
        found.append(node.target(*args, **kwargs))  # type: ignore[operator]
    return found
