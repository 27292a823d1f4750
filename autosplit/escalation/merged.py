"""Records of answers cut and merged image by image, so that a task scores them as any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from autosplit.evaluate.record import Record


def merged(edge: Record, cloud: Record, answered: Sequence[bool]) -> Record:
    """The answers to the last images: the edge's where it answers, else the cloud's.

    Args:
        edge: Answers of one network to all images.
        cloud: Answers of another network to the same images, a record of the same class.
        answered: For each of the last images, whether the first network's answer is taken.
    """
    first = edge.seen - len(answered)

    def choose(name: str) -> list[Any] | None:
        here, there = getattr(edge, name), getattr(cloud, name)
        if here is None or there is None:
            return None
        last = zip(answered, here[first:], there[first:], strict=True)
        return [a if own else b for own, a, b in last]

    record: Any = edge
    lists = [one.name for one in fields(record) if isinstance(getattr(edge, one.name), list)]
    found: Record = replace(record, total=len(answered), **{name: choose(name) for name in lists})
    return found


def last_of(record: Record, count: int) -> Record:
    """The answers to the last images alone."""
    return merged(record, record, [True] * count)
