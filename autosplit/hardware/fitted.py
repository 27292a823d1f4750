"""Seconds of layers that were never measured, from a fit to layers that were (``fit.py``).

    seconds = sum of (seconds of a unit of work) x (units that the layer has)

Work is what kernels do: multiply-accumulates with channels padded to the registers' width, elements
that are read, written and packed, elements of an activation function that is a pass of its own.
Each family of layers and each width has its own seconds, at least 0, so that more work never takes
less time: a roofline (Williams et al. 2009) whose bounds add up, at the utilisation that was
measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from autosplit.errors import LatencyError
from autosplit.graph.layer import Layer
from autosplit.grid.grid import FLOAT_BITS
from autosplit.hardware.device import Device

LANES = 16
"""Channels that a kernel computes side by side."""
PASS_OF = {
    **{one: one for one in ("silu", "sigmoid", "hardswish", "hardsigmoid", "gelu", "leaky_relu")},
    "tanh": "sigmoid",
    "elu": "gelu",
    "mish": "gelu",
    "softplus": "gelu",
}
"""Operator that may take a pass of its own -> the name of that work."""
_FAMILY = {
    **dict.fromkeys(("add", "sub"), "add"),
    **dict.fromkeys(("mul", "div"), "mul"),
    **dict.fromkeys(("activation", "elementwise"), "activation"),
    **dict.fromkeys(("reduce", "scan"), "reduce"),
    **dict.fromkeys(("upsample", "sample"), "resize"),
    **dict.fromkeys(("cat", "move"), "cat"),
    **dict.fromkeys(("attention", "matmul"), "matmul"),
    **{one: one for one in ("linear", "norm", "softmax", "max_pool")},
}

_LIKE = {
    "activation": "mul",
    "softmax": "norm",
    "float_conv": "conv",
    "float_pointwise": "pointwise",
    "float_depthwise": "depthwise",
}
"""Family -> the family that it is taken for where a fit lacks it."""


def family(layer: Layer, bits: int = FLOAT_BITS[0]) -> str:
    """Layers that the same kernels compute; empty where no family is known.

    A convolution of integers whose activation function takes a pass of its own is computed in
    floats: the runtime has no kernel that ends in such a function with integers.

    Args:
        layer: The layer.
        bits: Width at which it is computed.
    """
    found = _kernel(layer)
    own_pass = any(operator.rstrip("_") in PASS_OF for operator in layer.operators)
    if bits < FLOAT_BITS[0] and own_pass and found in {"conv", "pointwise", "depthwise"}:
        return f"float_{found}"
    return found


def _kernel(layer: Layer) -> str:
    """The family of a layer whose width does not matter."""
    if layer.kind == "conv" and layer.groups > 1:
        return "depthwise" if layer.gemms and layer.gemms[0].filters == 1 else "grouped"
    if layer.kind == "conv":
        return "pointwise" if math.prod(layer.kernel) == 1 else "conv"
    if layer.kind == "avg_pool":
        whole = not layer.kernel or layer.output_elements == layer.output_shape[0]
        return "reduce" if whole else "avg_pool"
    return _FAMILY.get(layer.kind, "")


def work(layer: Layer) -> dict[str, float]:
    """What a layer does, in units of each kind of work."""
    read = float(sum(map(math.prod, layer.input_shapes)))
    written = float(layer.output_elements)
    pixels = float(math.prod(layer.output_shape[1:]))
    found = {"layer": 1.0, "read": read, "written": written, "pixels": pixels}
    if layer.output_shape and layer.output_shape[0] % LANES:
        found["unaligned"] = written
    if layer.gemms:
        found["macs"] = float(layer.macs)
        found["padded_macs"] = float(
            sum(
                one.out_pixels * one.filter_size * one.repeats * _padded(one.filters)
                for one in layer.gemms
            )
        )
        found["packed"] = float(
            sum(one.out_pixels * one.filter_size * one.repeats for one in layer.gemms)
        )
        found["weights"] = float(layer.weight_elements)
    elif layer.kernel:
        found["window"] = math.prod(layer.kernel) * written
    for operator in layer.operators:
        name = PASS_OF.get(operator.rstrip("_"))
        if name is not None:
            found[name] = found.get(name, 0.0) + written
            found["passes"] = found.get("passes", 0.0) + 1.0
    return found


def fitted_s(layer: Layer, device: Device, weight_bits: int, activation_bits: int) -> float:
    """Seconds by the fit of the narrowest width that holds the operands.

    Args:
        layer: The layer.
        device: A device whose model is ``fitted``.
        weight_bits: Width of the layer's weight, bits; 0 without one.
        activation_bits: Width of its widest input, bits.

    Raises:
        LatencyError: The fit has no such width, or no layers like this one.
    """
    bits = max(weight_bits, activation_bits)
    holding = [width for width in device.fit if width >= bits]
    if not holding:
        there = ", ".join(map(str, sorted(device.fit)))
        raise LatencyError(
            f"{layer.name}: the fit of {device.name} must hold operands of {bits} bits, it has "
            f"{there}"
        )
    unit_s = fit_for(device.fit[min(holding)], layer, min(holding))
    if unit_s is None:
        if device.unknown_operators == "traffic":
            return 0.0
        raise LatencyError(
            f"{layer.name}: the fit of {device.name} has no layers of kind {layer.kind!r}; measure "
            "the network itself, autosplit profile --run, or let the profile say "
            "unknown_operators: traffic"
        )
    return unit_seconds(unit_s, layer)


def fit_for(
    families: Mapping[str, Mapping[str, float]], layer: Layer, bits: int
) -> Mapping[str, float] | None:
    """Seconds of units of work of a layer's family, or of one like it; None: neither is known.

    Args:
        families: Family -> kind of work -> seconds of a unit.
        layer: The layer.
        bits: Width of the fit.
    """
    own = family(layer, bits)
    return families.get(own, families.get(_LIKE.get(own, "")))


def unit_seconds(unit_s: Mapping[str, float], layer: Layer) -> float:
    """Seconds of the work of a layer.

    Args:
        unit_s: Kind of work -> seconds of a unit.
        layer: The layer.
    """
    units = work(layer)
    return math.fsum(seconds * units.get(name, 0.0) for name, seconds in unit_s.items())


def _padded(filters: int) -> int:
    """Channels of the registers that hold so many; a depthwise kernel's lie side by side."""
    return filters if filters == 1 else -(-filters // LANES) * LANES
