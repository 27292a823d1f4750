"""What values a manifest must have, beyond its keys: every problem is named with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

_HALVES = ("edge", "cloud", "both")


def type_problems(data: Mapping[str, Any], where: str) -> Iterator[str]:
    """What is wrong with the values of a manifest whose keys are right, without its plans.

    Args:
        data: What the file says.
        where: The file.
    """
    for key in ("made_by", "network", "task"):
        yield from _must(_is_text, data[key], f"{where}: {key}", "text")
    yield from _must(_is_texts, data["labels"], f"{where}: labels", "a list of texts")
    kind = data["preprocess"]
    if kind is not None and not (isinstance(kind, Mapping) and _is_text(kind.get("kind"))):
        yield f"{where}: preprocess must be null, or have a kind, got {kind!r:.60}"
    files = data["files"]
    if not isinstance(files, Mapping) or not _is_texts([*files, *files.values()]):
        yield f"{where}: files must have a SHA-256 for each name, got {files!r:.60}"
    if not isinstance(data["inputs"], list) or not data["inputs"]:
        yield f"{where}: inputs must be a list of tensors, got {data['inputs']!r:.60}"
        return
    for place, one in enumerate(data["inputs"]):
        yield from _input_problems(one, f"{where}: inputs[{place}]")


def bundled_plan_problems(entry: Mapping[str, Any], files: Any, where: str) -> Iterator[str]:
    """What is wrong with the values of one plan whose keys are right; its wire is not looked at.

    Args:
        entry: What the file says of the plan.
        files: The bundle's files.
        where: Place of the plan.
    """
    yield from _must(_is_text, entry["name"], f"{where}: name", "text")
    for key in ("edge", "cloud"):
        file = entry[key]
        if file is not None and not (_is_text(file) and isinstance(files, Mapping)):
            yield f"{where}: {key} must be null or a file, got {file!r:.60}"
        elif file is not None and file not in files:
            yield f"{where}: {key} must be one of the bundle's files, got {file!r:.60}"
    outputs = entry["outputs"]
    if not isinstance(outputs, Mapping) or any(one not in _HALVES for one in outputs.values()):
        yield f"{where}: outputs must each be of {', '.join(_HALVES)}, got {outputs!r:.60}"
    predicted = entry["predicted"]
    if not isinstance(predicted, Mapping) or not {"sent_bytes", "links"} <= predicted.keys():
        yield f"{where}: predicted must have sent_bytes and links, got {predicted!r:.60}"
        return
    for key, value in predicted.items():
        if key != "links":
            yield from _must(
                _is_size, value, f"{where}: predicted: {key}", "a number of at least 0"
            )
    links = predicted["links"]
    if not isinstance(links, Mapping):
        yield f"{where}: predicted: links must be a mapping, got {links!r:.60}"
        return
    for link, parts in links.items():
        if not isinstance(parts, Mapping) or not all(map(_is_size, parts.values())):
            yield f"{where}: predicted: {link!s:.40} must have milliseconds, got {parts!r:.60}"
        elif "cloud_ms" not in parts:
            yield f"{where}: predicted: {link!s:.40} must have cloud_ms, has not"


def _input_problems(entry: Any, where: str) -> Iterator[str]:
    if not isinstance(entry, Mapping) or entry.keys() != {"name", "shape", "dtype"}:
        yield f"{where}: must have name, shape and dtype, got {entry!r:.60}"
        return
    yield from _must(_is_text, entry["name"], f"{where}: name", "text")
    yield from _must(_is_shape, entry["shape"], f"{where}: shape", "a list of whole numbers > 0")
    yield from _must(_is_dtype, entry["dtype"], f"{where}: dtype", "a numeric type of numpy")


def _must(holds: Callable[[Any], bool], value: Any, where: str, what: str) -> Iterator[str]:
    if not holds(value):
        yield f"{where} must be {what}, got {value!r:.60}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is int and one > 0 for one in value)


def _is_size(value: Any) -> bool:
    return type(value) in (int, float) and value >= 0


def _is_dtype(value: Any) -> bool:
    try:
        return isinstance(value, str) and np.dtype(value).kind in "biuf"
    except (TypeError, ValueError):
        return False
