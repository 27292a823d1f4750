"""Every error that autosplit raises on purpose, and what it warns of.

The text of an error is one line: ``where: what must hold, got value``, and what to do about it.
Each leaf is also the builtin a caller would expect, so ``except ValueError`` works too.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable


class AutoSplitError(Exception):
    """Root of every error raised on purpose; the command line prints it and exits with 1."""


class FileError(AutoSplitError, ValueError):
    """A file that autosplit reads is missing, malformed, foreign or of another version."""


class ProfileError(AutoSplitError, ValueError):
    """A device or link profile is unknown or wrong."""


class ModelError(AutoSplitError, ValueError):
    """A network is unknown, cannot be loaded, or does not fit its weights."""


class DataError(AutoSplitError, ValueError):
    """A data set is unknown, empty, unreadable, or gives values no statistic can hold."""


class CaptureError(AutoSplitError, RuntimeError):
    """torch.export cannot trace a network, or an operator is not understood."""


class GraphError(AutoSplitError, ValueError):
    """A graph is not a DAG in topological order, or a cut is not closed under predecessors."""


class LatencyError(AutoSplitError, LookupError, ValueError):
    """A latency model does not know a layer's kind, or has no time for a layer."""


class InfeasibleError(AutoSplitError, ValueError):
    """Nothing fits the limit; the text names the resource, the need and the limit."""


class UnsolvedError(AutoSplitError, RuntimeError):
    """A search ended before it found a plan or proved that there is none."""


class PlanError(AutoSplitError, ValueError):
    """A plan is unknown, or what it says cannot be carried out."""


class OptionError(AutoSplitError, ValueError):
    """An option is unknown or cannot have its value; the command line exits with 2."""


class StageError(AutoSplitError, RuntimeError):
    """A stage was asked for before the one it needs, or on a run folder of another model."""


class MissingExtraError(AutoSplitError, ImportError):
    """An optional dependency is not installed; the text gives the command that brings it."""


class AutoSplitWarning(UserWarning):
    """Input that can be used but is probably not what was meant; the command line prints it."""


def warn(*texts: str) -> None:
    """Warn of input that is probably not what was meant; empty texts are left out."""
    for text in filter(None, texts):
        warnings.warn(text, AutoSplitWarning, stacklevel=3)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Say which of ``choices`` was probably meant, or list them all.

    Returns:
        Text to append to an error, beginning with a comma.

    >>> did_you_mean("eyeris", ["eyeriss", "tpu_v1"])
    ", did you mean 'eyeriss'?"
    >>> did_you_mean("abacus", ["eyeriss", "tpu_v1"])
    ', choose from: eyeriss, tpu_v1'
    """
    known = sorted(choices)
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f", did you mean {near[0]!r}?"
    return f", choose from: {', '.join(known)}" if known else ", there are none"


def counted(count: int, one: str, many: str = "") -> str:
    """Say how many things there are.

    Args:
        count: Number of things.
        one: Word for one of them.
        many: Word for several, ``one`` and an s unless given.

    >>> counted(1, "box", "boxes"), counted(0, "box", "boxes"), counted(1200, "sample")
    ('1 box', '0 boxes', '1,200 samples')
    """
    return f"{count:,} {plural(count, one, many)}"


def plural(count: float, one: str, many: str = "") -> str:
    """The word for a number of things, as ``counted`` has it."""
    return one if count == 1 else many or f"{one}s"
