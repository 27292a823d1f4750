"""Checks of a plan file: everything that is wrong with it, each with its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from autosplit.files import check_keys
from autosplit.grid.grid import FLOAT_BITS, WIDTHS
from autosplit.plan.plan import Origin

_LEAST = float(np.finfo(np.float32).smallest_subnormal)
_MOST = float(np.finfo(np.float32).max)
_SECONDS = ("edge_s", "transfer_s", "cloud_s", "latency_s")


def value_problems(data: Mapping[str, Any], path: Path) -> list[str]:
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


def grid_problems(data: Any, channels: Mapping[str, int], where: str) -> list[str]:
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
                f"{place}: scale must be a list of {count} numbers > 0 in the range of "
                f"float32, got {scale!r:.60}"
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
    return _is_number(value) and _LEAST <= value <= _MOST
