"""The integers of an edge half as a C header: weights packed at their widths, and every constant.

The header has no code but one function that reads an integer of a packed array.  A device's own
kernels compute with it; ``halves/lowering.py`` says what they must compute, to the last bit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from autosplit.capture.program import Program
from autosplit.deploy.operator_layers import layer_of
from autosplit.grid.grid import Grid
from autosplit.halves.integer_kernels import IntegerWeight
from autosplit.halves.lowering import bias_steps
from autosplit.halves.quantized import check_plan, integer_weights, marked_half
from autosplit.halves.wire.pack import pack_rows
from autosplit.plan.planfile import PlanFile
from autosplit.quantize.affine import numbers_along

_HEAD = """\
/* Edge half of {network}, plan {plan}: integers of autosplit.

   NAME_codes    integers of a weight, packed without gaps, the lowest bits first, C order
   NAME_shape    shape of the weight; NAME_axis: its axis of output channels
   NAME_scale    step of each output channel;  weight = (integer - zero) * scale
   NAME_zero     integer that stands for zero, of each output channel
   NAME_bias     bias in steps of (scale of the input) * (scale of the channel), 32 bits
   NAME_tensor_* the same of a tensor: value = (integer - zero) * scale, integers 0..2^bits - 1 */
#ifndef {guard}
#define {guard}

#include <stdint.h>

/* Integer number `place` of a packed array of integers of `bits` bits, 1..32. */
static inline uint32_t autosplit_code(const uint8_t *data, int bits, uint32_t place) {{
    uint64_t first = (uint64_t)place * (uint64_t)bits, value = 0;
    for (int bit = 0; bit < bits; bit++) {{
        uint64_t at = first + (uint64_t)bit;
        value |= (uint64_t)((data[at >> 3] >> (at & 7)) & 1u) << bit;
    }}
    return (uint32_t)value;
}}
"""
_LINE = 16
"""Numbers of a line."""


def c_header(program: Program, file: PlanFile) -> str:
    """The text of the header of a plan's edge half.

    Args:
        program: The captured network.
        file: The plan with its grids.

    Raises:
        PlanError: The plan is for a network with other layers, or was finished for one with other
            weights.
    """
    cut = check_plan(program, file)
    half = marked_half(program, file, cut)
    weights = integer_weights(program, file, cut)
    biases = {
        layer_of(program, half, operator): bias.steps.long().numpy()
        for operator, bias in bias_steps(half, weights).items()
    }
    names = c_names([*cut.edge_tensors])
    guard = f"AUTOSPLIT_{_plain(program.graph.name)}_{_plain(file.plan.name)}_H".upper()
    parts = [_HEAD.format(network=program.graph.name, plan=file.plan.name, guard=guard)]
    for tensor, name in names.items():
        parts.append(f"/* {tensor} */")
        grid = file.activations[tensor]
        if isinstance(grid, Grid):
            scale, zero = grid.per_tensor
            parts += [
                f"#define {name}_tensor_bits {grid.bits}",
                f"#define {name}_tensor_scale {_float(scale)}",
                f"#define {name}_tensor_zero {zero}",
            ]
        if tensor in cut.weights:
            parts += _weight(name, weights[program.weights[tensor].target])
        if tensor in biases:
            parts.append(_array("int32_t", f"{name}_bias", biases[tensor]))
    return "\n".join([*parts, "#endif", ""])


def c_names(tensors: Iterable[str]) -> dict[str, str]:
    """Tensor -> a name in C, each different.

    >>> c_names(["a.b", "a_b", "0"])
    {'a.b': 't0_a_b', 'a_b': 't1_a_b', '0': 't2_0'}
    """
    return {tensor: f"t{place}_{_plain(tensor)}" for place, tensor in enumerate(tensors)}


def _plain(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def _weight(name: str, weight: IntegerWeight) -> Iterator[str]:
    """Lines of one weight."""
    grid = weight.grid
    _, zero = numbers_along(grid, weight.axis, weight.levels.dim())
    codes = (weight.levels + zero).long().numpy()
    yield f"#define {name}_bits {grid.bits}"
    yield f"#define {name}_count {codes.size}"
    yield f"#define {name}_axis {weight.axis}"
    yield _array("int32_t", f"{name}_shape", np.asarray(codes.shape))
    yield _array("uint8_t", f"{name}_codes", pack_rows(codes.reshape(1, -1), grid.bits)[0])
    yield _array("float", f"{name}_scale", np.asarray(grid.scale, np.float32))
    yield _array("int32_t", f"{name}_zero", np.asarray(grid.zero_point))


def _array(kind: str, name: str, values: npt.NDArray[Any]) -> str:
    """A constant array."""
    flat = values.reshape(-1)
    words = [_float(one) for one in flat] if kind == "float" else [str(one) for one in flat]
    lines = (", ".join(words[i : i + _LINE]) for i in range(0, len(words), _LINE))
    return f"static const {kind} {name}[{len(words)}] = {{\n" + ",\n".join(lines) + "};"


def _float(value: float) -> str:
    """A float32 to its last bit: hexadecimal, as C99 reads it."""
    return f"{float(np.float32(value)).hex()}f"
