"""Checks of the values in a profile: each gives what is wrong with one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from autosplit.errors import ProfileError, did_you_mean
from autosplit.plainfile import is_plain_name

UNKNOWN_OPERATORS = ("refuse", "traffic")
"""What a device does with a layer of a kind whose cost no rule knows."""
_INT8_WEIGHTS = ("all", "depthwise", "none")
"""Weights that a device takes as 8-bit levels of -128..127 only."""
WORK = (
    *("layer", "read", "written", "pixels", "unaligned", "window"),
    *("macs", "padded_macs", "packed", "weights", "passes"),
    *("silu", "sigmoid", "hardswish", "hardsigmoid", "gelu", "leaky_relu"),
)
"""Kinds of work that a fit has seconds of a unit for."""
CODING_WORK = ("tensor", "element", "pixel")
"""What ``encode_s`` and ``decode_s`` have seconds of: a tensor that is entropy-coded, each of its
elements, each pixel of a picture that is sent as a JPEG file."""
DATAFLOWS = ("is", "os", "ws")
"""What stays in a systolic array: inputs, outputs or weights."""


def value_problems(data: Mapping[str, Any], where: str) -> list[str]:
    """Everything that is wrong with the values of a profile, each with its place."""
    return [
        f"{where}: {key}: {problem}"
        for key, check in CHECKS.items()
        if key in data
        for problem in check(data[key])
    ]


def set_fields(record: Any) -> dict[str, Any]:
    """Fields of a record whose value is not their default."""
    found = {}
    for entry in fields(record):
        value = getattr(record, entry.name)
        factory = entry.default_factory
        default = entry.default if factory is MISSING else factory()
        if default is MISSING or value != default:
            found[entry.name] = value
    return found


def tidy(key: str, value: Any) -> Any:
    """A checked value of a profile as the record holds it."""
    if key == "widths":
        return tuple(sorted(value))
    if key in {"peak_macs_per_s", "mac_j"}:
        return dict(sorted(value.items()))
    return int(value) if CHECKS.get(key) is _count else value


def refuse(problems: Iterable[str]) -> None:
    """Raise a ``ProfileError`` that names all the problems, if there are any."""
    text = "\n".join(problems)
    if text:
        raise ProfileError(text)


def _text(value: Any) -> list[str]:
    return [] if isinstance(value, str) and value.strip() else [f"must be text, got {value!r}"]


def _name(value: Any) -> list[str]:
    """What is wrong with a name, which stands in tables and in the names of files."""
    if is_plain_name(value):
        return []
    must = "must be letters, digits, spaces and any of _.+()=@-, at most 120"
    return [f"{must}, got {value!r:.60}"]


def _dataflow(value: Any) -> list[str]:
    if isinstance(value, str) and value in DATAFLOWS:
        return []
    return [f"must be a dataflow, got {value!r}{did_you_mean(str(value), DATAFLOWS)}"]


def _positive(value: Any) -> list[str]:
    return _number(value) or ([] if value > 0 else [f"must be > 0, got {value!r}"])


def _not_negative(value: Any) -> list[str]:
    return _number(value) or ([] if value >= 0 else [f"must be >= 0, got {value!r}"])


def _unknown_operators(value: Any) -> list[str]:
    if isinstance(value, str) and value in UNKNOWN_OPERATORS:
        return []
    hint = did_you_mean(str(value), UNKNOWN_OPERATORS)
    return [f"must be {' or '.join(UNKNOWN_OPERATORS)}, got {value!r}{hint}"]


def _int8_weights(value: Any) -> list[str]:
    if isinstance(value, str) and value in _INT8_WEIGHTS:
        return []
    return [
        f"must be all, depthwise or none, got {value!r}{did_you_mean(str(value), _INT8_WEIGHTS)}"
    ]


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


def _mac_j(value: Any) -> list[str]:
    """What is wrong with joules of a multiply-accumulate; those of wider operands are no less."""
    if not isinstance(value, Mapping) or not value:
        return [f"must map widths to joules of a multiply-accumulate, got {value!r}"]
    problems = [problem for width in value for problem in _width(width)]
    problems += [f"{bits}: {p}" for bits, joules in value.items() for p in _not_negative(joules)]
    if not problems and [value[bits] for bits in sorted(value)] != sorted(value.values()):
        problems.append(f"wider operands must take no less than narrower ones, got {value!r}")
    return problems


def _seconds(value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"must be the path of a CSV file, got {value!r}"]
    problems = []
    for layer, seconds in value.items():
        if not isinstance(seconds, Mapping):
            problems += [f"{layer}: {problem}" for problem in _not_negative(seconds)]
            continue
        for widths, one in seconds.items():
            place = f"{layer} at {'/'.join(map(str, widths))} bits"
            wrong = [problem for bits in widths for problem in ([] if bits == 0 else _width(bits))]
            problems += [f"{place}: {problem}" for problem in wrong + _not_negative(one)]
    return problems


def _fit(value: Any) -> list[str]:
    if not isinstance(value, Mapping) or not value:
        return [f"must map widths to families of layers, got {value!r:.60}"]
    problems = [problem for width in value for problem in _width(width)]
    for width, families in value.items():
        if not isinstance(families, Mapping) or not families:
            problems.append(f"{width}: must map families to kinds of work, got {families!r:.60}")
            continue
        for family, units in families.items():
            place = f"{width}: {family}"
            if not isinstance(units, Mapping):
                problems.append(f"{place}: must map kinds of work to seconds, got {units!r:.60}")
                continue
            problems += [
                f"{place}: {one!r}: must be a kind of work" for one in units if one not in WORK
            ]
            problems += [f"{place}: {k}: {p}" for k, v in units.items() for p in _not_negative(v)]
    return problems


def _coding(value: Any) -> list[str]:
    if not isinstance(value, Mapping) or not value:
        return [f"must map {', '.join(CODING_WORK)} to seconds, got {value!r:.60}"]
    problems = [
        f"{one!r}: must be one of {', '.join(CODING_WORK)}"
        for one in value
        if one not in CODING_WORK
    ]
    known = {one: seconds for one, seconds in value.items() if one in CODING_WORK}
    return problems + [f"{one}: {p}" for one, s in known.items() for p in _not_negative(s)]


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


CHECKS: dict[str, Callable[[Any], list[str]]] = {
    "name": _name,
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
    "peak_macs_per_s": _peaks,
    "elementwise_ops_per_s": _positive,
    "unknown_operators": _unknown_operators,
    "int8_weights": _int8_weights,
    "table": _seconds,
    "fit": _fit,
    "runtime": _text,
    "active_w": _not_negative,
    "mac_j": _mac_j,
    "byte_j": _not_negative,
    "radio_byte_j": _not_negative,
    "encode_s": _coding,
    "decode_s": _coding,
    "uplink_bps": _positive,
    "downlink_bps": _positive,
    "rtt_s": _not_negative,
    "message_bytes": _not_negative,
    "reply_bytes": _not_negative,
    "message_s": _not_negative,
    "jpeg_s": _not_negative,
    "byte_s": _not_negative,
}
