"""The task that the shape of an output, its name and its labels make clear."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from autosplit.evaluate.task import (
    BINARY,
    CLASSIFICATION,
    LANGUAGE_MODELLING,
    MULTI_LABEL,
    REGRESSION,
    SEGMENTATION,
    SEQUENCE_LABELLING,
    Task,
)

SCORE_NAMES = ("logits", "out", "scores", "prediction", "predictions")
"""Names that people give to class scores."""

ASSUMED = "assumed"
"""Begins why a task is taken that nothing tells."""

_ROUNDED = 1e-3
"""Probabilities of the classes sum to 1 but for rounding, in half precision as well."""


def about_labels(labels: Any) -> str:
    """Say what labels are."""
    if labels is None:
        return "no labels"
    if isinstance(labels, Tensor):
        kind = "numbers" if labels.is_floating_point() else "whole numbers"
        rows = next((rows for axis in (1, -1) if (rows := class_rows(labels, axis))), "")
        return f"labels that are {rows or kind} of shape {tuple(labels.shape)}"
    return f"labels that are a {type(labels).__name__}"


def class_rows(labels: Tensor, axis: int) -> str:
    """Say how labels give a class by a number for each class; empty where they do not.

    Args:
        labels: Labels.
        axis: Their axis of the classes.
    """
    if labels.dim() < 2 or labels.shape[axis] < 2 or labels.dtype == torch.bool:
        return ""
    values = labels.double()
    if bool((values < 0).any()) or bool(((values.sum(axis) - 1).abs() > _ROUNDED).any()):
        return ""
    return "one-hot" if bool(((values == 0) | (values == 1)).all()) else "probabilities"


def suggested_tasks(value: Tensor) -> list[str]:
    """Name the tasks that an output of this shape may have."""
    names = {
        1: ("binary", "regression"),
        2: ("classification", "multi-label", "regression", "embedding"),
        3: ("sequence-labelling", "language-modelling", "regression", "embedding"),
        4: ("segmentation", "regression", "embedding"),
    }
    if value.dim() == 2 and value.shape[1] == 1:
        return ["binary", "regression"]
    return list(names.get(value.dim(), ("regression", "embedding")))


def clear_task(
    name: str, value: Tensor, labels: Any, bounded: bool, copied: bool = False
) -> tuple[Task | None, str]:
    """Find the task that an output and its labels make clear, and why; None where they do not.

    Args:
        name: Name of the output.
        value: The output for a few samples.
        labels: Labels of these samples; None without any.
        bounded: Whether the output is written by a sigmoid or a softmax.
        copied: Whether the labels are the whole numbers of an input.
    """
    if isinstance(labels, Tensor):
        if copied and value.dim() == 3 and labels.shape == value.shape[:2]:
            return LANGUAGE_MODELLING, "the labels are the tokens of an input"
        return _labelled_task(value, labels)
    if labels is not None:
        return None, ""
    if value.dim() == 2 and value.shape[1] > 1:
        return CLASSIFICATION, f"{ASSUMED} for an output (batch, classes) without labels"
    if value.dim() <= 2:
        one = value.numel() == len(value)
        return (BINARY, "the answers are probabilities") if one and bounded else (None, "")
    if name in SCORE_NAMES and value.dim() == 3:
        return SEQUENCE_LABELLING, f"the output is called {name}"
    if name in SCORE_NAMES and value.dim() == 4:
        return SEGMENTATION, f"the output is called {name}"
    return None, ""


def _labelled_task(value: Tensor, labels: Tensor) -> tuple[Task | None, str]:
    axis = 1 if value.dim() == 4 else -1
    if value.dim() > 1 and labels.shape == value.shape and class_rows(labels, axis):
        return None, ""  # one class of several, or a label of 0 or 1 for each
    whole = not labels.is_floating_point()
    binary = bool(((labels == 0) | (labels == 1)).all())
    single = labels.numel() == len(labels)
    if value.dim() <= 2 and value.numel() == len(value) and single:
        if binary and (whole or len(labels) > 1):
            return BINARY, "one answer a sample, and labels of 0 and 1"
        return (
            (None, "") if whole else (REGRESSION, "one answer a sample, and labels with decimals")
        )
    if value.dim() == 2 and single and whole:
        return CLASSIFICATION, "labels are numbers of classes"
    if value.dim() == 2 and labels.shape == value.shape:
        if binary:
            return MULTI_LABEL, "a label of 0 or 1 for each answer"
        return (None, "") if whole else (REGRESSION, "a label with decimals for each answer")
    if value.dim() == 3 and whole and labels.shape == value.shape[:2]:
        return SEQUENCE_LABELLING, "a class for each token"
    if value.dim() == 4 and whole and labels.numel() == value[:, 0].numel():
        return SEGMENTATION, "a class for each pixel"
    if value.dim() > 2 and not whole and labels.shape == value.shape:
        return REGRESSION, "a number for each answer"
    return None, ""
