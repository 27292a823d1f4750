"""A person's own score: a function in a Python file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from autosplit.data.python_file import error_place
from autosplit.errors import DataError, counted
from autosplit.evaluate.task import OWN_SCORE, Task
from autosplit.evaluate.tasks.samples import (
    Answers,
    SampleRecord,
    Shares,
    moved,
    r2_vs_float,
    sqnr_db,
)

NO_BOUND = "a bound needs a score of each sample, from 0 to 1"
"""Why plans may not be stopped early."""


@dataclass(frozen=True)
class OwnScore:
    """Scores answers by a person's function.

    Attributes:
        function: Takes the network's outputs and the labels of a batch.  One output comes as a
            tensor, several come as a dictionary by their names.  It returns a score for each
            sample, (samples,), or one number for the whole batch; more is better.
        where: Name of the function in errors.
        names: Names of the outputs that are scored.
    """

    function: Callable[[Any, Any], Any]
    where: str
    names: tuple[str, ...]

    def __call__(
        self, outputs: Answers, labels: object, batch: int, reference: Answers | None = None
    ) -> dict[str, Tensor]:
        """Score a batch.

        Raises:
            DataError: The function fails, or returns something else than scores.
        """
        scored = outputs[0] if len(outputs) == 1 else dict(zip(self.names, outputs, strict=True))
        try:
            found = self.function(scored, labels)
            scores = torch.as_tensor(found).detach().double().cpu()
        except (Exception, SystemExit) as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            raise DataError(
                f"{self.where}: must return scores, got {text}{self._at(error)}"
            ) from error
        whole = scores.numel() == 1 and batch > 1
        if not whole and scores.shape not in ((batch,), (batch, 1)):
            raise DataError(
                f"{self.where}: must return a score for each of {counted(batch, 'sample')}, or one "
                f"number, got shape {tuple(scores.shape)}"
            )
        if not scores.isfinite().all():
            raise DataError(f"{self.where}: scores must be finite, got NaN or infinity")
        each = scores.reshape(-1).expand(batch) if whole else scores.reshape(batch)
        floats = [place for place, value in enumerate(outputs) if value.is_floating_point()]
        compared = floats or range(len(outputs))
        own = [outputs[place] for place in compared]
        ref = own if reference is None else [reference[place] for place in compared]
        apart = torch.full((batch,), not whole)
        return {**moved(own, ref), "score": each, "apart": apart}

    def _at(self, error: BaseException) -> str:
        """The line of the function's file that an error comes from; empty if none of it."""
        code = getattr(self.function, "__code__", None)
        if code is None:
            return ""
        place = error_place(error, Path(code.co_filename))
        return f" at {place}" if place != code.co_filename else ""


class OwnScoreRecord(SampleRecord):
    """The record of a network that a person's function scores.

    Plans are stopped early only if every score is that of one sample, and from 0 to 1.
    """

    task: ClassVar[Task] = OWN_SCORE

    def shares(self) -> Shares | None:
        """Return the score of each sample; None where there is no bound on it."""
        score, apart = self.array("score"), self.array("apart")
        if not apart.all() or (score < 0).any() or (score > 1).any():
            return None
        return Shares(score, np.ones(len(score)))

    def scores(self) -> dict[str, float | None]:
        """Compute the mean score."""
        return {
            "score": float(self.array("score").mean()),
            "r2_vs_float": r2_vs_float(self),
            "sqnr_db": sqnr_db(self),
        }


def checked_function(found: Any, where: str) -> Callable[[Any, Any], Any]:
    """Make sure that what a file has under a name can be called.

    Raises:
        DataError: It cannot.
    """
    if not callable(found) or isinstance(found, Mapping):
        raise DataError(f"{where}: must be a function of (outputs, labels)")
    function: Callable[[Any, Any], Any] = found
    return function
