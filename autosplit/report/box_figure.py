"""Curves of precision over recall, and the confusion of classes, of two networks side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray

from autosplit.evaluate.scorefile import CONFUSION_HEADER, CURVES_HEADER
from autosplit.files import read_csv
from autosplit.report.figure import DPI, Drawing

MOST_CLASSES = 20
"""Most classes of a confusion that is drawn: those with the most boxes."""
Rows = Sequence[Mapping[str, str]]


def box_figure(folder: Path, names: Sequence[str]) -> Drawing:
    """Draw what ``precision_recall.csv`` and ``confusion.csv`` say of some networks.

    Args:
        folder: Run folder.
        names: ``float`` and names of plans, one column each.
    """
    curves = read_csv(folder / "precision_recall.csv", CURVES_HEADER)
    pairs = read_csv(folder / "confusion.csv", CONFUSION_HEADER)
    names = [name for name in names if any(row["name"] == name for row in [*curves, *pairs])]
    figure = Drawing(figsize=(5.2 * max(len(names), 1), 9.6), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, max(len(names), 1), squeeze=False)
    labels = _labels_of([row for row in pairs if row["name"] in names])
    for name, curve, square in zip(names, axes[0], axes[1], strict=False):
        _draw_curves(curve, name, [row for row in curves if row["name"] == name])
        own = [row for row in pairs if row["name"] == name]
        _draw_confusion(square, labels, _counts(own, labels))
    return figure


def _draw_curves(axes: Axes, name: str, rows: Rows) -> None:
    classes = list(dict.fromkeys(row["class"] for row in rows))
    precisions = []
    for label in classes:
        own = [row for row in rows if row["class"] == label]
        recall = [float(row["recall"]) for row in own]
        precision = [float(row["precision"]) for row in own]
        precisions.append(precision)
        few = len(classes) <= 8
        axes.plot(recall, precision, lw=1, alpha=1 if few else 0.35, label=label if few else None)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision", title=name)
    if not precisions:  # where every annotated box is of a crowd
        axes.text(0.5, 0.5, "no box has to be found", ha="center")
        return
    axes.plot(recall, np.mean(precisions, 0), lw=2.5, color="black", label="mean of classes")
    axes.legend(fontsize=8, loc="lower left")


def _labels_of(rows: Rows) -> list[str]:
    """Names of the classes with the most boxes; no box comes last."""
    totals: dict[str, int] = {}
    for row in rows:
        for label in {row["there"], row["found"]}:
            totals[label] = totals.get(label, 0) + int(row["boxes"])
    nothing = totals.pop("background", None)
    labels = sorted(totals, key=lambda label: (-totals[label], label))[:MOST_CLASSES]
    return labels + ([] if nothing is None else ["background"])


def _counts(rows: Rows, labels: Sequence[str]) -> NDArray[np.int64]:
    counts = np.zeros((len(labels), len(labels)), np.int64)
    for row in rows:
        if row["there"] in labels and row["found"] in labels:
            counts[labels.index(row["there"]), labels.index(row["found"])] += int(row["boxes"])
    return counts


def _draw_confusion(axes: Axes, labels: Sequence[str], counts: NDArray[np.int64]) -> None:
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(labels))
    axes.set_xticks(places, labels, rotation=90, fontsize=7)
    axes.set_yticks(places, labels, fontsize=7)
    axes.set(xlabel="found", ylabel="there", title="boxes, score of at least 0.25")
    for row, column in np.argwhere(counts).tolist():
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(
            column, row, str(counts[row, column]), ha="center", va="center", size=7, color=colour
        )
