"""Bytes against distortion at the cut: plain widths beside coarser steps and a dead zone at zero.

    python experiments/rate_distortion.py [--images 12] [--only scenes-yolo]
                                          [--out results/rate_distortion.csv]

The up to five cuts of a network are those of one crossing tensor, with at least a third of the
multiply-accumulates behind them, that take the fewest bytes at 4 bits, entropy-coded.  A row is an
operating point of one: the levels (``bits``), the step as a multiple of that of the width's own
grid, which also moves the ends of the range, and where a value is rounded to zero in steps
(``dead_zone``; 0.5 is rounding to the nearest).  The plain widths have step 1 and dead zone 0.5.
``bytes`` are the mean of an image, entropy-coded, and ``distortion`` is how far the answers move
(the metric ``output``), per image, with the rest of the network in float: both once on every second
image, which chooses (``chosen_by``), and once on the others, which judge.

Printed for the widths from 3 to 6 bits of each network: of the points that move the answers no more
than the plain width on the images that choose, the one of the fewest bytes; its bytes and its
distortion by those of the plain width on the images that judge, geometric means over the cuts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from coding import single_cuts
from torch import Tensor

from autosplit.api.data import input_batches, load_data
from autosplit.api.net import capture
from autosplit.capture.program import Program
from autosplit.distortion.coded import code_tensors
from autosplit.distortion.divergence import output_divergence
from autosplit.distortion.measure import measure
from autosplit.files import write_csv
from autosplit.graph.graph import Cut, Graph
from autosplit.halves.partition import cloud_part
from autosplit.halves.wire.entropy import EntropyCoder
from autosplit.stats.stats import Stats

NETWORKS = (("efficientnet-lite0", "demo"), ("scenes-yolo", "scenes"))
CUTS = 5
PLAIN = range(2, 9)
LEVELS = (4, 6)
STEPS = (1.0, 1.4, 2.0, 2.8)
DEAD_ZONES = (0.5, 0.65, 0.8)
HEADER = "network tensor bits step dead_zone bytes distortion judge_bytes judge_distortion"


@dataclass(frozen=True)
class Point:
    """One way to round the tensor that crosses."""

    bits: int
    step: float
    dead_zone: float


POINTS = [Point(bits, 1.0, 0.5) for bits in PLAIN] + [
    Point(bits, step, zone)
    for bits in LEVELS
    for step in STEPS
    for zone in DEAD_ZONES
    if (step, zone) != (1.0, 0.5)
]


def best_cuts(graph: Graph, stats: Stats) -> list[Cut]:
    """The cuts of the fewest coded bytes at 4 bits with a third of the products behind them."""
    every = [graph.prefix(length) for length in range(1, len(graph.layers))]
    whole = sum(layer.macs for layer in graph.layers)
    names = single_cuts(graph)
    first = {cut.crossing: cut for cut in reversed(every) if len(cut.crossing) == 1}
    found = [first[(name,)] for name in names]
    found = [
        cut for cut in found if 3 * sum(graph.by_name[name].macs for name in cut.cloud) >= whole
    ]
    found.sort(key=lambda cut: stats.coded[cut.crossing[0], 4].mean)
    return sorted(found[:CUTS], key=lambda cut: len(cut.edge))


def rounded(value: Tensor, point: Point, stats: Stats, name: str) -> tuple[Tensor, Tensor]:
    """Integers from 0 on, and the values that they stand for."""
    own = stats.grids[name, "activation", point.bits]
    scale, zero = own.per_tensor
    scale *= point.step
    steps = 2**point.bits - 1
    zero = min(max(round(zero / point.step), 0), steps)
    levels = (value / scale).abs_().add_(1 - point.dead_zone).floor_().mul_(value.sign())
    levels = levels.clamp_(-zero, steps - zero)
    return (levels + zero).to(torch.uint8), levels * scale


def rows(program: Program, stats: Stats, inputs: Tensor) -> Iterator[dict[str, Any]]:
    """Every operating point of every cut."""
    graph = program.graph
    cuts = best_cuts(graph, stats)
    wanted = {cut.crossing[0]: cut for cut in cuts}
    values: dict[str, Tensor] = {}

    def watch(name: str, value: Tensor) -> None:
        if name in wanted:
            values[name] = value.clone()

    with torch.no_grad():
        before = program.run((inputs,), watch)
        sides = [slice(0, None, 2), slice(1, None, 2)]
        for name, cut in wanted.items():
            cloud, classes = cloud_part(program, cut), stats.coded[name, 4].classes
            for point in POINTS:
                integers, shown = rounded(values[name], point, stats, name)
                after = tuple(cloud({name: shown}).values())
                coder = EntropyCoder(graph.shape(name), classes, point.bits)
                sizes = [len(one) for one in coder.encode(integers.numpy())]
                found: list[float] = []
                for side in sides:
                    pairs = [tuple(one[side] for one in both) for both in (before, after)]
                    moved = output_divergence(*pairs) / len(pairs[0][0])
                    found += [float(np.mean(sizes[side])), moved]
                numbers = dict(zip(HEADER.split()[5:], found, strict=True))
                about = (graph.name, name, point.bits, point.step, point.dead_zone)
                yield dict(zip(HEADER.split()[:5], about, strict=True)) | numbers


def is_plain(row: dict[str, Any]) -> bool:
    """Whether a row is the width's own grid, rounded to the nearest."""
    return (row["step"], row["dead_zone"]) == (1.0, 0.5)


def print_gains(network: str, table: Sequence[dict[str, Any]]) -> None:
    """Print what the chosen points take and move, by the plain widths."""
    for bits in range(3, 7):
        gains = []
        for name in dict.fromkeys(row["tensor"] for row in table):
            own = [row for row in table if row["tensor"] == name]
            plain = next(row for row in own if row["bits"] == bits and is_plain(row))
            good = [row for row in own if row["distortion"] <= plain["distortion"]]
            best = min(good, key=lambda row: row["bytes"])
            keys = ("judge_bytes", "judge_distortion")
            gains.append([best[key] / plain[key] for key in keys])
        size, moved = np.exp(np.log(gains).mean(axis=0))
        print(f"{network}, {bits} bits: bytes x {size:.3f}, distortion x {moved:.2f}")


def draw(path: Path, table: Sequence[dict[str, Any]]) -> None:
    """Bytes against distortion: one panel a cut, the images that judge."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    networks = list(dict.fromkeys(row["network"] for row in table))
    figure, axes = plt.subplots(
        len(networks), CUTS, figsize=(3.2 * CUTS, 3.0 * len(networks)), squeeze=False
    )
    for line, network in zip(axes, networks, strict=True):
        own = [row for row in table if row["network"] == network]
        names = list(dict.fromkeys(row["tensor"] for row in own))
        for axis in line[len(names) :]:
            axis.set_visible(False)
        for axis, name in zip(line, names, strict=False):
            mine = [row for row in own if row["tensor"] == name]
            xs = np.array([row["judge_bytes"] for row in mine])
            ys = np.array([row["judge_distortion"] for row in mine])
            mask = np.array([is_plain(row) for row in mine])
            axis.loglog(xs[~mask], ys[~mask], ".", color="0.6", label="step and dead zone")
            axis.loglog(xs[mask], ys[mask], "o-", color="C0", label="plain widths")
            axis.set_title(f"{network}\n{name}", fontsize=8)
            axis.set_xlabel("bytes")
        line[0].set_ylabel("distortion")
    axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path("results/rate_distortion.csv"))
    parser.add_argument("--only", default=",".join(name for name, _ in NETWORKS))
    asked = parser.parse_args()
    table: list[dict[str, Any]] = []
    for name, data in (one for one in NETWORKS if one[0] in asked.only.split(",")):
        net = capture(name)
        given = load_data(data, net, calibration_images=asked.images, evaluation_images=1)
        batches = input_batches(net, given.calibration, None)
        stats = code_tensors(net.program, batches, measure(net.program, batches))
        inputs = torch.cat(
            [batch if isinstance(batch, Tensor) else batch[0] for batch in batches()]
        )
        own = list(rows(net.program, stats, inputs))
        print_gains(name, own)
        table += own
    write_csv(asked.out, tuple(HEADER.split()), table)
    draw(asked.out.with_suffix(".png"), table)


if __name__ == "__main__":
    main()
