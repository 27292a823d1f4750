"""Rows of ``summary.csv``: what a person compares, in few digits and one unit each.

``summary_full.csv`` has all digits, and all that was measured in the units of ``scores.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autosplit.evaluate.task import FLOAT
from autosplit.hardware.device import Device
from autosplit.hardware.seconds import kind_of_seconds
from autosplit.report.candidate import Candidate, FloatScore
from autosplit.report.tables import PLANS_HEADER

DIGITS = 4
"""Digits that count of seconds, joules and distortions."""
_ACCURACY = (
    "metric samples accuracy_percent accuracy_low_percent accuracy_high_percent points_lost "
    "points_lost_low points_lost_high"
).split()
_FEW_DIGITS = (
    *("weight_bits_avg", "activation_bits_avg", "distortion", "optimality_gap"),
    *("edge_s", "transfer_s", "cloud_s", "latency_s", "energy_j"),
    *("edge_share", "latency_p95_s", "risk_bound"),
)
LIMITS = ("memory_limit_bytes", "energy_limit_j", "latency_limit_s", "allowed_drop_points")
"""Columns of what was asked of every plan; empty where nothing was."""
SUMMARY_HEADER = (
    *("name", "method", "edge", "edge_seconds", "cloud", "cloud_seconds", "link", "pick", "fits"),
    *LIMITS,
    *_ACCURACY,
    *PLANS_HEADER[3:],
)
"""Columns of ``summary.csv``; those of escalations come after them."""


def summary_rows(
    candidates: Sequence[Candidate],
    table: Sequence[Mapping[str, Any]],
    float_score: FloatScore,
    same: Mapping[str, Any],
    picks: Mapping[str, str],
) -> list[dict[str, Any]]:
    """The float network, then every plan over every link.

    Args:
        candidates: Plans over links.
        table: Rows of ``summary_full.csv``, one for each candidate.
        float_score: What the float network scored.
        same: Columns that all plans have in common: names of the devices, their kinds of seconds
            and ``LIMITS``; None where nothing is limited.
        picks: Link -> name of its pick.
    """
    of_float = {
        "name": FLOAT,
        "metric": float_score.metric,
        "samples": float_score.images,
        "accuracy_percent": f"{100 * float_score.accuracy:.2f}",
        "points_lost": "0.00",
        **_interval(float_score.interval),
    }
    return [dict.fromkeys(SUMMARY_HEADER, "") | of_float] + [
        {key: few_digits(key, value) for key, value in row.items() if key in _KEPT}
        | {key: "" if value is None else value for key, value in same.items()}
        | {"fits": int(one.fits), "pick": int(picks.get(one.link) == one.plan.name)}
        | _accuracy(one, row, float_score)
        for one, row in zip(candidates, table, strict=True)
    ]


def same_columns(
    edge: Device, cloud: Device, limit_bytes: int | None, asked: Mapping[str, Any]
) -> dict[str, Any]:
    """Columns that all plans have in common, without the allowed drop.

    Args:
        edge: The edge device.
        cloud: The cloud device.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
        asked: Options of the search.
    """
    return {
        "edge": edge.name,
        "edge_seconds": kind_of_seconds(edge),
        "cloud": cloud.name,
        "cloud_seconds": kind_of_seconds(cloud),
        "memory_limit_bytes": limit_bytes,
        "energy_limit_j": asked.get("max_energy_j"),
        "latency_limit_s": asked.get("max_latency_s"),
    }


def few_digits(name: str, value: Any) -> Any:
    """The value of a column with as many digits as a person compares.

    >>> few_digits("latency_s", 0.0009408988), few_digits("cut_bytes", 123456)
    ('0.0009409', 123456)
    """
    if value is None or name not in _FEW_DIGITS:
        return value
    return f"{float(value):.{DIGITS}g}"


def _accuracy(one: Candidate, row: Mapping[str, Any], float_score: FloatScore) -> dict[str, Any]:
    """Accuracy in per cent, what is lost in points, each with its interval; empty if not known."""
    found: dict[str, Any] = dict.fromkeys(_ACCURACY, "") | {"metric": float_score.metric}
    if one.accuracy is None or one.drop is None:
        return found
    found |= {"samples": row.get("images", "")}
    found |= {"accuracy_percent": f"{100 * one.accuracy:.2f}", "points_lost": f"{one.drop:.2f}"}
    found |= _interval(one.interval)
    if one.drop_interval is not None:
        low, high = (f"{end:.2f}" for end in one.drop_interval)
        found |= {"points_lost_low": low, "points_lost_high": high}
    return found


def _interval(ends: tuple[float, float] | None) -> dict[str, str]:
    """Columns of the interval of an accuracy; none where it is not known."""
    if ends is None:
        return {}
    low, high = (f"{100 * end:.2f}" for end in ends)
    return {"accuracy_low_percent": low, "accuracy_high_percent": high}


_KEPT = {*PLANS_HEADER, "edge_share", "latency_p95_s", "cut_bytes_p95", "risk_bound"}
