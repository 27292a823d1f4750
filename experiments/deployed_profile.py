"""Seconds of each layer as onnxruntime runs it on this machine, as profiles of model ``table``.

onnxruntime runs fused nodes, each with the name of a node or of a value before fusing, and with it
its layer.  One that is new, such as a change of memory layout, belongs to the node before it.
"""

import json
import re
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto
from torch import Tensor, nn
from torch._ops import OpOverload

from autosplit.capture.program import Program
from autosplit.deploy.edge_onnx import edge_onnx, example_inputs
from autosplit.deploy.onnx_export import export_onnx
from autosplit.files import write_csv, write_yaml
from autosplit.halves.partition import cloud_part
from autosplit.plan.planfile import PlanFile

RUNS = 30
SOURCE = (
    "Measured by experiments/deployed.py on the machine that it ran on: medians of onnxruntime "
    "{version} on one thread, {runs} runs, batch 1."
)


class _Whole(nn.Module):
    """A program that takes any number of tensors."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = self.inner(*inputs)
        return found


def write_profiles(program: Program, file: PlanFile, folder: Path) -> None:
    """Measure a network's layers as integers and as floats.

    Args:
        program: The captured network.
        file: A plan that computes all of it on the edge, at 8 bits.
        folder: Gets ``edge.yaml`` and ``cloud.yaml`` with their tables.
    """
    integers = edge_onnx(program, file)
    _write(folder, "edge", program, _seconds(integers, _grid_layers(integers, program)))
    floats = _float_model(program)
    _write(folder, "cloud", program, _seconds(floats, _operator_layers(floats, program)))


def _write(folder: Path, name: str, program: Program, seconds: Mapping[str, float]) -> None:
    rows = [{"layer": one, "seconds": seconds.get(one, 0.0)} for one in program.graph.by_name]
    write_csv(folder / f"{name}.csv", ("layer", "seconds"), rows)
    about = {
        "name": f"this_{name}",
        "source": SOURCE.format(version=onnxruntime.__version__, runs=RUNS),
        "model": "table",
        "table": f"{name}.csv",
        "float_bits": 32,
    }
    write_yaml(folder / f"{name}.yaml", "device", about)


def _float_model(program: Program) -> ModelProto:
    cut = program.graph.cut(())
    half = cloud_part(program, cut)
    layouts = [program.layouts[name] for name in half.reads]
    example = example_inputs(program, half)
    axes = [one.axis for one in layouts]
    return export_onnx(_Whole(half.module()), example, axes, half.reads, half.writes)


def _grid_layers(model: ModelProto, program: Program) -> dict[str, Any]:
    """Value -> layer in an edge half: the k-th value on a grid is the k-th tensor's."""
    order = {node.name: place for place, node in enumerate(program.module.graph.nodes)}
    tensors = sorted(program.nodes, key=lambda one: order[program.nodes[one]])
    grids = [n for n in model.graph.node if re.fullmatch(r"node_on_grid(_\d+)?", n.name)]
    owner = {}
    for tensor, node in zip(tensors, grids, strict=True):
        owner[node.output[0]] = owner[node.input[0]] = tensor
    return _backwards(model, owner)


def _operator_layers(model: ModelProto, program: Program) -> dict[str, Any]:
    """Value -> layer in a float half: the k-th value of an operator is its k-th call's."""
    layer_of = {node: layer for layer, node in program.nodes.items()}
    calls = defaultdict(list)
    owner_of = {}
    for node in reversed(program.module.graph.nodes):
        users = [owner_of[user] for user in node.users if user in owner_of]
        found = layer_of.get(node.name) or (users[0] if users else None)
        if found is not None:
            owner_of[node] = found
    for node in program.module.graph.nodes:
        if node.op == "call_function" and isinstance(node.target, OpOverload):
            calls[node.target.name().partition("::")[2].partition(".")[0]].append(
                owner_of.get(node)
            )
    seen, owner = Counter(), {}
    for node in model.graph.node:
        base = re.sub(r"_\d+$", "", node.output[0])
        if base in calls and seen[base] < len(calls[base]):
            owner[node.output[0]] = calls[base][seen[base]]
            seen[base] += 1
    return _backwards(model, owner)


def _backwards(model: ModelProto, owner: dict[str, Any]) -> dict[str, Any]:
    """The same with values that only a layer's own operators read."""
    for node in reversed(model.graph.node):
        found = next((owner[one] for one in node.output if one in owner), None)
        for name in node.input:
            if found is not None:
                owner.setdefault(name, found)
    return owner


def _seconds(model: ModelProto, owner: dict[str, Any]) -> dict[str, float]:
    """Layer -> median seconds."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.x64quantprecision", "1")
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
        inputs = {
            one.name: np.zeros([d if isinstance(d, int) else 1 for d in one.shape], kinds[one.type])
            for one in session.get_inputs()
        }
        for _ in range(RUNS):
            session.run(None, inputs)
        events = json.loads(Path(session.end_profiling()).read_text())
    for node in model.graph.node:
        owner.setdefault(node.name, owner.get(node.output[0]))
    times = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            times[event["name"].removesuffix("_kernel_time")].append(1e-6 * event["dur"])
    found, layer = defaultdict(float), None
    for name, seconds in times.items():
        layer = owner.get(re.sub(r"_nchwc$|_token_\d+$", "", name)) or layer
        if layer is not None:
            found[layer] += statistics.median(seconds)
    return found
