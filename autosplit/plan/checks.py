"""Checks of a plan file: everything that is wrong with it, each with its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autosplit.files import check_keys
from autosplit.graph.integers import NO_INTEGERS, Integers
from autosplit.grid.grid import FLOAT_BITS, WIDTHS, steps_of
from autosplit.plainfile import is_plain_name

ORIGIN_KEYS = {
    "request": "searched_sha256",
    "finishing": "finishing_sha256",
    "result": "finished_sha256",
}
"""Key of ``finished`` in a plan file -> the field of ``Origin`` that it holds."""
_TEXTS = ("name", "method", "model", "graph_sha256", "weights_sha256")
_SECONDS = ("edge_s", "transfer_s", "cloud_s", "latency_s")
_JOULES = "energy_j"
_LEAST = float(np.finfo(np.float32).smallest_subnormal)
_MOST = float(np.finfo(np.float32).max)


def plan_problems(data: Mapping[str, Any], path: Path) -> list[str]:
    """What is wrong with the values of a plan beside its grids.

    Args:
        data: The plan file; it has all keys that it must have and no other.
        path: Path of the file, for the messages.

    Returns:
        One line for each problem.
    """
    problems = [
        f"{path}: {key}: must be text, got {data[key]!r}"
        for key in _TEXTS
        if not isinstance(data.get(key, ""), str)
    ]
    problems += [
        f"{path}: {key}: must be a finite number, got {data[key]!r}"
        for key in ("distortion", "lower_bound")
        if not _is_number(data[key])
    ]
    if isinstance(data["name"], str) and not is_plain_name(data["name"]):
        problems.append(f"{path}: name: must be a plain name of a file, got {data['name']!r:.60}")
    edge, cloud_bits = data["edge"], data["cloud_bits"]
    if not (isinstance(edge, list) and all(isinstance(name, str) for name in edge)):
        problems.append(f"{path}: edge: must be a list of layers, got {edge!r:.60}")
    if type(cloud_bits) is not int or cloud_bits not in {8, 16, 32}:
        problems.append(f"{path}: cloud_bits: must be 8, 16 or 32, got {cloud_bits!r}")
    if not isinstance(data.get("equalized", False), bool):
        problems.append(f"{path}: equalized: must be true or false, got {data['equalized']!r}")
    problems += _prediction_problems(data["predictions"], f"{path}: predictions")
    problems += _baseline_problems(data["baseline"], f"{path}: baseline")
    if "finished" in data:
        problems += _origin_problems(data["finished"], f"{path}: finished")
    return problems


def _prediction_problems(data: Any, where: str) -> list[str]:
    """What is wrong with the predictions of all links."""
    if not isinstance(data, dict):
        return [f"{where}: must be a mapping, got {data!r:.60}"]
    problems = []
    for link, seconds in data.items():
        problems += check_keys(seconds, _SECONDS, (_JOULES,), where=f"{where}: {link}") or [
            f"{where}: {link}: {key} must be a number >= 0, got {seconds[key]!r}"
            for key in (*_SECONDS, _JOULES)
            if not _is_seconds(seconds.get(key, 0.0))
        ]
    return problems


def _baseline_problems(data: Any, where: str) -> list[str]:
    """What is wrong with the baseline: its name and its seconds, link by link."""
    problems = check_keys(data, ("name", "latency_s"), where=where)
    if problems:
        return problems
    name, latency_s = data["name"], data["latency_s"]
    if not isinstance(name, str):
        problems.append(f"{where}: name: must be text, got {name!r}")
    if not (isinstance(latency_s, dict) and all(map(_is_seconds, latency_s.values()))):
        problems.append(f"{where}: latency_s: must be numbers >= 0 by link, got {latency_s!r:.60}")
    return problems


def _origin_problems(data: Any, where: str) -> list[str]:
    """What is wrong with what a finished plan was made of."""
    return check_keys(data, ORIGIN_KEYS, where=where) or [
        f"{where}: {key}: must be text, got {data[key]!r}"
        for key in ORIGIN_KEYS
        if not isinstance(data[key], str)
    ]


def grid_problems(
    data: Any,
    channels: Mapping[str, int],
    where: str,
    integers: Mapping[str, Integers] = NO_INTEGERS,
) -> list[str]:
    """What is wrong with the widths and grids of the weights, or of the activations.

    Args:
        data: Name -> bits, scale and zero point, as the file has them.
        channels: Name of every tensor that must be there -> how many scales it must have.
        where: Which part of which file, for the messages.
        integers: Tensors that keep their values, and must be as the network's graph has them.

    Returns:
        One line for each problem.
    """
    problems = check_keys(data, channels, where=where)
    if problems:
        return problems
    for name, count in channels.items():
        place = f"{where}: {name}"
        problems += check_keys(data[name], ("bits", "scale", "zero_point"), where=place) or (
            _integer_problems(data[name], integers[name], place)
            if name in integers
            else _entry_problems(data[name], count, place)
        )
    return problems


def _integer_problems(entry: Mapping[str, Any], kept: Integers, where: str) -> list[str]:
    """What is wrong with a tensor that keeps its values: it cannot have any other form."""
    expected = {"bits": kept.bits, "scale": [], "zero_point": [-kept.low]}
    if dict(entry) == expected:
        return []
    return [f"{where}: keeps its values, so it must be {expected}, got {dict(entry)!r:.80}"]


def _entry_problems(entry: Mapping[str, Any], count: int, where: str) -> list[str]:
    """What is wrong with one grid, which must have ``count`` scales, or none if it is of floats."""
    bits, scale, zero = entry["bits"], entry["scale"], entry["zero_point"]
    if scale == zero == [] and type(bits) is int and bits in FLOAT_BITS:
        return []
    if type(bits) is not int or bits not in WIDTHS:
        return [f"{where}: bits must be a whole number, {WIDTHS[0]} to {WIDTHS[-1]}, got {bits!r}"]
    problems = []
    if not (isinstance(scale, list) and len(scale) == count and all(map(_is_step, scale))):
        problems.append(
            f"{where}: scale must be a list of {count} numbers > 0 in the range of float32, got "
            f"{scale!r:.60}"
        )
    top = steps_of(bits)
    whole = isinstance(zero, list) and len(zero) == count
    if not whole or not all(type(z) is int and 0 <= z <= top for z in zero):
        problems.append(
            f"{where}: zero_point must be a list of {count} whole numbers from 0 to {top} "
            f"at {bits} bits, got {zero!r:.60}"
        )
    return problems


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_seconds(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_step(value: Any) -> bool:
    return _is_number(value) and _LEAST <= value <= _MOST
