"""A plan: where to cut, the width of every tensor on the edge, and what is predicted for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from autosplit import __version__
from autosplit.errors import DataError, FileError, GraphError, PlanError
from autosplit.files import (
    check_keys,
    read_yaml,
    sha256_of,
    sha256_of_file,
    write_bytes,
    write_yaml,
)
from autosplit.graph.graph import Cut, Graph
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes
from autosplit.grid.grid import LEAST_STEP, WIDTHS, grid_from_range
from autosplit.jpeg import InputCoding, coding_from_dict, coding_to_dict
from autosplit.stats.stats import Stats

FLOAT_BITS = (16, 32)
"""Widths of a tensor that a plan leaves as it is; it then has neither scale nor zero point."""
DEAD = 2.0**-12
"""Least step of a weight's channel, relative to the tensor's coarsest; the step of all zeros."""
_PLAN_KEYS = (
    "made_by name method model graph_sha256 edge weights activations distortion lower_bound "
    "edge_memory_bytes crossing_bytes cloud_bits jpeg predictions baseline"
).split()
_OPTIONAL_KEYS = ("integers", "equalized", "weights_sha256", "finished")
_SECONDS = ("edge_s", "transfer_s", "cloud_s", "latency_s")


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds that one plan is predicted to take over one link.

    Attributes:
        edge_s: Time of the edge half on the edge device.
        transfer_s: Time on the link: crossing tensors up, and the answer down if that is priced.
        cloud_s: Time of the cloud half on the cloud device.
    """

    edge_s: float
    transfer_s: float
    cloud_s: float

    @property
    def latency_s(self) -> float:
        """Seconds from the input to the answer."""
        return self.edge_s + self.transfer_s + self.cloud_s


@dataclass(frozen=True)
class Plan:
    """A cut, a width per edge tensor and per crossing tensor, and what is predicted.

    Attributes:
        name: Unique in its run folder.
        method: Search method that made it (``autosplit``, ``uniform8``, ``cloud16``, ...).
        edge: Layers on the edge side, in topological order; empty for all-cloud.
        weight_bits: Layer that stores a weight -> its width, for every stored edge weight.
        activation_bits: Tensor -> its width, for the network's inputs and every edge layer;
            of a crossing tensor also the width at which it is sent.
        distortion: Sum over all edge weights and activations.
        lower_bound: No plan with the same cut that keeps the same limits has less distortion.
        edge_memory_bytes: Packed weights plus peak live activations.
        crossing_bytes: Bytes sent to the cloud for one sample.
        predictions: Link name -> seconds.
        cloud_bits: Width of the cloud half's floats.
        input_coding: How the network's input is sent if not packed to its width.
    """

    name: str
    method: str
    edge: tuple[str, ...]
    weight_bits: Mapping[str, int]
    activation_bits: Mapping[str, int]
    distortion: float
    lower_bound: float
    edge_memory_bytes: int
    crossing_bytes: int
    predictions: Mapping[str, Prediction] = field(default_factory=dict)
    cloud_bits: int = 16
    input_coding: InputCoding | None = None

    @property
    def optimality_gap(self) -> float:
        """How far above the proven lower bound the distortion is, relative; 0 is optimal."""
        if self.distortion <= self.lower_bound:
            return 0.0
        return (self.distortion - self.lower_bound) / max(abs(self.distortion), 1e-300)


@dataclass(frozen=True, slots=True)
class Quantizer:
    """Integers of one tensor: q = clamp(round(x / scale) + zero_point, 0, 2^bits - 1).

    Round is half to even; x is read back as (q - zero_point) * scale (Jacob et al. 2018, eq. 1).

    Attributes:
        bits: Width of an integer.
        scale: Step between neighbouring integers: one number, or one per output channel.
        zero_point: Integer that stands for zero, as many as there are scales; none of either: the
            tensor stays a float of this width.
    """

    bits: int
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a finished plan was made of.

    Attributes:
        request: ``half_sha256`` of the plan as the search wrote it.
        finishing: SHA-256 of how it was finished.
        result: ``half_sha256`` of the finished plan, which an edit changes.
    """

    request: str
    finishing: str
    result: str


@dataclass(frozen=True)
class PlanFile:
    """All that an evaluation needs beside the network: what ``plans/NAME.yaml`` holds.

    Attributes:
        plan: The plan.
        weights: Layer that stores a weight -> its integers, per output channel.
        activations: Edge tensor -> its integers.
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
    """

    plan: Plan
    weights: Mapping[str, Quantizer]
    activations: Mapping[str, Quantizer]
    model: str
    graph_sha256: str
    baseline: str = ""
    baseline_latency_s: Mapping[str, float] = field(default_factory=dict)
    codes: Mapping[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    biases: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    equalized: bool = False
    weights_sha256: str = ""
    origin: Origin | None = None

    @cached_property
    def half_sha256(self) -> str:
        """Hex digest of all that the answers follow from: cut, widths, grids, integers, biases.

        Plans of other names, methods or predictions with the same digest answer the same.
        """
        weights, activations = sorted(self.weights.items()), sorted(self.activations.items())
        arrays = [
            (name, sha256_of(np.ascontiguousarray(values).tobytes()))
            for part in (self.codes, self.biases)
            for name, values in sorted(part.items())
        ]
        about = self.plan.edge, self.plan.input_coding, self.equalized
        return sha256_of(repr((*about, weights, activations, arrays)))


def quantizers(plan: Plan, stats: Stats) -> tuple[dict[str, Quantizer], dict[str, Quantizer]]:
    """The integers of a plan's weights and activations, from the clipping found when measured."""
    weights = {}
    for layer, bits in plan.weight_bits.items():
        if bits > WIDTHS[-1]:
            weights[layer] = Quantizer(bits, (), ())
            continue
        grid = stats.grids[layer, bits]
        # the shortest text that gives the same float32
        scale = tuple(float(str(step)) for step in raise_dead(grid.scale))
        weights[layer] = Quantizer(bits, scale, tuple(map(int, grid.zero_point)))
    activations = {}
    for tensor, bits in plan.activation_bits.items():
        if bits > WIDTHS[-1]:
            activations[tensor] = Quantizer(bits, (), ())
            continue
        clip = stats.distortions[tensor, "activation", bits]
        step, zero_point = grid_from_range(clip.clip_low, clip.clip_high, bits)
        activations[tensor] = Quantizer(bits, (step,), (zero_point,))
    return weights, activations


def raise_dead(scale: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Steps of a weight's channels, none far below the coarsest one.

    A channel of nothing but zeros has the least step there is, and its bias, counted in such steps,
    would not fit 32 bits.  A weight that rounds to zero at ``DEAD`` of the coarsest step is
    invisible beside the other channels.
    """
    coarsest = float(scale.max())
    if coarsest <= LEAST_STEP:
        return np.full_like(scale, DEAD)
    return np.maximum(scale, np.float32(coarsest * DEAD))


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
            "weights": {name: _quantizer_to_dict(q) for name, q in file.weights.items()},
            "activations": {name: _quantizer_to_dict(q) for name, q in file.activations.items()},
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
    problems = problems or _value_problems(data, path)
    if problems:
        raise FileError("; ".join(problems))
    try:
        cut = graph.cut(data["edge"])
    except GraphError as error:
        raise PlanError(f"{path}: edge: {error}") from error
    channels = {name: graph.by_name[name].weight_channels for name in cut.weights}
    problems = _quantizer_problems(data["weights"], channels, f"{path}: weights")
    ones = dict.fromkeys(cut.edge_tensors, 1)
    problems += _quantizer_problems(data["activations"], ones, f"{path}: activations")
    if problems:
        raise PlanError("; ".join(problems))
    weights = {name: _quantizer_from_dict(data["weights"][name]) for name in cut.weights}
    tensors = {name: _quantizer_from_dict(data["activations"][name]) for name in ones}
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
        *_read_integers(path, data.get("integers"), weights, graph),
        equalized=bool(data.get("equalized")),
        weights_sha256=data.get("weights_sha256", ""),
        origin=Origin(**data["finished"]) if "finished" in data else None,
    )


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


def _read_integers(
    path: Path, named: Any, weights: Mapping[str, Quantizer], graph: Graph
) -> tuple[dict[str, npt.NDArray[np.uint8]], dict[str, npt.NDArray[np.float32]]]:
    """Codes and biases from the file beside a plan; none where it names none.

    Raises:
        FileError: It is missing, is another file than the plan was written with, or holds what
            does not fit the plan.
    """
    if named is None:
        return {}, {}
    problems = check_keys(named, ("file", "sha256"), where=f"{path}: integers")
    if problems:
        raise FileError("; ".join(problems))
    beside = path.parent / Path(str(named["file"])).name
    stored = _load(beside, str(named["sha256"]), path.name)
    codes, biases = {}, {}
    for key, value in stored.items():
        kind, _, name = key.partition("|")
        layer = graph.by_name.get(name)
        if layer is None or name not in weights or kind not in ("codes", "bias"):
            raise FileError(f"{beside}: must hold layers of the plan only, got {key!r}")
        if kind == "bias":
            if value.shape != (layer.weight_channels,) or not np.isfinite(value).all():
                raise FileError(
                    f"{beside}: {key}: must be {layer.weight_channels} finite numbers, one per "
                    f"output channel, got the shape {value.shape} of {value.dtype}"
                )
            biases[name] = value.astype(np.float32)
        elif value.dtype == np.uint8 and value.size == layer.weight_elements:
            if int(value.max(initial=0)) >= 2 ** weights[name].bits:
                raise FileError(
                    f"{beside}: {name}: codes must be 0..{2 ** weights[name].bits - 1} at "
                    f"{weights[name].bits} bits, got {value.max()}"
                )
            codes[name] = value
        else:
            raise FileError(
                f"{beside}: {key}: must be {layer.weight_elements} codes of one byte, got "
                f"{value.size} of {value.dtype}"
            )
    return codes, biases


def _load(beside: Path, sha256: str, plan: str) -> dict[str, npt.NDArray[Any]]:
    """Arrays of the file beside a plan.

    Raises:
        FileError: It is missing, is another file than the plan names, or holds no arrays.
    """
    found = sha256_of_file(beside)
    if found != sha256:
        raise FileError(
            f"{beside}: must have the SHA-256 {sha256:.12}... that {plan} "
            f"names, has {found:.12}...; get the file that belongs to it, or run: "
            "autosplit quantize --force"
        )
    try:
        return safetensors.numpy.load_file(beside)
    except (safetensors.SafetensorError, TypeError, AttributeError) as error:
        # the last two: numpy lacks a type in it
        raise FileError(
            f"{beside}: must be a safetensors file of integers and biases, {error!s:.80}; run: "
            "autosplit quantize --force"
        ) from error


def distiller_overrides(file: PlanFile, graph: Graph) -> dict[str, Any]:
    """The plan in the form that Intel Distiller reads: ``quantizers.post_train_quantizer``."""
    bits_of = file.plan.activation_bits
    overrides = {}
    for name in file.plan.edge:
        entry: dict[str, int] = {"bits_activations": bits_of[name]}
        owner = graph.by_name[name].weight_owner or name
        if owner in file.plan.weight_bits:
            entry["bits_weights"] = file.plan.weight_bits[owner]
        overrides[name] = entry
    return {
        "quantizers": {
            "post_train_quantizer": {
                "class": "PostTrainLinearQuantizer",
                "bits_activations": None,
                "bits_parameters": None,
                "bits_accum": 32,
                "mode": {"activations": "ASYMMETRIC_UNSIGNED", "weights": "SYMMETRIC"},
                "per_channel_wts": True,
                "inputs_quant_auto_fallback": True,
                "model_activation_stats": "stats.yaml",
                "overrides": overrides,
            }
        }
    }


def _quantizer_to_dict(quantizer: Quantizer) -> dict[str, Any]:
    return {
        "bits": quantizer.bits,
        "scale": list(quantizer.scale),
        "zero_point": list(quantizer.zero_point),
    }


def _quantizer_from_dict(data: Mapping[str, Any]) -> Quantizer:
    return Quantizer(data["bits"], tuple(data["scale"]), tuple(data["zero_point"]))


def _value_problems(data: Mapping[str, Any], path: Path) -> list[str]:
    """What is wrong with the values of a plan beside its quantizers: all of it."""
    problems = [
        f"{path}: {key}: must be text, got {data[key]!r}"
        for key in ("name", "method", "model", "graph_sha256", "weights_sha256")
        if not isinstance(data.get(key, ""), str)
    ]
    problems += [
        f"{path}: {key}: must be a finite number, got {data[key]!r}"
        for key in ("distortion", "lower_bound")
        if not _is_number(data[key])
    ]
    edge, cloud_bits = data["edge"], data["cloud_bits"]
    if not (isinstance(edge, list) and all(isinstance(name, str) for name in edge)):
        problems.append(f"{path}: edge: must be a list of layers, got {edge!r:.60}")
    if type(cloud_bits) is not int or cloud_bits not in {8, 16, 32}:
        problems.append(f"{path}: cloud_bits: must be 8, 16 or 32, got {cloud_bits!r}")
    predictions = data["predictions"]
    if not isinstance(predictions, dict):
        return [*problems, f"{path}: predictions: must be a mapping, got {predictions!r:.60}"]
    problems += _seconds_problems(predictions, f"{path}: predictions", _SECONDS)
    problems += check_keys(data["baseline"], ("name", "latency_s"), where=f"{path}: baseline")
    if "finished" in data:
        origin = [field.name for field in fields(Origin)]
        problems += check_keys(data["finished"], origin, where=f"{path}: finished")
    return problems


def _seconds_problems(data: Mapping[str, Any], where: str, keys: tuple[str, ...]) -> list[str]:
    """What is wrong with a table of seconds, link by link."""
    problems = []
    for link, seconds in data.items():
        wrong = check_keys(seconds, keys, where=f"{where}: {link}")
        problems += wrong or [
            f"{where}: {link}: {key} must be a number >= 0, got {seconds[key]!r}"
            for key in keys
            if not (_is_number(seconds[key]) and seconds[key] >= 0)
        ]
    return problems


def _quantizer_problems(data: Any, channels: Mapping[str, int], where: str) -> list[str]:
    """What is wrong with the widths and grids of one role: all of it, each with its place."""
    problems = check_keys(data, channels, where=where)
    if problems:
        return problems
    for name, count in channels.items():
        place = f"{where}: {name}"
        entry = data[name]
        wrong = check_keys(entry, ("bits", "scale", "zero_point"), where=place)
        if wrong:
            problems += wrong
            continue
        bits, scale, zero = entry["bits"], entry["scale"], entry["zero_point"]
        if scale == zero == [] and type(bits) is int and bits in FLOAT_BITS:
            continue
        if type(bits) is not int or bits not in WIDTHS:
            problems.append(
                f"{place}: bits must be a whole number, {WIDTHS[0]} to {WIDTHS[-1]}, got {bits!r}"
            )
            continue
        if not (isinstance(scale, list) and len(scale) == count and all(map(_is_step, scale))):
            problems.append(
                f"{place}: scale must be a list of {count} numbers > 0, got {scale!r:.60}"
            )
        top = 2**bits - 1
        whole = isinstance(zero, list) and len(zero) == count
        if not whole or not all(type(z) is int and 0 <= z <= top for z in zero):
            problems.append(
                f"{place}: zero_point must be a list of {count} whole numbers from 0 to {top} "
                f"at {bits} bits, got {zero!r:.60}"
            )
    return problems


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_step(value: Any) -> bool:
    return _is_number(value) and value > 0
