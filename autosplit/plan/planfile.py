"""A plan as YAML, with what an evaluation needs, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from autosplit import __version__
from autosplit.errors import DataError, FileError, GraphError, PlanError
from autosplit.files import check_keys, read_yaml, sha256_of, write_bytes, write_yaml
from autosplit.graph.graph import Cut, Graph
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes
from autosplit.grid.grid import ElementFormat, Grid, Unquantized
from autosplit.halves.wire.layout import WireLayout, layout_from_list, layout_to_list
from autosplit.hardware.prediction import Prediction
from autosplit.plan.checks import grid_problems, value_problems
from autosplit.plan.codes import read_integers
from autosplit.plan.crossing import reordered, wire_layout
from autosplit.plan.plan import Origin, Plan
from autosplit.stats.jpeg import InputCoding, coding_from_dict, coding_to_dict

_PLAN_KEYS = (
    "made_by name method model graph_sha256 edge weights activations distortion lower_bound "
    "edge_memory_bytes crossing_bytes cloud_bits jpeg predictions baseline"
).split()
_OPTIONAL_KEYS = ("wire", "integers", "equalized", "weights_sha256", "finished")


@dataclass(frozen=True)
class PlanFile:
    """All that an evaluation needs beside the network: what ``plans/NAME.yaml`` holds.

    Attributes:
        plan: The plan.
        weights: Layer that stores a weight -> its grids, one for each output channel, or the
            width of its floats.
        activations: Edge tensor -> its grid, or the width of its floats.
        model: Name of the network.
        graph_sha256: Of ``graph.json``, which says which network it is.
        baseline: Name of the plan that it is compared with.
        baseline_latency_s: Link -> seconds of that plan.
        codes: Layer that stores a weight -> its integers, uint8, in the weight's shape; without,
            each weight takes the integer nearest to it.
        biases: Layer -> bias that goes with those, float32, shape (C,); without, the network's.
        equalized: Whether it is of the network as ``equalize`` changes it.
        weights_sha256: Of the numbers of the network that it was finished for; empty: not known.
        origin: What it was made of, if it was finished.
        wire: What a message holds; None: as ``wire_layout`` derives it.
    """

    plan: Plan
    weights: Mapping[str, ElementFormat]
    activations: Mapping[str, ElementFormat]
    model: str
    graph_sha256: str
    baseline: str = ""
    baseline_latency_s: Mapping[str, float] = field(default_factory=dict)
    codes: Mapping[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    biases: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    equalized: bool = False
    weights_sha256: str = ""
    origin: Origin | None = None
    wire: WireLayout | None = None

    @cached_property
    def half_sha256(self) -> str:
        """Hex digest of all that the answers follow from: cut, widths, grids, integers, biases.

        Plans of other names, methods or predictions with the same digest answer the same.
        """
        arrays = [
            (name, sha256_of(np.ascontiguousarray(values).tobytes()))
            for part in (self.codes, self.biases)
            for name, values in sorted(part.items())
        ]
        parts = (
            *map(repr, (self.plan.edge, self.plan.input_coding, self.equalized)),
            _digest_text(self.weights, _shortest),
            _digest_text(self.activations, float),
            repr(arrays),
        )
        return sha256_of(f"({', '.join(parts)})")


def write_plan(path: Path, file: PlanFile) -> None:
    """Write a plan as YAML, and its integers and biases, if it has any, as safetensors beside it.

    The YAML names that file and its SHA-256.
    """
    plan = file.plan
    stored = {f"codes|{name}": np.ascontiguousarray(v) for name, v in file.codes.items()}
    stored |= {f"bias|{name}": np.ascontiguousarray(v) for name, v in file.biases.items()}
    integers = {}
    if stored:
        beside = path.with_suffix(".safetensors")
        data = safetensors.numpy.save(stored)
        write_bytes(beside, data)
        integers = {"integers": {"file": beside.name, "sha256": sha256_of(data)}}
    write_yaml(
        path,
        "plan",
        {
            "made_by": f"autosplit {__version__}",
            "name": plan.name,
            "method": plan.method,
            "model": file.model,
            "graph_sha256": file.graph_sha256,
            "edge": list(plan.edge),
            "weights": _formats_to_dict(file.weights, _shortest),
            "activations": _formats_to_dict(file.activations, float),
            "distortion": plan.distortion,
            "lower_bound": plan.lower_bound,
            "edge_memory_bytes": plan.edge_memory_bytes,
            "crossing_bytes": plan.crossing_bytes,
            "cloud_bits": plan.cloud_bits,
            "jpeg": None if plan.input_coding is None else coding_to_dict(plan.input_coding),
            "predictions": {
                link: {**asdict(p), "latency_s": p.latency_s}
                for link, p in plan.predictions.items()
            },
            "baseline": {"name": file.baseline, "latency_s": dict(file.baseline_latency_s)},
            **({} if file.wire is None else {"wire": layout_to_list(file.wire)}),
            **integers,
            **({"equalized": True} if file.equalized else {}),
            **({"weights_sha256": file.weights_sha256} if file.weights_sha256 else {}),
            **({} if file.origin is None else {"finished": asdict(file.origin)}),
        },
    )


def read_plan(path: Path, graph: Graph) -> PlanFile:
    """Read a plan and check it against the network it is for.

    What follows from the widths, memory and crossing bytes, is computed and not read, so that it is
    right after an edit by hand too.

    Raises:
        FileError: The file is missing or is no plan.
        PlanError: What it says does not fit the network; every problem is named, with its place.
    """
    data = read_yaml(path, "plan")
    problems = check_keys(data, _PLAN_KEYS, _OPTIONAL_KEYS, where=str(path))
    problems = problems or value_problems(data, path)
    if problems:
        raise FileError("; ".join(problems))
    try:
        cut = graph.cut(data["edge"])
    except GraphError as error:
        raise PlanError(f"{path}: edge: {error}") from error
    channels = {name: graph.by_name[name].weight_channels for name in cut.weights}
    problems = grid_problems(data["weights"], channels, f"{path}: weights")
    ones = dict.fromkeys(cut.edge_tensors, 1)
    problems += grid_problems(data["activations"], ones, f"{path}: activations")
    if problems:
        raise PlanError("; ".join(problems))
    weights = {name: _format_from_dict(data["weights"][name]) for name in cut.weights}
    tensors = {name: _format_from_dict(data["activations"][name]) for name in ones}
    weight_bits = {name: q.bits for name, q in weights.items()}
    activation_bits = {name: q.bits for name, q in tensors.items()}
    coding = _coding(data["jpeg"], cut, path)
    plan = Plan(
        name=data["name"],
        method=data["method"],
        edge=cut.edge,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        distortion=data["distortion"],
        lower_bound=data["lower_bound"],
        edge_memory_bytes=edge_memory_bytes(cut, weight_bits, activation_bits),
        crossing_bytes=crossing_bytes(cut, activation_bits) if coding is None else coding.sent,
        predictions={
            link: Prediction(p["edge_s"], p["transfer_s"], p["cloud_s"])
            for link, p in data["predictions"].items()
        },
        cloud_bits=data["cloud_bits"],
        input_coding=coding,
    )
    baseline = data["baseline"]
    return PlanFile(
        plan,
        weights,
        tensors,
        data["model"],
        data["graph_sha256"],
        baseline["name"],
        baseline["latency_s"],
        *read_integers(path, data.get("integers"), weights, graph),
        equalized=bool(data.get("equalized")),
        weights_sha256=data.get("weights_sha256", ""),
        origin=Origin(**data["finished"]) if "finished" in data else None,
        wire=_wire(data.get("wire"), cut, tensors, coding, path),
    )


def _wire(
    data: Any,
    cut: Cut,
    activations: Mapping[str, ElementFormat],
    coding: InputCoding | None,
    path: Path,
) -> WireLayout:
    """What a message of the plan holds: as it follows from the plan, in the order of the file.

    Raises:
        PlanError: The file lists other tensors than those that cross, or is no layout.
    """
    try:
        derived = wire_layout(cut, activations, coding)
        return derived if data is None else reordered(derived, layout_from_list(data))
    except DataError as error:
        raise PlanError(f"{path}: {error}") from error


def _coding(data: Any, cut: Cut, path: Path) -> InputCoding | None:
    """How the input is sent.

    Raises:
        PlanError: It is not as ``write_plan`` wrote it, or it is not the input alone that crosses.
    """
    if data is None:
        return None
    if cut.crossing != tuple(cut.graph.inputs) or len(cut.crossing) != 1:
        raise PlanError(
            f"{path}: jpeg: the network's one input must be all that crosses, "
            f"got {', '.join(cut.crossing) or 'nothing'}"
        )
    try:
        return coding_from_dict(data)
    except (DataError, KeyError, TypeError, ValueError) as error:
        raise PlanError(f"{path}: jpeg: {error}") from error


def _shortest(step: np.float32) -> float:
    """The number of fewest decimal digits that is this one in float32."""
    return float(str(step))


def _numbers(
    stored: ElementFormat, decimal: Callable[[np.float32], float]
) -> tuple[int, tuple[float, ...], tuple[int, ...]]:
    """Width, scales and zero points as a plan file holds them; floats have none of the last two."""
    if isinstance(stored, Unquantized):
        return stored.bits, (), ()
    scale, zero_point = stored.scale, stored.zero_point
    return stored.bits, tuple(map(decimal, scale)), tuple(map(int, zero_point))


def _formats_to_dict(
    formats: Mapping[str, ElementFormat], decimal: Callable[[np.float32], float]
) -> dict[str, Any]:
    """Element formats by name, as ``_format_from_dict`` reads them one by one."""
    found = {}
    for name, stored in formats.items():
        bits, scale, zero_point = _numbers(stored, decimal)
        found[name] = {"bits": bits, "scale": list(scale), "zero_point": list(zero_point)}
    return found


def _format_from_dict(data: Mapping[str, Any]) -> ElementFormat:
    """The element format of one entry of a plan file, which has passed its checks."""
    if not data["scale"]:
        return Unquantized(data["bits"])
    return Grid.of(data["bits"], data["scale"], data["zero_point"])


def _digest_text(
    formats: Mapping[str, ElementFormat], decimal: Callable[[np.float32], float]
) -> str:
    """Element formats as ``half_sha256`` counts them: the text of plan files' first version."""
    entries = []
    for name, stored in sorted(formats.items(), key=lambda item: item[0]):
        bits, scale, zero_point = _numbers(stored, decimal)
        entries.append(
            f"({name!r}, Quantizer(bits={bits}, scale={scale!r}, zero_point={zero_point!r}))"
        )
    return f"[{', '.join(entries)}]"
