"""A device: what its hardware can do, read from a profile that cites its source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from autosplit.errors import did_you_mean
from autosplit.files import check_keys, read_yaml_of
from autosplit.hardware.checks import refuse, set_fields, tidy, value_problems
from autosplit.hardware.shipped import find, folder
from autosplit.hardware.tablefile import LayerSeconds, read_crossings, read_table

SCHEMAS = (1, 2)
"""Versions of a device profile that are read; the newest adds tables with a row per width."""
_GONE = "on_chip_bytes"  # a key of version 1 that no formula uses
_ALWAYS = {"name", "source", "model", "float_bits"}
OF_DEVICE: Literal["device"] = "device"
"""Stands for a memory limit of as much as the edge device has."""
MemoryLimit = int | Literal["device"] | None
"""A memory limit as it is asked for: bytes, ``OF_DEVICE``, or None for no limit."""
_MAYBE = {"memory_bytes", "widths", "unknown_operators", "int8_weights", "runtime"}
_MAYBE |= {"active_w", "mac_j", "byte_j"}
_MAYBE |= {"encode_s", "decode_s"}
MODEL_KEYS: dict[str, tuple[set[str], set[str]]] = {
    "systolic": (
        {"bandwidth_bytes_per_s", "clock_hz", "rows", "cols", "dataflow"},
        {"dispatch_s", "native_bits", "vector_lanes"},
    ),
    "roofline": (
        {"bandwidth_bytes_per_s", "peak_macs_per_s"},
        {"dispatch_s", "elementwise_ops_per_s"},
    ),
    "table": ({"table"}, set()),
    "fitted": ({"fit"}, set()),
}
"""Latency model -> the keys that a profile of it must have, and those that it may have.

``seconds.MODELS`` has a function for each.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An edge or cloud machine, as its latency model sees it.

    Fields of another latency model keep their defaults, which mean "not used".

    Attributes:
        name: Name in tables and errors.
        source: Where each number comes from.
        model: Latency model: ``systolic``, ``roofline``, ``table`` or ``fitted``.
        float_bits: Width of the floats used there, 16 or 32.
        memory_bytes: What a network may use for weights and live activations; None: not limited.
        widths: Widths that it supports, ascending, 1 to 32 bits each; empty: all of them.
        bandwidth_bytes_per_s: Sustained rate of the memory that holds weights and activations;
            infinite for ``table`` and ``fitted``, whose seconds have the traffic in them.
        dispatch_s: Fixed overhead of each layer, seconds.
        clock_hz: Systolic: clock of the array.
        rows, cols: Systolic: size of the array, R and C.
        dataflow: Systolic: ``os``, ``ws`` or ``is``.
        native_bits: Systolic: width of a multiplier; wider operands take more passes.
        vector_lanes: Systolic: elements per cycle of layers without products; 0: as ``cols``.
        peak_macs_per_s: Roofline: operand width, bits -> multiply-accumulates per second.
        elementwise_ops_per_s: Roofline: rate of layers without products; 0: as the slowest peak.
        unknown_operators: ``traffic``: a layer of a kind that no rule knows costs its dispatch and
            traffic alone; ``refuse``: the search names it, and leaves out the plans that run it
            there.
        int8_weights: Weights that need 8-bit levels of -128..127 for a fast kernel: ``none``,
            ``depthwise`` or ``all``; the search gives these weights such grids.
        runtime: Name and version of what the device was measured with; empty: not known.
        active_w: Power while the device computes, watts; what it takes at rest does not count.
        mac_j: Width of the operands, bits -> joules of a multiply-accumulate, beside ``active_w``.
        byte_j: Joules of a byte that a layer moves to or from memory, beside ``active_w``.
        encode_s: Seconds to code what it sends as the edge: of a ``tensor`` that is entropy-coded,
            of each ``element`` of it, of each ``pixel`` of a JPEG file; what is missing takes none.
        decode_s: Seconds to decode the same as the cloud.
        fit: Fitted: width -> family of layers -> kind of work -> seconds of a unit.
        table: Table: layer name -> seconds at every width, or -> {(weight bits, activation bits):
            seconds}; weight bits are 0 for a layer without a weight.
        crossings: Table: tensor -> seconds more where it crosses, to give it on the edge and to
            take it in the cloud; those columns of the table's file.

    Raises:
        ProfileError: A value is missing, out of range, or of another latency model.
    """

    name: str
    source: str
    model: str
    float_bits: int
    memory_bytes: int | None = None
    widths: tuple[int, ...] = ()
    bandwidth_bytes_per_s: float = math.inf
    dispatch_s: float = 0.0
    clock_hz: float = 0.0
    rows: int = 0
    cols: int = 0
    dataflow: str = ""
    native_bits: int = 8
    vector_lanes: int = 0
    peak_macs_per_s: Mapping[int, float] = field(default_factory=dict, hash=False)
    elementwise_ops_per_s: float = 0.0
    unknown_operators: str = "refuse"
    int8_weights: str = "none"
    runtime: str = ""
    active_w: float = 0.0
    mac_j: Mapping[int, float] = field(default_factory=dict, hash=False)
    byte_j: float = 0.0
    encode_s: Mapping[str, float] = field(default_factory=dict, hash=False)
    decode_s: Mapping[str, float] = field(default_factory=dict, hash=False)
    fit: Mapping[int, Mapping[str, Mapping[str, float]]] = field(default_factory=dict, hash=False)
    table: Mapping[str, LayerSeconds] = field(default_factory=dict, hash=False)
    crossings: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        set_here = set_fields(self)
        set_here.pop("crossings", None)  # no key of a profile
        refuse(_device_problems(set_here, str(self.name)))


def load_device(name_or_path: str | Path) -> Device:
    """Read the device of this name, or of this file.

    Args:
        name_or_path: A shipped name, or a path: what contains a separator, ends in ``.yaml`` or
            ``.yml``, or is a file.

    Raises:
        ProfileError: There is no such name, or the profile is wrong; says everything wrong at once.
        FileError: There is no such file, or it is not a device profile.
    """
    path = find(name_or_path, "device")
    version, data = read_yaml_of(path, "device", SCHEMAS)
    problems: list[str] = []
    crossings: dict[str, tuple[float, float]] = {}
    if version == 1:
        data.pop(_GONE, None)
    if isinstance(data.get("table"), str):
        table = path.parent / data["table"]
        data["table"], problems = read_table(table, by_width=version > 1)
        crossings = {} if problems else read_crossings(table)
    refuse(problems + _device_problems(data, str(path)))
    device = Device(**{key: tidy(key, value) for key, value in data.items()})
    return replace(device, crossings=crossings) if crossings else device


def device_names() -> tuple[str, ...]:
    """Names of the shipped devices, sorted."""
    return tuple(sorted(path.stem for path in folder("device").glob("*.yaml")))


def _device_problems(data: Mapping[str, Any], where: str) -> list[str]:
    model = data.get("model")
    if not isinstance(model, str) or model not in MODEL_KEYS:
        every = {field.name for field in fields(Device)}
        problems = check_keys(data, _ALWAYS, every, where=where)
        if "model" in data:
            hint = did_you_mean(str(model), MODEL_KEYS)
            problems.append(f"{where}: model: must be a latency model, got {model!r}{hint}")
        return problems + value_problems(data, where)
    required, optional = MODEL_KEYS[model]
    strange = set(data) & {field.name for field in fields(Device)}
    strange -= _ALWAYS | _MAYBE | required | optional
    problems = [f"{where}: {key}: is not used by model {model!r}" for key in sorted(strange)]
    known = {key: value for key, value in data.items() if key not in strange}
    problems += check_keys(known, _ALWAYS | required, _MAYBE | optional, where=where)
    return problems + value_problems(known, where)


def memory_limit(asked: MemoryLimit, edge: Device) -> int | None:
    """Most bytes that an edge half may use; None: not limited.

    Args:
        asked: The limit as it is asked for.
        edge: The edge device.
    """
    return edge.memory_bytes if asked == OF_DEVICE else asked
