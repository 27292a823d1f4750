"""Halves of prefix cuts, taken out of the ONNX form of a whole network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from autosplit.graph.graph import Cut


def edge_half(whole: ModelProto, ends: Mapping[str, str], cut: Cut) -> ModelProto:
    """The edge half of a cut: from the network's inputs to the integers of what crosses.

    Args:
        whole: A network as integers.
        ends: Value -> the tensor that it is.
        cut: The cut; something crosses.
    """
    value_of = {tensor: value for value, tensor in ends.items()}
    writers = {name: node for node in whole.graph.node for name in node.output}
    integers = [writers[value_of[tensor]].input[0] for tensor in cut.crossing]
    nodes = _needed(whole.graph, integers, ())
    outputs = [helper.make_tensor_value_info(name, TensorProto.UINT8, None) for name in integers]
    return _model(whole, nodes, list(whole.graph.input), outputs)


def cloud_half(whole: ModelProto, ends: Mapping[str, str], cut: Cut) -> ModelProto:
    """The cloud half of a cut: from 8-bit integers of what crosses to the answers.

    Args:
        whole: A network as floats.
        ends: Value -> the tensor that it is.
        cut: The cut; something crosses.
    """
    value_of = {tensor: value for value, tensor in ends.items()}
    crossing = [value_of[tensor] for tensor in cut.crossing]
    nodes, inputs = [], []
    for place, tensor in enumerate(cut.crossing):
        name = f"sent{place}"
        shape = [1, *cut.graph.shape(tensor)]
        inputs.append(helper.make_tensor_value_info(name, TensorProto.UINT8, shape))
        read = [name, "sent.scale", "sent.zero"]
        nodes.append(helper.make_node("DequantizeLinear", read, [crossing[place]], name=name))
    answers = [one.name for one in whole.graph.output]
    nodes += _needed(whole.graph, answers, crossing)
    made = _model(whole, nodes, inputs, list(whole.graph.output))
    made.graph.initializer.append(helper.make_tensor("sent.scale", TensorProto.FLOAT, [], [0.02]))
    made.graph.initializer.append(helper.make_tensor("sent.zero", TensorProto.UINT8, [], [100]))
    return made


def _needed(graph: GraphProto, wanted: Sequence[str], known: Iterable[str]) -> list[NodeProto]:
    """Nodes that compute some values, in order."""
    missing, kept = {*wanted} - {*known}, []
    for node in reversed(graph.node):
        if missing & {*node.output} - {*known}:
            kept.append(node)
            missing |= {*node.input} - {*known}
    return kept[::-1]


def _model(whole: ModelProto, nodes: list[NodeProto], inputs: list, outputs: list) -> ModelProto:  # type: ignore[type-arg]
    read = {name for node in nodes for name in node.input}
    stored = [one for one in whole.graph.initializer if one.name in read]
    read_inputs = [one for one in inputs if one.name in read]
    graph = helper.make_graph(nodes, "half", read_inputs, outputs, stored)
    return helper.make_model(
        graph, opset_imports=list(whole.opset_import), ir_version=whole.ir_version
    )
