"""What it costs that a tensor crosses: a change of memory layout, and integers that become floats.

Inside a network onnxruntime keeps images as it likes, integers with their channels last and floats
in blocks of channels.  An edge half gives its tensors with the channels first and a cloud half
takes them so: a cut inside such a stretch has a Transpose or Reorder that the whole network has
not.  Its price belongs to the tensor that crosses there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autosplit.deploy.node_seconds import BETWEEN_S, PART, measure_fresh
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Shape

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

FIRST, LAST, BLOCKS = "channels first", "channels last", "blocks"
_BLOCKS_DOMAIN, _LAST_DOMAIN = "com.microsoft.nchwc", "com.ms.internal.nhwc"


def layouts(optimized: ModelProto) -> dict[str, str]:
    """Layer -> how the output of its last node lies in memory.

    Args:
        optimized: A model with nodes named by ``name_nodes``, as onnxruntime optimized it.
    """
    of_value: dict[str, str] = {}
    of_layer: dict[str, str] = {}
    for node in optimized.graph.node:
        inherited = [of_value[name] for name in node.input if name in of_value]
        found = _written(node) or next((one for one in inherited if one != FIRST), FIRST)
        of_value |= dict.fromkeys(node.output, found)
        layer, part, _ = node.name.partition(PART)
        if part and node.op_type != "Transpose":
            of_layer[layer] = found
    return of_layer


def _written(node: NodeProto) -> str | None:
    """The layout that a node writes; None: that of its input."""
    attributes = {one.name: one for one in node.attribute}
    if node.op_type == "Transpose":
        return LAST if list(attributes["perm"].ints) == [0, 2, 3, 1] else FIRST
    if node.domain == _BLOCKS_DOMAIN:
        return FIRST if node.op_type == "ReorderOutput" else BLOCKS
    if node.domain == _LAST_DOMAIN or (
        "channels_last" in attributes and attributes["channels_last"].i
    ):
        return LAST
    return FIRST if node.op_type in ("Gemm", "QGemm", "MatMul", "Reshape", "Conv") else None


def crossing_seconds(
    graph: Graph,
    integers: Mapping[str, str],
    floats: Mapping[str, str],
    folder: Path,
    threads: int,
) -> dict[str, tuple[float, float]]:
    """Tensor -> seconds to give it on the edge, and to take it in the cloud.

    Args:
        graph: The network.
        integers: Layer -> layout of its output in the edge half.
        floats: Layer -> layout of its output in the cloud half.
        folder: An empty folder, for models of one or two nodes.
        threads: Threads that onnxruntime computes with.
    """
    import onnx

    images = {t: graph.shape(t) for t in graph.tensors if t not in graph.integers}
    wanted: dict[str, tuple[str, Shape]] = {}
    for tensor, shape in images.items():
        if len(shape) == 3 and integers.get(tensor) == LAST:
            wanted[_name("give", shape)] = ("give", shape)
        blocked = len(shape) == 3 and shape[0] % 16 == 0 and floats.get(tensor) == BLOCKS
        wanted[_name("block" if blocked else "take", shape)] = (
            "block" if blocked else "take",
            shape,
        )
    for name, (kind, shape) in wanted.items():
        onnx.save(_model(kind, shape), folder / f"{name}.onnx")
    found = {name: _seconds(one.nodes) for name, one in measure_fresh(folder, threads).items()}
    prices = {}
    for tensor, shape in images.items():
        give = found.get(_name("give", shape), 0.0) if integers.get(tensor) == LAST else 0.0
        take = found.get(_name("take", shape))
        prices[tensor] = give, found[_name("block", shape)] if take is None else take
    return prices


def _seconds(nodes: Mapping[str, float]) -> float:
    return sum(nodes.values()) + BETWEEN_S * len(nodes) / 2


def _name(kind: str, shape: Shape) -> str:
    return f"{kind}-{'x'.join(map(str, shape))}"


def _model(kind: str, shape: Shape) -> ModelProto:
    """Integers to channels first (``give``) or to floats (``take``), also in blocks (``block``)."""
    from onnx import TensorProto, helper

    given, taken = [1, *shape], [1, *shape]
    nodes: list[Any] = []
    if kind == "give":
        given = [1, *shape[1:], shape[0]]
        nodes.append(helper.make_node("Transpose", ["x"], ["y"], name="n0", perm=[0, 3, 1, 2]))
    else:
        out = "y" if kind == "take" else "real"
        nodes.append(helper.make_node("DequantizeLinear", ["x", "scale", "zero"], [out], name="n0"))
    if kind == "block":
        nodes.append(
            helper.make_node("ReorderInput", ["real"], ["y"], name="n1", domain=_BLOCKS_DOMAIN)
        )
    written = TensorProto.UINT8 if kind == "give" else TensorProto.FLOAT
    made = helper.make_graph(
        nodes,
        "crossing",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, given)],
        [helper.make_tensor_value_info("y", written, taken)],
        [
            helper.make_tensor("scale", TensorProto.FLOAT, [], [0.5]),
            helper.make_tensor("zero", TensorProto.UINT8, [], [3]),
        ][: 2 * (kind != "give")],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(_BLOCKS_DOMAIN, 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=10)
