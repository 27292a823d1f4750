"""Cross-layer equalization: scale neighbouring layers' channels so that their weights are alike.

Between two layers that only a rectifier (or a pooling, or nothing) separates, channel i may be
divided by any s_i > 0 in the first and multiplied by it in the second: f(s x) = s f(x).  With

    s_i = sqrt(r1_i / r2_i),   r = greatest magnitude of the channel's weights,

both have the same range in every channel (Nagel et al. 2019, section 4.1, eq. 11).  The network's
answers stay what they were; what quantizing it does to them does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, fx

from autosplit.capture.operators import arguments, is_call
from autosplit.capture.program import Program, Trained
from autosplit.grid.grid import LEAST_STEP

ROUNDS = 20
"""Passes over all pairs, at most; each pair changes what its neighbours see."""
SETTLED = 1e-3
"""Change of a scale below which a pass has changed nothing."""
MOST = 1e4
"""Largest scale, and one over the smallest."""
_HOMOGENEOUS = (
    "relu leaky_relu max_pool2d avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d dropout "
    "clone contiguous"
).split()
"""Operators between the layers for which f(s x) = s f(x) in each channel."""


@dataclass(frozen=True)
class Pair:
    """Two layers between which channels can be scaled.

    Attributes:
        first, second: Operators.
        spread: Neighbouring columns of the second that belong to one channel: more than 1 where an
            image was flattened.
    """

    first: fx.Node
    second: fx.Node
    spread: int = 1


def pairs(program: Program) -> Iterator[Pair]:
    """Pairs of layers of a program that can be equalized, in order."""
    readers: dict[str, int] = {}
    for node in program.module.graph.nodes:
        if node.op == "get_attr":
            readers[str(node.target)] = readers.get(str(node.target), 0) + len(node.users)
    written = {program.nodes[name] for name in program.graph.outputs}
    for node in program.module.graph.nodes:
        if not _has_own_weight(node, readers):
            continue
        channels = len(arguments(node)["weight"].meta["val"])
        here = node
        while here.name not in written and len(here.users) == 1:
            (user,) = here.users
            if _has_own_weight(user, readers) and arguments(user)["input"] is here:
                columns = _columns(user)
                if columns % channels == 0 and (columns == channels or is_call(user, "linear")):
                    yield Pair(node, user, columns // channels)
                break
            if not (is_call(user, *_HOMOGENEOUS) or _is_flatten(user)):
                break
            here = user


def _has_own_weight(node: fx.Node, readers: dict[str, int]) -> bool:
    """Whether an operator is a layer whose weight and bias nothing else reads."""
    if not is_call(node, "conv2d", "linear"):
        return False
    call = arguments(node)
    if is_call(node, "linear") and call["input"].meta["val"].dim() != 2:
        return False
    constants = [call["weight"]] + ([] if call["bias"] is None else [call["bias"]])
    return all(c.op == "get_attr" and readers[str(c.target)] == 1 for c in constants)


def _is_flatten(node: fx.Node) -> bool:
    """Whether a node makes rows of images, (n, c, h, w) to (n, c h w)."""
    if not is_call(node, "flatten", "view", "reshape"):
        return False
    before, after = node.args[0].meta["val"], node.meta["val"]  # type: ignore[union-attr]
    return before.dim() == 4 and after.dim() == 2 and str(before.shape[0]) == str(after.shape[0])


def _columns(node: fx.Node) -> int:
    """Input channels of a layer, or columns of a linear one."""
    weight = arguments(node)["weight"].meta["val"]
    return int(weight.shape[1]) * int(arguments(node).get("groups", 1))


def equalize(program: Program) -> Program:
    """The program with the weights of neighbouring layers equalized; the old one stays as it was.

    Channels that are zero in one of the two stay as they are.  Weights below float32's normal
    numbers count as zero, for some processors take them so.
    """
    found = list(pairs(program))
    targets = {
        str(constant.target)
        for pair in found
        for node in (pair.first, pair.second)
        for constant in (arguments(node)["weight"], arguments(node)["bias"])
        if constant is not None
    }
    values = {target: getattr(program.module, target).clone() for target in targets}
    with torch.no_grad():
        for _ in range(ROUNDS):
            if max((_scale(pair, values) for pair in found), default=0.0) < SETTLED:
                break
    kept = {
        str(node.target): values.get(str(node.target), getattr(program.module, str(node.target)))
        for node in program.module.graph.nodes
        if node.op == "get_attr"
    }
    module = fx.GraphModule(kept, program.module.graph)
    trained = _scaled(program, module)
    graph = replace(program.graph, equalized=True)
    return replace(program, module=module, graph=graph, trained=trained)


def _scaled(program: Program, module: fx.GraphModule) -> Trained | None:
    """What the first batch norm learned of the layer before it, for the layer's new weight."""
    trained = program.trained
    if trained is None:
        return None
    node = next(node for node in module.graph.nodes if node.name == trained.node)
    constant = arguments(node).get("weight")
    if not (is_call(node, "conv2d", "linear") and isinstance(constant, fx.Node)):
        return trained
    old, new = (
        getattr(part, str(constant.target)).flatten(1).abs().amax(1).to(trained.deviation.dtype)
        for part in (program.module, module)
    )
    return replace(trained, deviation=trained.deviation * torch.where(old > 0, new / old, 1.0))


def _scale(pair: Pair, values: dict[str, Tensor]) -> float:
    """Equalize a pair in place; the largest change of a scale, as a logarithm."""
    first, second = arguments(pair.first), arguments(pair.second)
    rows = values[str(first["weight"].target)]
    own = values[str(second["weight"].target)]
    groups = int(second.get("groups", 1))
    channels = len(rows)
    before = rows.flatten(1).abs().amax(1)
    # (groups, rows of a group, channels of a group, the rest)
    columns = own.view(groups, len(own) // groups, channels // groups, -1)
    after = columns.abs().amax((1, 3)).view(channels)
    alive = (before >= LEAST_STEP) & (after >= LEAST_STEP)
    scale = torch.where(alive, (before / after).sqrt(), 1.0).clamp(1 / MOST, MOST)
    rows.div_(scale.view(-1, *[1] * (rows.dim() - 1)))
    columns.mul_(scale.view(groups, 1, channels // groups, 1))
    if first["bias"] is not None:
        values[str(first["bias"].target)].div_(scale)
    return math.log(float(torch.maximum(scale, 1 / scale).max()))
