"""What the command line says beside its results: errors, warnings, talk and progress, on stderr."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from autosplit.errors import AutoSplitWarning
from autosplit.progress import NOTE


def say(text: str) -> None:
    """Print a line of talk."""
    print(text, file=sys.stderr)


def say_error(text: str, warned: Collection[str] = ()) -> None:
    """Print an error as one line; what a warning has said already is not said again.

    Args:
        text: The error.
        warned: Warnings that were printed.
    """
    reason, *advice = one_line(text).split("; ")
    known = {part for line in warned for part in line.split("; ")}
    if reason in known:
        reason = f"{reason.partition(':')[0]}: is refused, as the warning says"
    say(f"autosplit: error: {'; '.join([reason, *(a for a in advice if a not in known)])}")


def one_line(text: str) -> str:
    """A text of several lines as one."""
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())


@contextmanager
def saying_warnings() -> Iterator[list[str]]:
    """Print each warning of ours as one line, once; those of other packages are shown as ever.

    Returns:
        The warnings of ours, filled as they are printed.
    """
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", AutoSplitWarning)
        show: Callable[..., None] = warnings.showwarning

        def show_or_say(
            message: Warning | str, category: type[Warning], *place: Any, **more: Any
        ) -> None:
            if issubclass(category, AutoSplitWarning):
                line = one_line(str(message))
                if line not in said:
                    said.append(line)
                    say(f"autosplit: warning: {line}")
            else:
                show(message, category, *place, **more)

        warnings.showwarning = show_or_say
        yield said


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar; nothing where stderr is no terminal.  A note is a line of talk."""
    if total == NOTE:
        say(what)
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        row = bars.add_task(what, total=total)
        yield lambda count: bars.advance(row, count)
