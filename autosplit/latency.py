"""Seconds that layers, cuts and transfers take: one function per latency model, a dict of them.

A layer takes ``dispatch + max(compute, traffic / bandwidth)`` seconds: memory traffic overlaps with
computation (the roofline bound of Williams, Waterman and Patterson, CACM 52(4), 2009), layers run
one after the other.  Compute seconds are the device's latency model's; traffic counts every byte
that the layer must read or write once, packed at its width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from autosplit.errors import LatencyError, did_you_mean
from autosplit.graph.graph import Cut, Graph
from autosplit.graph.layer import FIXED_BITS, Layer
from autosplit.graph.memory import crossing_bytes, packed_bytes
from autosplit.plan import Prediction
from autosplit.profiles import DATAFLOWS, Device, Link

ANSWER_BITS = 32
"""Width of an answer on its way back from the cloud."""
PASSES = 5
"""Operations per element of a norm (sum, centre, sum of squares, scale, shift) and of a softmax
(maximum, subtract, exponential, sum, divide)."""
TAPS = 4
"""Operations per output element of an upsampling: bilinear, the dearer of the usual two."""

Model = Callable[[Layer, Device, int], float]
"""Compute seconds of one layer on a device, its operands (the widest of them) at some bits."""


def systolic_cycles(
    out_pixels: int, filter_size: int, filters: int, rows: int, cols: int, dataflow: str
) -> int:
    """Count the compute cycles of one matrix multiplication on a systolic array.

    Equal to what SCALE-Sim 3.0.0 reports.  The array works through the product in folds of its
    own size; a fold is as long as its operands need to get in and through, 2R + C + T - 2 cycles
    for T streamed operands (Samajdar et al., ISPASS 2020, run-time model of section III).  Under
    ``os`` the simulator lets the next fold begin while results leave, which saves R cycles.  It
    reports the number of the last cycle, counted from 0, hence one less:

    - ``os``: ceil(E / R) ceil(N / C) (R + C + K - 2) - 1
    - ``ws``: ceil(K / R) ceil(N / C) (2R + C + E - 2) - 1
    - ``is``: ceil(K / R) ceil(E / C) (2R + C + N - 2) - 1

    Args:
        out_pixels: Output positions, E, at least 1.
        filter_size: Length of one dot product, K, at least 1.
        filters: Output channels, N, at least 1.
        rows: Rows of the array, R, at least 1.
        cols: Columns of the array, C, at least 1.
        dataflow: What stays in the array: ``os`` outputs, ``ws`` weights, ``is`` inputs.

    Returns:
        Cycles, without stalls for memory.

    Raises:
        LatencyError: An argument is not a positive integer, or the dataflow is unknown.

    >>> systolic_cycles(196, 576, 64, rows=12, cols=14, dataflow="os")
    50999
    """
    sizes = {
        "out_pixels": out_pixels,
        "filter_size": filter_size,
        "filters": filters,
        "rows": rows,
        "cols": cols,
    }
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise LatencyError(f"{name}: must be an integer of at least 1, got {size!r}")
    if dataflow not in DATAFLOWS:
        hint = did_you_mean(str(dataflow), DATAFLOWS)
        raise LatencyError(f"dataflow: must be a known one, got {dataflow!r}{hint}")
    down, across, streamed = {
        "os": (out_pixels, filters, filter_size - rows),  # its operands are not loaded first
        "ws": (filter_size, filters, out_pixels),
        "is": (filter_size, out_pixels, filters),
    }[dataflow]
    folds = -(-int(down) // int(rows)) * -(-int(across) // int(cols))
    return folds * (2 * int(rows) + int(cols) + int(streamed) - 2) - 1


def traffic_bits(
    layer: Layer, graph: Graph, weight_bits: int, activation_bits: Mapping[str, int]
) -> int:
    """Count the bits that a layer moves to and from memory, each tensor once.

    Weights and fixed parameters, the inputs and the output, all packed.  Of an input, what is read
    is counted: part of a tensor behind a slicing view costs that part, and a broadcast tensor is
    read once.  Of an embedding, the rows looked up are counted, not the table.

    Args:
        layer: The layer.
        graph: The graph that it belongs to.
        weight_bits: Width of its weight; ignored without one.
        activation_bits: Tensor -> width, for its inputs and its output.

    Raises:
        LatencyError: A tensor has no width.
    """
    weights, fixed = layer.weight_elements, layer.fixed_elements
    if layer.kind == "embedding":
        weights, fixed = min(weights, layer.output_elements), min(fixed, layer.output_elements)
    moved = packed_bytes(weights, weight_bits) + packed_bytes(fixed, FIXED_BITS)
    for tensor, shape in zip(layer.inputs, layer.input_shapes, strict=True):
        read = min(math.prod(shape), graph.elements(tensor))
        moved += packed_bytes(read, _width(layer, tensor, activation_bits))
    written = packed_bytes(layer.output_elements, _width(layer, layer.name, activation_bits))
    return 8 * (moved + written)


def layer_s(
    layer: Layer,
    graph: Graph,
    device: Device,
    weight_bits: int,
    activation_bits: Mapping[str, int],
) -> float:
    """Predict the seconds of one layer: dispatch, then computation overlapped with its traffic.

    It computes at the width of its widest operand, the weight or an input.

    Args:
        layer: The layer.
        graph: The graph that it belongs to.
        device: Where it runs.
        weight_bits: Width of its weight; ignored without one.
        activation_bits: Tensor -> width, for its inputs and its output.

    Raises:
        LatencyError: The device's model does not know the layer, or a tensor has no width.
    """
    operands = [_width(layer, tensor, activation_bits) for tensor in layer.inputs]
    if layer.weight_elements:
        operands.append(weight_bits)
    compute_s = _model(device)(layer, device, max(operands, default=1))
    moved_bytes = traffic_bits(layer, graph, weight_bits, activation_bits) / 8
    return device.dispatch_s + max(compute_s, moved_bytes / device.bandwidth_bytes_per_s)


def edge_s(
    cut: Cut, device: Device, weight_bits: Mapping[str, int], activation_bits: Mapping[str, int]
) -> float:
    """Predict the seconds of the edge half, its layers one after the other.

    Args:
        cut: The cut.
        device: The edge device.
        weight_bits: Layer that stores a weight -> its width; who shares it reads it at that width.
        activation_bits: Tensor -> width, for the network's inputs and every edge layer.

    Raises:
        LatencyError: The device's model does not know a layer, or a tensor has no width.
    """
    seconds = 0.0
    for name in cut.edge:
        layer = cut.graph.by_name[name]
        owner = layer.weight_owner or name
        if layer.weight_elements and owner not in weight_bits:
            raise LatencyError(f"{name}: the weight stored with {owner!r} must have a width")
        bits = weight_bits[owner] if layer.weight_elements else 0
        seconds += layer_s(layer, cut.graph, device, bits, activation_bits)
    return seconds


def cloud_s(cut: Cut, device: Device, bits: int | None = None) -> float:
    """Predict the seconds of the cloud half, all of it at one width.

    Args:
        cut: The cut.
        device: The cloud device.
        bits: Width; the device's floats if None.

    Raises:
        LatencyError: The device's model does not know a layer.
    """
    bits = device.float_bits if bits is None else bits
    widths = dict.fromkeys(cut.graph.tensors, bits)
    layers = (cut.graph.by_name[name] for name in cut.cloud)
    return sum((layer_s(layer, cut.graph, device, bits, widths) for layer in layers), 0.0)


def transfer_s(
    cut: Cut, link: Link, activation_bits: Mapping[str, int], sent_bytes: int | None = None
) -> float:
    """Predict the seconds on the link: crossing tensors up in one message, answers back.

    Nothing that crosses costs nothing, not even a round trip.  Answers computed in the cloud come
    back at 32 bits an element if the link has a downlink.

    Args:
        cut: The cut.
        link: The link.
        activation_bits: Tensor -> width, for every crossing tensor.
        sent_bytes: What is sent for one sample; None: the crossing tensors packed to their widths.
    """
    seconds = 0.0
    if cut.crossing:
        sent = crossing_bytes(cut, activation_bits) if sent_bytes is None else sent_bytes
        seconds += link.transfer_s(8 * sent)
    if cut.answers:
        elements = sum(cut.graph.elements(tensor) for tensor in cut.answers)
        seconds += link.answer_s(ANSWER_BITS * elements)
    return seconds


def predict(
    cut: Cut,
    weight_bits: Mapping[str, int],
    activation_bits: Mapping[str, int],
    edge: Device,
    cloud: Device,
    link: Link,
    cloud_bits: int | None = None,
    sent_bytes: int | None = None,
) -> Prediction:
    """Predict the seconds of a cut at these widths, from the input to the answer.

    Args:
        cut: The cut.
        weight_bits: Layer that stores a weight -> its width, for every stored edge weight.
        activation_bits: Tensor -> width, for the network's inputs and every edge layer.
        edge: The edge device.
        cloud: The cloud device.
        link: The link between them.
        cloud_bits: Width of the cloud half; the cloud device's floats if None.
        sent_bytes: As for ``transfer_s``.

    Raises:
        LatencyError: A device's model does not know a layer, or a tensor has no width.
    """
    return Prediction(
        edge_s=edge_s(cut, edge, weight_bits, activation_bits),
        transfer_s=transfer_s(cut, link, activation_bits, sent_bytes),
        cloud_s=cloud_s(cut, cloud, cloud_bits),
    )


def compute_table(graph: Graph, device: Device, widths: Sequence[int]) -> npt.NDArray[np.float64]:
    """Tabulate compute seconds by operand width, without dispatch and traffic.

    Args:
        graph: The graph.
        device: Where its layers run.
        widths: Operand widths, bits, length B.

    Returns:
        Seconds of layer l at width b, shape (L, B), layers in topological order.

    Raises:
        LatencyError: The device's model does not know a layer.
    """
    model = _model(device)
    return np.array([[model(layer, device, bits) for bits in widths] for layer in graph.layers])


def operations(layer: Layer, device: Device) -> int:
    """Count what a layer does besides products: elementwise operations, for one sample.

    An activation fused into the layer that feeds it is free.  The softmax inside an attention
    counts, over the elements of its first product, the scores.

    Raises:
        LatencyError: The layer has no products, and its kind is unknown.
    """
    if layer.kind == "attention" and layer.gemms:
        scores = layer.gemms[0]
        return PASSES * scores.out_pixels * scores.filters * scores.repeats
    if layer.gemms:
        return 0
    if layer.kind not in _OPERATIONS:
        raise LatencyError(
            f"{layer.name}: no cost is known for kind {layer.kind!r} on {device.name} (model "
            f"{device.model}){did_you_mean(layer.kind, VECTOR_KINDS)}; measure the layers and use "
            "a device of model table"
        )
    return _OPERATIONS[layer.kind](layer)


def _systolic_s(layer: Layer, device: Device, operand_bits: int) -> float:
    """Seconds on a systolic array; operands wider than its multipliers take several passes.

    At or below the native width nothing gets faster; Auto-Split (KDD 2021) counts the same way.
    """
    cycles = sum(
        gemm.repeats
        * systolic_cycles(
            gemm.out_pixels,
            gemm.filter_size,
            gemm.filters,
            device.rows,
            device.cols,
            device.dataflow,
        )
        for gemm in layer.gemms
    )
    passes = -(-operand_bits // device.native_bits)
    lanes = device.vector_lanes or device.cols
    return (cycles * passes + -(-operations(layer, device) // lanes)) / device.clock_hz


def _roofline_s(layer: Layer, device: Device, operand_bits: int) -> float:
    """Seconds at peak rate, of the narrowest listed width that holds the operands."""
    peaks = device.peak_macs_per_s
    seconds = operations(layer, device) / (device.elementwise_ops_per_s or min(peaks.values()))
    if not layer.gemms:
        return seconds
    width = min((bits for bits in peaks if bits >= operand_bits), default=None)
    if width is None:
        listed = ", ".join(map(str, sorted(peaks)))
        raise LatencyError(
            f"{layer.name}: needs {operand_bits}-bit operands, {device.name} has peak_macs_per_s "
            f"for {listed} only"
        )
    return seconds + layer.macs / peaks[width]


def _table_s(layer: Layer, device: Device, operand_bits: int) -> float:
    """Seconds as measured, whatever the width."""
    del operand_bits
    if layer.name not in device.table:
        hint = did_you_mean(layer.name, device.table)
        raise LatencyError(f"{layer.name}: the table of {device.name} has no such layer{hint}")
    return device.table[layer.name]


def _model(device: Device) -> Model:
    if device.model not in MODELS:
        hint = did_you_mean(device.model, MODELS)
        raise LatencyError(f"{device.name}: no latency model {device.model!r}{hint}")
    return MODELS[device.model]


def _width(layer: Layer, tensor: str, activation_bits: Mapping[str, int]) -> int:
    if tensor not in activation_bits:
        raise LatencyError(f"{layer.name}: tensor {tensor!r} must have a width")
    return activation_bits[tensor]


def _nothing(layer: Layer) -> int:
    """Traffic only."""
    del layer
    return 0


def _per_output(layer: Layer) -> int:
    """One operation per output element and further input, at least one."""
    return layer.output_elements * max(1, len(layer.inputs) - 1)


def _per_input(layer: Layer) -> int:
    """One operation per input element."""
    return sum(map(math.prod, layer.input_shapes))


def _per_window(layer: Layer) -> int:
    """One operation per element under the window; without a kernel the window is the image."""
    if not layer.kernel:
        return _per_input(layer)
    return math.prod(layer.kernel) * layer.output_elements


def _in_passes(layer: Layer) -> int:
    return PASSES * layer.output_elements


def _in_taps(layer: Layer) -> int:
    return TAPS * layer.output_elements


_OPERATIONS: dict[str, Callable[[Layer], int]] = {
    "add": _per_output,
    "sub": _per_output,
    "mul": _per_output,
    "div": _per_output,
    "activation": _per_output,
    "elementwise": _per_output,
    "reduce": _per_input,
    "max_pool": _per_window,
    "avg_pool": _per_window,
    "norm": _in_passes,
    "softmax": _in_passes,
    "upsample": _in_taps,
    "embedding": _nothing,
    "cat": _nothing,
    "move": _nothing,
}
VECTOR_KINDS = frozenset(_OPERATIONS)
"""Kinds of layers without products whose cost is known; ``cat``, ``embedding`` and ``move`` (pad,
roll, gather, channel shuffle ...) cost their traffic only."""

MODELS: dict[str, Model] = {
    "systolic": _systolic_s,
    "roofline": _roofline_s,
    "table": _table_s,
}
