"""How far long work is: what a stage tells whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Advance = Callable[[int], None]
Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""``with progress(what, total) as advance: advance(1) ...``"""

NOTE = -1
"""Total of a note: a line to show, and nothing to count."""


def note(progress: Progress, text: str) -> None:
    """Tell a line to whoever shows how far work is."""
    with progress(text, NOTE):
        pass


def silent(what: str, total: int) -> AbstractContextManager[Advance]:  # noqa: ARG001
    """A progress that shows nothing."""
    return nullcontext(lambda count: None)  # noqa: ARG005
