"""A plan and what an evaluation needs beside it, as YAML and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from autosplit import __version__
from autosplit.errors import DataError, FileError, GraphError, PlanError
from autosplit.files import check_keys, read_yaml, sha256_of, write_yaml
from autosplit.graph.graph import Cut, Graph
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes
from autosplit.grid.grid import ElementFormat
from autosplit.halves.wire.layout import WireLayout, layout_from_list, layout_to_list
from autosplit.hardware.prediction import Prediction
from autosplit.plan.checks import ORIGIN_KEYS, grid_problems, plan_problems
from autosplit.plan.codes import Biases, Codes, read_codes, write_codes
from autosplit.plan.formats import digest_text, format_from_dict, formats_to_dict, shortest
from autosplit.plan.plan import Origin, Plan
from autosplit.plan.wire_layout import wire_layout, with_orders
from autosplit.stats.coding import InputCoding, coding_from_dict, coding_to_dict

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
        weights: Layer that stores a weight -> its grid, with one scale for each output channel, or
            the width of its floats.
        activations: Edge tensor -> its grid, or the width of its floats.
        model: Name of the network.
        graph_sha256: SHA-256 of ``graph.json``, which says which network it is.
        baseline: Name of the plan that this one is compared with.
        baseline_latency_s: Link -> seconds of the baseline.
        codes: Layer that stores a weight -> the weight's codes.  A weight without codes takes the
            integers nearest to its values.
        biases: Layer -> its bias.  A layer without one here keeps the network's.
        equalized: Whether the plan is of the network as ``equalize`` changes it.
        weights_sha256: SHA-256 of the network's numbers that it was finished for; empty: unknown.
        origin: What the plan was made of, if it was finished.
        wire: What a message to the cloud holds; None: as ``wire_layout`` derives it.
    """

    plan: Plan
    weights: Mapping[str, ElementFormat]
    activations: Mapping[str, ElementFormat]
    model: str
    graph_sha256: str
    baseline: str = ""
    baseline_latency_s: Mapping[str, float] = field(default_factory=dict)
    codes: Codes = field(default_factory=dict)
    biases: Biases = field(default_factory=dict)
    equalized: bool = False
    weights_sha256: str = ""
    origin: Origin | None = None
    wire: WireLayout | None = None

    @property
    def coded(self) -> Mapping[tuple[str, int], int]:
        """Tensor and width -> mean bytes, of the crossing tensors that are entropy-coded."""
        return {} if self.wire is None else self.wire.mean_bytes

    @cached_property
    def half_sha256(self) -> str:
        """SHA-256 of all that decides the answers: cut, widths, grids, codes and biases.

        Plans with the same digest give the same answers, whatever their names, methods and
        predictions are.
        """
        arrays = [
            (name, sha256_of(np.ascontiguousarray(values).tobytes()))
            for part in (self.codes, self.biases)
            for name, values in sorted(part.items())
        ]
        parts = (
            *map(repr, (self.plan.edge, self.plan.input_coding, self.equalized)),
            digest_text(self.weights, shortest),
            digest_text(self.activations, float),
            repr(arrays),
        )
        return sha256_of(f"({', '.join(parts)})")


def write_plan(path: Path, file: PlanFile) -> None:
    """Write a plan as YAML, and its codes and biases, if it has any, as safetensors beside it.

    The YAML names that file and its SHA-256.
    """
    integers = write_codes(path, file.codes, file.biases)
    data = _plan_to_dict(file.plan) | {
        "made_by": f"autosplit {__version__}",
        "model": file.model,
        "graph_sha256": file.graph_sha256,
        "weights": formats_to_dict(file.weights, shortest),
        "activations": formats_to_dict(file.activations, float),
        "baseline": {"name": file.baseline, "latency_s": dict(file.baseline_latency_s)},
    }
    if file.wire is not None:
        data["wire"] = layout_to_list(file.wire)
    if integers is not None:
        data["integers"] = integers
    if file.equalized:
        data["equalized"] = True
    if file.weights_sha256:
        data["weights_sha256"] = file.weights_sha256
    if file.origin is not None:
        data["finished"] = {key: getattr(file.origin, name) for key, name in ORIGIN_KEYS.items()}
    write_yaml(path, "plan", data)


def _plan_to_dict(plan: Plan) -> dict[str, Any]:
    """A plan without its grids as the file holds it."""
    return {
        "name": plan.name,
        "method": plan.method,
        "edge": list(plan.edge),
        "distortion": plan.distortion,
        "lower_bound": plan.lower_bound,
        "edge_memory_bytes": plan.edge_memory_bytes,
        "crossing_bytes": plan.crossing_bytes,
        "cloud_bits": plan.cloud_bits,
        "jpeg": None if plan.input_coding is None else coding_to_dict(plan.input_coding),
        "predictions": {
            link: _known(asdict(p) | {"latency_s": p.latency_s})
            for link, p in plan.predictions.items()
        },
    }


def _known(numbers: Mapping[str, float | None]) -> dict[str, float]:
    """Numbers without those that are not known."""
    return {key: value for key, value in numbers.items() if value is not None}


def read_plan(path: Path, graph: Graph) -> PlanFile:
    """Read a plan and check it against the network it is for.

    The bytes on the edge and across the cut follow from the widths.  They are computed, and not
    read, so that they are right after a person has edited the file too.

    Args:
        path: Path of the plan file.
        graph: The network that the plan is for.

    Raises:
        FileError: The file is missing, is no plan, or is a plan of another version.
        PlanError: What it says does not fit the network.  The text names every problem, each with
            its place.
    """
    data = read_yaml(path, "plan")
    problems = check_keys(data, _PLAN_KEYS, _OPTIONAL_KEYS, where=str(path))
    problems = problems or plan_problems(data, path)
    if problems:
        raise FileError("; ".join(problems))
    try:
        cut = graph.cut(data["edge"])
    except GraphError as error:
        raise PlanError(f"{path}: edge: {error}") from error
    weights, activations = _grids(data, cut, path)
    codes, biases = read_codes(path, data.get("integers"), weights, graph)
    coding = _coding(data["jpeg"], cut, path)
    wire = _wire(data.get("wire"), cut, activations, coding, path)
    plan = _plan(data, cut, weights, activations, wire, coding)
    return PlanFile(
        plan=plan,
        weights=weights,
        activations=activations,
        model=data["model"],
        graph_sha256=data["graph_sha256"],
        baseline=data["baseline"]["name"],
        baseline_latency_s=data["baseline"]["latency_s"],
        codes=codes,
        biases=biases,
        equalized=data.get("equalized", False),
        weights_sha256=data.get("weights_sha256", ""),
        origin=_origin(data.get("finished")),
        wire=wire,
    )


def _grids(
    data: Mapping[str, Any], cut: Cut, path: Path
) -> tuple[dict[str, ElementFormat], dict[str, ElementFormat]]:
    """Grids of the weights and activations on the edge side.

    Raises:
        PlanError: There is one too many or too few, or one is none.
    """
    channels = {name: cut.graph.by_name[name].weight_channels for name in cut.weights}
    ones = dict.fromkeys(cut.edge_tensors, 1)
    problems = grid_problems(data["weights"], channels, f"{path}: weights")
    problems += grid_problems(data["activations"], ones, f"{path}: activations", cut.graph.integers)
    if problems:
        raise PlanError("; ".join(problems))
    weights = {name: format_from_dict(data["weights"][name]) for name in channels}
    return weights, {name: format_from_dict(data["activations"][name]) for name in ones}


def _plan(
    data: Mapping[str, Any],
    cut: Cut,
    weights: Mapping[str, ElementFormat],
    activations: Mapping[str, ElementFormat],
    wire: WireLayout,
    coding: InputCoding | None,
) -> Plan:
    """The plan, its bytes computed from the widths of its grids and the codings of its wire."""
    weight_bits = {name: stored.bits for name, stored in weights.items()}
    activation_bits = {name: stored.bits for name, stored in activations.items()}
    sizes = {
        (one.name, activation_bits[one.name]): size
        for one in wire.tensors
        for size in (one.mean_bytes if one.sample_bytes is None else one.sample_bytes,)
        if size is not None
    }
    return Plan(
        name=data["name"],
        method=data["method"],
        edge=cut.edge,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        distortion=data["distortion"],
        lower_bound=data["lower_bound"],
        edge_memory_bytes=edge_memory_bytes(cut, weight_bits, activation_bits),
        crossing_bytes=(
            crossing_bytes(cut, activation_bits, sizes) if coding is None else coding.sent
        ),
        predictions={
            link: Prediction(p["edge_s"], p["transfer_s"], p["cloud_s"], p.get("energy_j"))
            for link, p in data["predictions"].items()
        },
        cloud_bits=data["cloud_bits"],
        input_coding=coding,
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
        return derived if data is None else with_orders(derived, layout_from_list(data))
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


def _origin(data: Mapping[str, str] | None) -> Origin | None:
    """What a finished plan was made of."""
    if data is None:
        return None
    return Origin(**{name: data[key] for key, name in ORIGIN_KEYS.items()})
