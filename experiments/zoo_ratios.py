"""What a captured network of the zoo computes and stores, over what torch counts, and why not 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from autosplit.capture.constants import FILLING
from autosplit.capture.operators import LOOKUPS
from autosplit.capture.program import Program

MACS_OFF = 1e-3
"""Multiply-accumulates may differ from torch's count, less those of constants, by this share."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of the table.

    Attributes:
        value: The ratio; None where torch counts nothing.
        why: Why it is not 1, in words; empty where it is.
        unexplained: What is wrong with it, in words; empty if nothing is.
    """

    value: float | None
    why: str = ""
    unexplained: str = ""


def macs_ratio(program: Program, network: nn.Module, flat: tuple[Tensor, ...]) -> Ratio:
    """Multiply-accumulates of the graph over those that torch counts while the module runs.

    Torch also counts what a network computes of its parameters alone, for every batch anew; it is
    the part of the count that does not grow with the batch.  A captured program has it as
    constants.
    """
    assert program.structure is not None
    structure, size = program.structure, program.count(flat)
    counted = _torch_macs(lambda: structure.call(network, flat)) / size
    if not counted:
        return Ratio(None)
    ratio = sum(layer.macs for layer in program.graph.layers) / counted
    if ratio == 1:
        return Ratio(ratio)
    constant = 0.0
    if size % 2 == 0:
        half = _torch_macs(lambda: structure.call(network, _first(program, flat, size // 2)))
        constant = (2 * half - counted * size) / size / counted
    off = abs(ratio + constant - 1)
    wrong = f"macs_over_torch {ratio:.3f}, {constant:.3f} of constants" if off > MACS_OFF else ""
    return Ratio(
        ratio, f"{constant:.2%} of torch's MACs are of constants".replace("%", " %"), wrong
    )


def _first(program: Program, flat: tuple[Tensor, ...], count: int) -> tuple[Tensor, ...]:
    """The first samples of a batch."""
    pairs = zip(program.graph.inputs, flat, strict=True)
    layouts = [(program.layouts[name], value) for name, value in pairs]
    return tuple(
        value if layout.axis is None else value.narrow(layout.axis, 0, count * layout.factor)
        for layout, value in layouts
    )


def _torch_macs(run: Callable[[], Any]) -> float:
    """Multiply-accumulates that torch counts while something runs."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # torch counts nothing in it
    try:
        with (
            FlopCounterMode(display=False) as counter,
            torch.no_grad(),
            torch.backends.mkldnn.flags(enabled=False),
            sdpa_kernel(SDPBackend.MATH),  # torch counts no other
        ):
            run()
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return counter.get_total_flops() / 2


def weights_ratio(program: Program, network: nn.Module) -> Ratio:
    """Elements stored over elements of the module's parameters, batch norms' left out.

    What the two differ by is counted by name: biases of folded batch norms, the numbers of batch
    norms that are layers, scales of the rows of tables, parameters that the program does not have
    (no answer reads them, or constants take their place), and constants.  Of the constants some
    belong to no layer, so their count is known from above alone.
    """
    norms = {name: m for name, m in network.named_modules() if isinstance(m, _BatchNorm)}
    of_norms = {id(p) for norm in norms.values() for p in norm.parameters()}
    count = sum(p.numel() for p in network.parameters() if id(p) not in of_norms)
    layers = program.graph.layers
    stored = sum(layer.weight_elements for layer in layers if layer.owns_weight)
    stored += sum(layer.fixed_elements for layer in layers)
    attributes = _attributes(program)
    parameters = dict(network.named_parameters(remove_duplicate=False))
    present = {id(parameters[name]) for name in _known(attributes, parameters)}
    norm_names = {f"{name}.{own}" for name, norm in norms.items() for own in _own(norm)}
    biases = sum(
        value.numel()
        for name, value in attributes.items()
        if name.endswith("bias_folded") and name.removesuffix("_folded") not in parameters
    )
    terms = {
        "biases of folded batch norms": biases,
        "numbers of other batch norms": sum(
            value.numel() for name, value in attributes.items() if name in norm_names
        ),
        "scales of tables": sum(
            layer.weight_channels for layer in layers if layer.owns_weight and layer.kind in LOOKUPS
        ),
        "parameters that no answer reads, or in constants": -sum(
            p.numel()
            for p in {id(p): p for p in network.parameters()}.values()
            if id(p) not in of_norms | present
        ),
    }
    others = [
        value.numel()
        for name, value in attributes.items()
        if name not in norm_names and name not in parameters and not name.endswith("_folded")
    ]
    left = stored - count - sum(terms.values())
    wrong = "" if 0 <= left <= sum(others) else f"weights: {left:+,} elements are unexplained"
    terms["constants"] = left
    why = ", ".join(f"{value:+,} {what}" for what, value in terms.items() if value)
    return Ratio(stored / max(count, 1), f"weights: {why}" if why else "", wrong)


def _attributes(program: Program) -> dict[str, Tensor]:
    """What a program stores, by the names of the module; fillers and counts of samples left out."""
    nodes = [n for n in program.module.graph.nodes if n.op == "get_attr" and FILLING not in n.meta]
    targets = dict.fromkeys(str(node.target) for node in nodes)
    return {target.replace("/", "."): program.constant(target) for target in targets}


def _known(attributes: dict[str, Tensor], parameters: dict[str, Any]) -> list[str]:
    """Names of parameters that a program has, folded or as they were."""
    names = [name.removesuffix("_folded") for name in attributes]
    return [name for name in names if name in parameters]


def _own(norm: nn.Module) -> list[str]:
    return [name for name, _ in [*norm.named_parameters(), *norm.named_buffers()]]
