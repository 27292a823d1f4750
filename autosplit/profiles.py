"""Devices and links: what the hardware can do, read from profiles that cite their sources.

A profile is a YAML file of schema ``autosplit/device/1`` or ``autosplit/link/1``.  The shipped ones
go by their names, a person's own by their paths.  Everything wrong with a file is reported at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from autosplit.errors import FileError, ProfileError, did_you_mean
from autosplit.files import check_keys, read_csv, read_yaml

DATAFLOWS = ("is", "os", "ws")
"""What stays in a systolic array: inputs, outputs or weights."""
TABLE_HEADER = ("layer", "seconds")
_ALWAYS = {"name", "source", "model", "float_bits"}
_MAYBE = {"memory_bytes", "widths"}
_MODEL_KEYS: dict[str, tuple[set[str], set[str]]] = {
    "systolic": (
        {"bandwidth_bytes_per_s", "clock_hz", "rows", "cols", "dataflow"},
        {"dispatch_s", "native_bits", "vector_lanes", "on_chip_bytes"},
    ),
    "roofline": (
        {"bandwidth_bytes_per_s", "peak_macs_per_s"},
        {"dispatch_s", "elementwise_ops_per_s"},
    ),
    "table": ({"table"}, set()),
}
DEVICE_MODELS = tuple(_MODEL_KEYS)
"""Latency models that a device may name; ``latency.MODELS`` has a function for each."""
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kmg])bps", re.IGNORECASE)
_RATE_BPS = {"k": 10**3, "m": 10**6, "g": 10**9}


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An edge or cloud machine, as its latency model sees it.

    Fields of another latency model keep their defaults, which mean "not used".

    Attributes:
        name: Name in tables and errors.
        source: Where each number comes from.
        model: Latency model: ``systolic``, ``roofline`` or ``table``.
        float_bits: Width of the floats used there, 16 or 32.
        memory_bytes: What a network may use for weights and live activations; None: not limited.
        widths: Widths that it supports, ascending, 1 to 32 bits each; empty: all of them.
        bandwidth_bytes_per_s: Sustained rate of the memory that holds weights and activations;
            infinite for ``table``, whose seconds have the traffic in them.
        dispatch_s: Fixed overhead of each layer, seconds.
        clock_hz: Systolic: clock of the array.
        rows, cols: Systolic: size of the array, R and C.
        dataflow: Systolic: ``os``, ``ws`` or ``is``.
        native_bits: Systolic: width of a multiplier; wider operands take more passes.
        vector_lanes: Systolic: elements per cycle of layers without products; 0: as ``cols``.
        on_chip_bytes: Systolic: buffer size; kept for the reader, no formula uses it.
        peak_macs_per_s: Roofline: operand width, bits -> multiply-accumulates per second.
        elementwise_ops_per_s: Roofline: rate of layers without products; 0: as the slowest peak.
        table: Table: layer name -> seconds.

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
    on_chip_bytes: int = 0
    peak_macs_per_s: Mapping[int, float] = field(default_factory=dict, hash=False)
    elementwise_ops_per_s: float = 0.0
    table: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _refuse(_device_problems(_given(self), str(self.name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A network link between the edge and the cloud.

    Attributes:
        name: Name in tables and errors.
        source: Where each number comes from.
        uplink_bps: Sustained rate to the cloud, bits per second (1 Mbit = 10^6 bits).
        downlink_bps: The same back to the edge; None: the answer's way back costs nothing.
        rtt_s: Round-trip time, seconds; each transfer pays half of it.

    Raises:
        ProfileError: A value is out of range.
    """

    name: str
    source: str
    uplink_bps: float
    downlink_bps: float | None = None
    rtt_s: float = 0.0

    def __post_init__(self) -> None:
        _refuse(_link_problems(_given(self), str(self.name)))

    def transfer_s(self, bits: int) -> float:
        """Seconds to send ``bits`` to the cloud: half a round trip, then the bits at the rate.

        >>> Link(name="3mbps", source="doc", uplink_bps=3.0e6, rtt_s=0.02).transfer_s(300_000)
        0.11
        """
        return self.rtt_s / 2 + bits / self.uplink_bps

    def answer_s(self, bits: int) -> float:
        """Seconds until ``bits`` are back on the edge; 0 when no downlink is given."""
        if self.downlink_bps is None:
            return 0.0
        return self.rtt_s / 2 + bits / self.downlink_bps


def load_device(name_or_path: str | Path) -> Device:
    """Read the device of this name, or of this file.

    Args:
        name_or_path: A shipped name, or a path: what contains a separator, ends in ``.yaml`` or
            ``.yml``, or is a file.

    Raises:
        ProfileError: There is no such name, or the profile is wrong; says everything wrong at once.
        FileError: There is no such file, or it is not a device profile.
    """
    path = _find(name_or_path, "device")
    data = read_yaml(path, "device")
    problems: list[str] = []
    if isinstance(data.get("table"), str):
        data["table"], problems = _read_table(path.parent / data["table"])
    _refuse(problems + _device_problems(data, str(path)))
    return Device(**{key: _tidy(key, value) for key, value in data.items()})


def load_link(name_or_path: str | Path) -> Link:
    """Read the link of this name, or of this file, or make one of this rate.

    Args:
        name_or_path: As for ``load_device``; also any ``<number>kbps``, ``<number>mbps`` or
            ``<number>gbps``: an uplink of that rate without round-trip time.

    Raises:
        ProfileError: There is no such name, or the profile is wrong; says everything wrong at once.
        FileError: There is no such file, or it is not a link profile.
    """
    rate = _RATE.fullmatch(str(name_or_path))
    if rate and not Path(name_or_path).is_file() and str(name_or_path) not in link_names():
        uplink_bps = float(rate[1]) * _RATE_BPS[rate[2].lower()]
        return Link(name=rate[0].lower(), source="rate as typed", uplink_bps=uplink_bps)
    path = _find(name_or_path, "link")
    data = read_yaml(path, "link")
    _refuse(_link_problems(data, str(path)))
    return Link(**data)


def device_names() -> tuple[str, ...]:
    """Names of the shipped devices, sorted."""
    return tuple(sorted(path.stem for path in _folder("device").glob("*.yaml")))


def link_names() -> tuple[str, ...]:
    """Names of the shipped links, sorted."""
    return tuple(sorted(path.stem for path in _folder("link").glob("*.yaml")))


def _folder(kind: str) -> Path:
    """Folder of the shipped profiles: inside the package when installed, else in the repository."""
    package = Path(__file__).parent
    inside = package / "hw_profiles" / f"{kind}s"
    return inside if inside.is_dir() else package.parent / "hw_profiles" / f"{kind}s"


def _find(name_or_path: str | Path, kind: str) -> Path:
    """File of a profile.

    Raises:
        ProfileError: It is neither a path nor a shipped name.
    """
    path, text = Path(name_or_path), str(name_or_path)
    written_as_path = "/" in text or "\\" in text or path.suffix in {".yaml", ".yml"}
    if isinstance(name_or_path, Path) or written_as_path or path.is_file():
        return path
    shipped = {found.stem: found for found in _folder(kind).glob("*.yaml")}
    if text not in shipped:
        choice = "a shipped name, a file or a rate such as 3mbps"
        choice = choice if kind == "link" else "a shipped name or a file"
        raise ProfileError(f"{kind} {text!r}: must be {choice}{did_you_mean(text, shipped)}")
    return shipped[text]


def _read_table(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Seconds per layer of a CSV file, and what is wrong with it."""
    try:
        rows = read_csv(path, TABLE_HEADER)
    except FileError as error:
        return {}, [str(error)]
    seconds: dict[str, Any] = {}
    problems = []
    for row in rows:
        layer, text = row["layer"], row["seconds"]
        if layer in seconds:
            problems.append(f"{path}: layer {layer!r} must be listed once")
        try:
            seconds[layer] = float(text)
        except (TypeError, ValueError):
            problems.append(f"{path}: {layer}: seconds must be a number, got {text!r}")
    return seconds, problems


def _device_problems(data: Mapping[str, Any], where: str) -> list[str]:
    model = data.get("model")
    if not isinstance(model, str) or model not in _MODEL_KEYS:
        every = set(_CHECKS) - {"uplink_bps", "downlink_bps", "rtt_s"}
        problems = check_keys(data, _ALWAYS, every, where=where)
        if "model" in data:
            hint = did_you_mean(str(model), _MODEL_KEYS)
            problems.append(f"{where}: model: must be a latency model, got {model!r}{hint}")
        return problems + _value_problems(data, where)
    required, optional = _MODEL_KEYS[model]
    strange = set(data) & {field.name for field in fields(Device)}
    strange -= _ALWAYS | _MAYBE | required | optional
    problems = [f"{where}: {key}: is not used by model {model!r}" for key in sorted(strange)]
    known = {key: value for key, value in data.items() if key not in strange}
    problems += check_keys(known, _ALWAYS | required, _MAYBE | optional, where=where)
    return problems + _value_problems(known, where)


def _link_problems(data: Mapping[str, Any], where: str) -> list[str]:
    required, optional = {"name", "source", "uplink_bps"}, {"downlink_bps", "rtt_s"}
    problems = check_keys(data, required, optional, where=where)
    return problems + _value_problems(data, where)


def _value_problems(data: Mapping[str, Any], where: str) -> list[str]:
    return [
        f"{where}: {key}: {problem}"
        for key, check in _CHECKS.items()
        if key in data
        for problem in check(data[key])
    ]


def _given(record: Device | Link) -> dict[str, Any]:
    """Fields of a record that have been given, that is, do not have their default."""
    given = {}
    for entry in fields(record):
        value = getattr(record, entry.name)
        factory = entry.default_factory
        default = entry.default if factory is MISSING else factory()
        if default is MISSING or value != default:
            given[entry.name] = value
    return given


def _tidy(key: str, value: Any) -> Any:
    """A checked value of a profile as the record holds it."""
    if key == "widths":
        return tuple(sorted(value))
    if key == "peak_macs_per_s":
        return dict(sorted(value.items()))
    return int(value) if _CHECKS.get(key) is _count else value


def _refuse(problems: Iterable[str]) -> None:
    text = "\n".join(problems)
    if text:
        raise ProfileError(text)


def _text(value: Any) -> list[str]:
    return [] if isinstance(value, str) and value.strip() else [f"must be text, got {value!r}"]


def _dataflow(value: Any) -> list[str]:
    if isinstance(value, str) and value in DATAFLOWS:
        return []
    return [f"must be a dataflow, got {value!r}{did_you_mean(str(value), DATAFLOWS)}"]


def _positive(value: Any) -> list[str]:
    return _number(value) or ([] if value > 0 else [f"must be > 0, got {value!r}"])


def _not_negative(value: Any) -> list[str]:
    return _number(value) or ([] if value >= 0 else [f"must be >= 0, got {value!r}"])


def _count(value: Any) -> list[str]:
    problems = _positive(value)
    return problems or ([] if value == int(value) else [f"must be a whole number, got {value!r}"])


def _float_bits(value: Any) -> list[str]:
    good = isinstance(value, int) and value in {16, 32}
    return [] if good else [f"must be 16 or 32, got {value!r}"]


def _width(value: Any) -> list[str]:
    good = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 32
    return [] if good else [f"a width must be 1 to 32 bits, got {value!r}"]


def _widths(value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)) or not value:
        return [f"must be a list of widths, got {value!r}"]
    problems = [problem for width in value for problem in _width(width)]
    if not problems and len(set(value)) < len(value):
        return [f"each width must be listed once, got {value!r}"]
    return problems


def _peaks(value: Any) -> list[str]:
    if not isinstance(value, Mapping) or not value:
        return [f"must map widths to multiply-accumulates per second, got {value!r}"]
    problems = [problem for width in value for problem in _width(width)]
    return problems + [f"{bits}: {p}" for bits, rate in value.items() for p in _positive(rate)]


def _seconds(value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"must be the path of a CSV file, got {value!r}"]
    return [f"{layer}: {p}" for layer, seconds in value.items() for p in _not_negative(seconds)]


def _number(value: Any) -> list[str]:
    """Say what keeps a value from being a finite number."""
    if isinstance(value, str):
        try:
            meant = float(value)
        except ValueError:
            meant = math.nan
        if math.isfinite(meant):
            mantissa, exponent = f"{meant:.15e}".split("e")
            digits = mantissa.rstrip("0") + ("0" if mantissa.rstrip("0").endswith(".") else "")
            return [f"must be a number, got text {value!r}: write {digits}e{int(exponent):+d}"]
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return [] if real and math.isfinite(value) else [f"must be a finite number, got {value!r}"]


_CHECKS: dict[str, Callable[[Any], list[str]]] = {
    "name": _text,
    "source": _text,
    "float_bits": _float_bits,
    "memory_bytes": _count,
    "widths": _widths,
    "bandwidth_bytes_per_s": _positive,
    "dispatch_s": _not_negative,
    "clock_hz": _positive,
    "rows": _count,
    "cols": _count,
    "dataflow": _dataflow,
    "native_bits": _width,
    "vector_lanes": _count,
    "on_chip_bytes": _count,
    "peak_macs_per_s": _peaks,
    "elementwise_ops_per_s": _positive,
    "table": _seconds,
    "uplink_bps": _positive,
    "downlink_bps": _positive,
    "rtt_s": _not_negative,
}
