"""An escalation as a record, and as the YAML file that a run folder keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autosplit.errors import DataError, FileError
from autosplit.escalation.costs import SentBytes
from autosplit.escalation.threshold import Threshold
from autosplit.files import check_keys, read_yaml, write_yaml
from autosplit.stats.coding import InputCoding, coding_from_dict, coding_to_dict

METHOD = "escalation"
"""What stands as the method of an escalation where plans are listed."""
_MAYBE = ("output",)
_KEYS = "name edge_plan cut jpeg score temperature threshold images sent".split()


@dataclass(frozen=True, slots=True)
class Escalation:
    """A plan of which the edge answers what it is sure of.

    Attributes:
        name: Unique in its run folder.
        edge_plan: Name of the plan that runs the whole network on the edge.
        cut: The layers whose crossing tensors are sent on, in topological order; empty: the input.
        input_coding: How the input is sent on if it is sent as a JPEG file.
        score: Name of the confidence score.
        temperature: By which logits are divided before the score is taken.
        threshold: The threshold, and what it was chosen on.
        images: Images that the rest was counted on; none of them chose the threshold.
        sent: Share that the edge answers, and bytes.
        output: Which of the network's outputs the score is taken of.
    """

    name: str
    edge_plan: str
    cut: tuple[str, ...]
    input_coding: InputCoding | None
    score: str
    temperature: float
    threshold: Threshold
    images: int
    sent: SentBytes
    output: int = 0


def write_escalation(path: Path, escalation: Escalation) -> None:
    """Write an escalation as YAML."""
    coding = escalation.input_coding
    data = {key: getattr(escalation, key) for key in _KEYS if key not in ("jpeg", "sent")}
    data |= {
        "cut": list(escalation.cut),
        "jpeg": None if coding is None else coding_to_dict(coding),
        "threshold": asdict(escalation.threshold),
        "sent": asdict(escalation.sent),
        "output": escalation.output,
    }
    write_yaml(path, METHOD, data)


def read_escalation(path: Path) -> Escalation:
    """Read what ``write_escalation`` wrote.

    Raises:
        FileError: The file is missing, is no escalation, or a value in it cannot be.
    """
    data = read_yaml(path, METHOD)
    problems = check_keys(data, _KEYS, _MAYBE, where=str(path))
    if problems:
        raise FileError("; ".join(problems))
    try:
        return Escalation(
            name=str(data["name"]),
            edge_plan=str(data["edge_plan"]),
            cut=tuple(map(str, data["cut"])),
            input_coding=None if data["jpeg"] is None else coding_from_dict(data["jpeg"]),
            score=str(data["score"]),
            temperature=_number(data, "temperature", 1e-9, 1e9),
            threshold=_threshold(data["threshold"]),
            images=int(data["images"]),
            sent=_sent(data["sent"]),
            output=int(_number(data, "output", 0, 1e6)) if "output" in data else 0,
        )
    except (DataError, KeyError, TypeError, ValueError) as error:
        raise FileError(
            f"{path}: must be as autosplit quantize --escalation wrote it, got "
            f"{type(error).__name__}: {error}"
        ) from error


def _threshold(data: Mapping[str, Any]) -> Threshold:
    for key in ("value", "bound", "limit", "error"):
        _number(data, key, 0, 1)
    found = Threshold(**data)
    if not 0 <= found.differing <= found.answered <= found.images or found.images < 1:
        raise ValueError("threshold: images, answered and differing must each be fewer or equal")
    return found


def _sent(data: Mapping[str, Any]) -> SentBytes:
    _number(data, "share", 0, 1)
    for key in ("sent", "mean", "high"):
        _number(data, key, 0, 2**53)
    return SentBytes(**data)


def _number(data: Mapping[str, Any], key: str, low: float, high: float) -> float:
    value = float(data[key])
    if not low <= value <= high:
        raise ValueError(f"{key}: must be {low:g}..{high:g}, got {value:g}")
    return value
