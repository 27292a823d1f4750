"""Batch norm folding: a norm joins the convolution or linear layer before it.

    W' = W g / sqrt(v + eps) per output channel,   b' = (b - m) g / sqrt(v + eps) + beta

with the running mean m and variance v, scale g and shift beta (Jacob et al. 2018, section 3.2).
The folded layer gives what layer and norm gave together; the graph has one layer less.
"""

from __future__ import annotations

from operator import getitem

import torch
from torch import Tensor, fx

from autosplit.capture.constants import LEARNED, Attributes, add_attribute, is_learned
from autosplit.capture.operators import BATCH_NORMS, FOLDABLE, arguments, is_call, output_axis


def mark_batch_norms(graph: fx.Graph, attributes: Attributes) -> None:
    """Note in ``meta`` mean and standard deviation of a batch norm's output on its training data.

    They are beta and |gamma| sqrt(v / (v + eps)) per channel.  A norm whose statistics are mean 0
    and variance 1 throughout was never trained, and gets no note.
    """
    for node in graph.nodes:
        if not is_call(node, *BATCH_NORMS):
            continue
        norm = arguments(node)
        parameters = [norm[name] for name in ("running_mean", "running_var", "weight", "bias")]
        if any(p is not None and p.op != "get_attr" for p in parameters):
            continue
        mean, variance, gamma, beta = (
            None if p is None else attributes[str(p.target)] for p in parameters
        )
        if mean is None or variance is None or ((mean == 0) & (variance == 1)).all():
            continue
        deviation = (variance / (variance + norm["eps"])).sqrt()
        node.meta["deviation"] = deviation if gamma is None else deviation * gamma.abs()
        node.meta["centre"] = torch.zeros_like(mean) if beta is None else beta


def fold_batch_norm(graph: fx.Graph, attributes: Attributes) -> None:
    """Fold every batch norm into the convolution or linear layer whose one reader it is.

    A norm that cannot be folded stays a layer of its own.  A weight that several convolutions share
    is folded once for each different norm.
    """
    made: dict[tuple[str, ...], tuple[str, str]] = {}
    for node in list(graph.nodes):
        parameters = _foldable(node)
        if parameters is None:
            continue
        producer, eps = node.args[0], arguments(node)["eps"]
        key = (*(str(p and p.target) for p in parameters), str(eps))
        if key not in made:
            values = [None if p is None else attributes[str(p.target)] for p in parameters]
            weight, bias = fold_values(values, eps, output_axis(producer))
            stem = key[0].removesuffix("weight")
            made[key] = (
                add_attribute(attributes, f"{stem}weight_folded", weight),
                add_attribute(attributes, f"{stem}bias_folded", bias),
            )
        with graph.inserting_before(producer):
            new = [graph.get_attr(target) for target in made[key]]
        for constant, target in zip(new, made[key], strict=True):
            meta = {"val": attributes[target], LEARNED: is_learned(parameters)}
            constant.meta = {**producer.meta, **meta}
        producer.kwargs = {**arguments(producer), "weight": new[0], "bias": new[1]}
        producer.args = ()
        if "deviation" in node.meta:
            producer.meta["deviation"] = node.meta["deviation"]
            producer.meta["centre"] = node.meta["centre"]
        for use in [user for user in node.users if user.target is getitem] or [node]:
            use.replace_all_uses_with(producer)
            graph.erase_node(use)
    graph.eliminate_dead_code()


def _foldable(node: fx.Node) -> list[fx.Node | None] | None:
    """Weight, bias, mean, variance, gamma and beta if this batch norm can be folded, else None."""
    if not is_call(node, *BATCH_NORMS):
        return None
    producer, norm = node.args[0], arguments(node)
    if not isinstance(producer, fx.Node) or not is_call(producer, *FOLDABLE):
        return None
    if len(producer.users) != 1 or norm.get("training") is True:  # without running statistics
        return None
    if is_call(producer, "linear") and producer.meta["val"].dim() != 2:
        return None  # the norm's channels are axis 1, the linear layer's the last
    call = arguments(producer)
    parameters = [call["weight"], call["bias"]]
    parameters += [norm[name] for name in ("running_mean", "running_var", "weight", "bias")]
    constant = all(p is None or p.op == "get_attr" for p in parameters)
    return parameters if constant else None


def fold_values(values: list[Tensor | None], eps: float, axis: int) -> tuple[Tensor, Tensor]:
    """Weight and bias with a batch norm folded in, computed in float64.

    Args:
        values: weight, bias, running mean, running variance, gamma, beta; bias, gamma and beta
            may be None.
        eps: The norm's epsilon.
        axis: Axis of the weight's output channels.  The weight of a grouped transposed
            convolution has there the channels of one group; the groups follow on axis 0.
    """
    kind = values[0].dtype if values[0] is not None else None
    weight, bias, mean, variance, gamma, beta = (
        None if value is None else value.double() for value in values
    )
    assert weight is not None
    assert mean is not None
    assert variance is not None
    factor = (variance + eps).rsqrt()
    if gamma is not None:
        factor = factor * gamma
    shift = (-mean if bias is None else bias - mean) * factor
    if beta is not None:
        shift = shift + beta
    groups = len(factor) // weight.shape[axis]
    per_group = weight.unflatten(0, (groups, -1))
    shape = [1] * per_group.dim()
    shape[0], shape[axis + 1] = groups, -1
    weight = (per_group * factor.reshape(shape)).flatten(0, 1)
    return weight.to(kind), shift.to(kind)
