"""The wire layout: which tensors cross, in what order, with what shape, width and coding.

Both sides of a link must know it.  It is in the plan file, and its digest is in every message.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from autosplit.errors import DataError
from autosplit.graph.integers import MAX_INTEGER_BITS
from autosplit.graph.layer import Shape
from autosplit.graph.memory import packed_bytes
from autosplit.halves.wire.entropy import EntropyCoder
from autosplit.halves.wire.symbols import (
    SYMBOL_BITS,
    Classes,
    check_classes,
    classes_from_text,
    classes_to_text,
)

WIDTHS_OF = {"none": (16, 32), "packed": tuple(range(1, MAX_INTEGER_BITS + 1)), "jpeg": (8,)} | {
    "entropy": tuple(range(1, SYMBOL_BITS + 1))
}
"""Coding -> the widths it sends.  ``none``: IEEE floats.  ``packed``: unsigned integers without
gaps.  ``jpeg``: each sample is a picture, sent as a JPEG file.  ``entropy``: unsigned
integers, entropy-coded."""
_KEYS = {"name", "shape", "bits", "order", "coding"}
_MAYBE = {"quality", "classes", "mean_bytes", "whole"}
_WHOLE = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class WireTensor:
    """One tensor of a wire layout.

    Attributes:
        name: The tensor: a layer, or an input of the network.
        shape: Shape of one sample, without the batch.
        bits: Width of an element before coding.
        coding: ``none``, ``packed``, ``jpeg`` or ``entropy``.
        order: Axes of a sample, the slowest first, in which its elements follow each other in the
            message; left out: as in ``shape``.  (1, 2, 0) sends the channels of a pixel together.
        quality: JPEG quality, 1..95; None for another coding.
        classes: Class of each channel for the entropy coding; empty for another coding.
        mean_bytes: Mean bytes of a sample, entropy-coded; None for another coding.
        whole: Whether integers of a narrower width are packed as if each took whole bytes.

    Raises:
        DataError: A value is out of range, or two values contradict each other.
    """

    name: str
    shape: Shape
    bits: int
    coding: str = "packed"
    order: tuple[int, ...] = ()
    quality: int | None = None
    classes: Classes = ()
    mean_bytes: int | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", self.order or tuple(range(len(self.shape))))
        problems = "; ".join(self._problems())
        if problems:
            raise DataError(f"{self.name}: {problems}")

    def _problems(self) -> Iterator[str]:
        if not all(side > 0 for side in self.shape):
            yield f"shape must be whole numbers > 0, got {list(self.shape)}"
        if sorted(self.order) != list(range(len(self.shape))):
            yield f"order must name each of {len(self.shape)} axes once, got {list(self.order)}"
        if self.coding not in WIDTHS_OF:
            yield f"coding must be one of {', '.join(WIDTHS_OF)}, got {self.coding!r:.40}"
        elif self.bits not in WIDTHS_OF[self.coding]:
            widths = ", ".join(map(str, WIDTHS_OF[self.coding]))
            yield f"bits must be one of {widths} for coding {self.coding}, got {self.bits!r:.40}"
        picture = len(self.shape) == 3 and self.shape[0] in (1, 3) and self.order == (0, 1, 2)
        if self.coding == "jpeg" and not (picture and self.quality in range(1, 96)):
            yield (
                "coding jpeg must have the shape (1 or 3 channels, height, width) in that order, "
                f"and a quality from 1 to 95, got shape {list(self.shape)}, order "
                f"{list(self.order)} and quality {self.quality!r:.40}"
            )
        if self.coding == "entropy":
            yield from self._coding_problems()
        elif self.classes or self.mean_bytes is not None:
            yield f"classes and mean_bytes must be left out for coding {self.coding}"
        if self.whole and (self.coding != "packed" or self.bits not in _WHOLE):
            yield (
                f"whole must be left out, except for coding packed with 8, 16 or 32 bits, got "
                f"coding {self.coding} with {self.bits!r:.40} bits"
            )
        if self.coding != "jpeg" and self.quality is not None:
            yield f"quality must be left out for coding {self.coding}, got {self.quality!r:.40}"

    def _coding_problems(self) -> Iterator[str]:
        mean = self.mean_bytes
        if type(mean) is not int or mean < 0:
            yield f"mean_bytes must be at least 0 for coding entropy, got {mean!r:.40}"
        try:
            check_classes(self.classes, self.shape)
        except DataError as error:
            yield str(error)

    @property
    def elements(self) -> int:
        """Elements of one sample."""
        return math.prod(self.shape)

    @property
    def row_bytes(self) -> int:
        """Bytes of one sample before entropy coding: its elements at their width, without gaps."""
        return packed_bytes(self.elements, self.bits)

    @property
    def sample_bytes(self) -> int | None:
        """Bytes of one sample in a message; None where they differ from sample to sample."""
        return None if self.coding in ("jpeg", "entropy") else self.row_bytes


@dataclass(frozen=True)
class WireLayout:
    """What one message holds: tensors in the order in which they are sent.

    Attributes:
        tensors: The tensors; none where every answer is computed on the edge.

    Raises:
        DataError: A tensor is listed twice.
    """

    tensors: tuple[WireTensor, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise DataError(f"wire: must list each tensor once, got {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors, in order."""
        return tuple(tensor.name for tensor in self.tensors)

    @property
    def sample_bytes(self) -> int | None:
        """Bytes of one sample of all tensors; None where they differ from sample to sample."""
        sizes = [tensor.sample_bytes for tensor in self.tensors]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    @cached_property
    def mean_bytes(self) -> Mapping[tuple[str, int], int]:
        """Tensor and width -> mean bytes of a sample, for the tensors that are entropy-coded."""
        return {
            (tensor.name, tensor.bits): tensor.mean_bytes
            for tensor in self.tensors
            if tensor.mean_bytes is not None
        }

    @cached_property
    def coders(self) -> Mapping[str, EntropyCoder]:
        """Tensor -> what codes its samples, for the tensors that are entropy-coded."""
        return {
            tensor.name: EntropyCoder(tensor.shape, tensor.classes, tensor.bits)
            for tensor in self.tensors
            if tensor.coding == "entropy"
        }

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the layout, by which a message of another layout is recognized."""
        text = json.dumps(layout_to_list(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).digest()


def layout_to_list(layout: WireLayout) -> list[dict[str, Any]]:
    """A layout as a file holds it: one mapping per tensor, in order."""
    return [
        {
            "name": tensor.name,
            "shape": list(tensor.shape),
            "bits": tensor.bits,
            "order": list(tensor.order),
            "coding": tensor.coding,
            **({} if tensor.quality is None else {"quality": tensor.quality}),
            **({} if tensor.mean_bytes is None else {"mean_bytes": tensor.mean_bytes}),
            **({"whole": True} if tensor.whole else {}),
            **({"classes": classes_to_text(tensor.classes)} if tensor.classes else {}),
        }
        for tensor in layout.tensors
    ]


def layout_from_list(data: Any) -> WireLayout:
    """Read what ``layout_to_list`` gave.

    Raises:
        DataError: It is no layout; every problem is named, with its place.
    """
    if not isinstance(data, list):
        raise DataError(f"wire: must be a list of tensors, got {data!r:.60}")
    problems: list[str] = []
    tensors: list[WireTensor] = []
    for place, entry in enumerate(data):
        wrong = list(_type_problems(entry, f"wire: entry {place}"))
        problems += wrong
        if not wrong:
            try:
                shape, order = tuple(entry["shape"]), tuple(entry["order"])
                classes = classes_from_text(entry["classes"]) if "classes" in entry else ()
                own = {**entry, "shape": shape, "order": order, "classes": classes}
                tensors.append(WireTensor(**own))
            except DataError as error:
                problems.append(f"wire: {error}")
    if problems:
        raise DataError("; ".join(problems))
    return WireLayout(tuple(tensors))


def _type_problems(entry: Any, where: str) -> Iterator[str]:
    """What is missing from one entry, unknown in it, or of a wrong type."""
    if not isinstance(entry, Mapping) or not _KEYS <= entry.keys() <= {*_KEYS, *_MAYBE}:
        keys = sorted(map(str, entry)) if isinstance(entry, Mapping) else entry
        yield f"{where}: must have the keys {', '.join(sorted(_KEYS))}, got {keys!r:.80}"
        return
    for key, kind, word in (("name", str, "text"), ("coding", str, "text"), ("bits", int, "one")):
        if type(entry[key]) is not kind:
            what = "text" if word == "text" else "a whole number"
            yield f"{where}: {key} must be {what}, got {entry[key]!r:.60}"
    if type(entry.get("classes", "")) is not str:
        yield f"{where}: classes must be text, got {entry['classes']!r:.60}"
    if type(entry.get("whole", True)) is not bool:
        yield f"{where}: whole must be true or false, got {entry['whole']!r:.60}"
    for key in ("shape", "order"):
        if not isinstance(entry[key], list) or any(type(n) is not int for n in entry[key]):
            yield f"{where}: {key} must be a list of whole numbers, got {entry[key]!r:.60}"
