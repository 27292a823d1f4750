"""Entries of a data set that cannot be used: listed, and left out or refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from autosplit.errors import DataError, counted, warn

MOST_TOLD = 3
"""Entries that a warning tells one by one; of further ones it has only the number."""
MOST_REFUSED = 20
"""Entries that an error tells one by one."""


@dataclass(frozen=True, slots=True)
class LabelRules:
    """How annotations are read.

    Attributes:
        labels: Names of the network's classes; empty where they are not known.
        strict: Whether entries that cannot be used are refused, else they are left out and listed.
    """

    labels: tuple[str, ...] = ()
    strict: bool = False


USUAL_RULES = LabelRules()
"""Entries that cannot be used are left out; nothing is known of the network."""


def listed_twice(source: str, doubles: int) -> str:
    """Say how many pictures are listed more than once; empty if there are none."""
    if not doubles:
        return ""
    return (
        f"{source}: {counted(doubles, 'picture is', 'pictures are')} listed twice, each counts once"
    )


@dataclass(slots=True)
class Dirt:
    """What cannot be used of a data set.

    Attributes:
        source: Name of the data set, for the warning.
        strict: Whether such entries are refused.
        told: What is wrong, with file and line, of each entry.
        doubles: Number of entries that are there twice and count once.
    """

    source: str
    strict: bool = False
    told: list[str] = field(default_factory=list)
    doubles: int = 0

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Add the error that the block raises, if any, and go on."""
        try:
            yield
        except DataError as error:
            self.told.append(str(error))

    def tell(self) -> None:
        """Warn of what is left out.

        Raises:
            DataError: Something is, and the data set is read strictly.
        """
        if self.told:
            most = MOST_REFUSED if self.strict else MOST_TOLD
            more = len(self.told) - most
            shown = [text.removeprefix(f"{self.source}: ") for text in self.told[:most]]
            listed = "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
            entries = counted(len(self.told), "entry", "entries")
            text = f"{self.source}: {entries} cannot be used: {listed}"
            if self.strict:
                raise DataError(text)
            warn(f"{text}; {'it is' if len(self.told) == 1 else 'they are'} left out")
        if self.doubles:
            verb, counts = ("is", "counts") if self.doubles == 1 else ("are", "count")
            boxes = counted(self.doubles, "box", "boxes")
            warn(f"{self.source}: {boxes} {verb} there twice and {counts} once")
