"""Measure what entropy coding saves at the cuts of three networks, and the seconds that it takes.

    python experiments/coding.py [--bits 4] [--images 20] [--out results/coding.csv]
                                 [--only scenes-yolo]

A row is a cut with one crossing tensor: bytes packed and coded, the mean over the calibration
images, and the seconds to encode and decode one image, the least of ten.  ``share`` is these
seconds by those that the saved bytes take at 3 Mbit/s.  ``useful`` says that packing makes the
tensor smaller than the network's input at 8 bits, ``relu`` that it has no values below 0.

Printed are means over such rows; how much longer ``stats`` takes with coded bytes, in CPU seconds;
whether a plan of the front of packed bytes is faster, at no more distortion, than all of coded
bytes; and ``encode_s`` and ``decode_s`` of a device's profile as this machine takes them, with the
median relative error of the fit.  Seconds of a tensor and of an element are fitted to all rows at
2, 3, 4, 6 and 8 bits (non-negative least squares of relative errors), those of a pixel are the mean
over the calibration pictures at JPEG qualities from 50 to 95.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from autosplit.api.data import input_batches, load_data
from autosplit.api.measurement import measure as measure_all
from autosplit.api.net import Net, capture
from autosplit.api.problem import Problem
from autosplit.capture.program import Program
from autosplit.distortion.coded import code_tensors
from autosplit.distortion.measure import measure
from autosplit.files import write_csv
from autosplit.graph.graph import Graph
from autosplit.graph.memory import packed_bytes, tensor_bytes
from autosplit.halves.wire.entropy import EntropyCoder
from autosplit.halves.wire.jpeg import InputArray, decode_jpeg, encode_jpeg, to_pixels
from autosplit.quantize.affine import quantize
from autosplit.runs.measuring import picture_input
from autosplit.runs.options import StatsOptions
from autosplit.search.methods import search
from autosplit.search.tolerance import keeps
from autosplit.stats.coding import PictureInput
from autosplit.stats.stats import Stats

NETWORKS = (
    ("efficientnet-lite0", "demo"),
    ("fashion-resnet", "fashion-mnist"),
    ("scenes-yolo", "scenes"),
)
"""Networks, and the data that calibrates them."""
RATE_BPS = 3e6
PRICED_BITS = (2, 3, 4, 6, 8)
LINKS = ("1mbps", "3mbps", "10mbps", "20mbps")
HEADER = (
    "network tensor useful relu shape bits packed_bytes coded_bytes ratio encode_s decode_s share"
)


def single_cuts(graph: Graph) -> list[str]:
    """Layers whose outputs cross alone, in order, without the answers."""
    crossing = (graph.prefix(length).crossing for length in range(1, len(graph.layers)))
    alone = dict.fromkeys(names[0] for names in crossing if len(names) == 1)
    return [name for name in alone if name not in {*graph.inputs, *graph.integers}]


def first_values(program: Program, batch: Any, names: list[str]) -> dict[str, Tensor]:
    """Values of some tensors for the first sample of a batch, shape (1, elements)."""
    found: dict[str, Tensor] = {}

    def watch(name: str, value: Tensor) -> None:
        if name in names:
            found[name] = program.samples(name, value).flatten(1)[:1].clone()

    with torch.no_grad():
        program.run(program.flatten(batch), watch)
    return found


def seconds(work: Callable[[], Any]) -> float:
    """Least seconds of ten runs."""
    times = []
    for _ in range(10):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def rows(program: Program, stats: Stats, batch: Any, bits: int) -> Iterator[dict[str, Any]]:
    """A row of each cut."""
    graph = program.graph
    names, whole = single_cuts(graph), sum(tensor_bytes(graph, name, 8) for name in graph.inputs)
    values = first_values(program, batch, names)
    for name in names:
        found, shape = stats.coded[name, bits], graph.shape(name)
        coder = EntropyCoder(shape, found.classes, bits)
        sample = quantize(values[name], stats.grids[name, "activation", bits]).numpy()
        (data,) = coder.encode(sample)
        there, back = (
            seconds(lambda coder=coder, sample=sample: list(coder.encode(sample))),
            seconds(lambda coder=coder, data=data: coder.decode(data)),
        )
        packed = packed_bytes(graph.elements(name), bits)
        saved_s = 8 * (packed - found.mean) / RATE_BPS
        yield {
            "network": graph.name,
            "tensor": name,
            "useful": packed < whole,
            "relu": stats.tensors[name].min >= 0,
            "shape": "x".join(map(str, shape)),
            "bits": bits,
            "packed_bytes": packed,
            "coded_bytes": round(found.mean, 1),
            "ratio": round(found.mean / packed, 4),
            "encode_s": f"{there:.3g}",
            "decode_s": f"{back:.3g}",
            "share": round((there + back) / saved_s, 4) if saved_s > 0 else "",
        }


def print_means(kind: str, found: list[dict[str, Any]]) -> None:
    """Print means over some rows; the share is of all seconds by all that are saved."""
    found = [row for row in found if row["coded_bytes"] < row["packed_bytes"]]  # others are packed
    if not found:
        return
    spent = sum(float(row["encode_s"]) + float(row["decode_s"]) for row in found)
    saved = sum(8 * (row["packed_bytes"] - row["coded_bytes"]) / RATE_BPS for row in found)
    ratio = float(np.mean([row["ratio"] for row in found]))
    print(f"{kind}: {len(found)} cuts, coded / packed {ratio:.3f}, coding {spent / saved:.2%}")


def fitted(found: list[dict[str, Any]], column: str) -> tuple[dict[str, float], float]:
    """Seconds of a tensor and of an element, and the median relative error, of coded rows."""
    found = [row for row in found if row["coded_bytes"] < row["packed_bytes"]]
    takes = np.array([float(row[column]) for row in found])
    elements = [math.prod(map(int, row["shape"].split("x"))) for row in found]
    units = np.stack([np.ones(len(found)), np.array(elements, dtype=np.float64)], axis=1)
    relative = units / takes[:, None]
    prices, _ = nnls(relative, np.ones(len(found)))
    error = float(np.median(np.abs(relative @ prices - 1)))
    return dict(zip(("tensor", "element"), map(float, prices), strict=True)), error


def picture_seconds(inputs: InputArray, picture: PictureInput) -> list[tuple[float, float, int]]:
    """Seconds to write and to read each picture at each quality as a JPEG file, and its pixels."""
    found = []
    for one in to_pixels(inputs, picture.mean, picture.std):
        for quality in picture.qualities:
            file = encode_jpeg(one, quality)
            there = seconds(lambda one=one, quality=quality: encode_jpeg(one, quality))
            back = seconds(lambda file=file, one=one: decode_jpeg(file, one.shape))
            found.append((there, back, one.shape[-2] * one.shape[-1]))
    return found


def print_prices(found: list[dict[str, Any]], pictures: list[tuple[float, float, int]]) -> None:
    """Print what a device's profile would say of this machine."""
    each = np.array(pictures)
    for place, side in enumerate(("encode_s", "decode_s")):
        prices, error = fitted(found, side)
        prices["pixel"] = float(each[:, place].sum() / each[:, 2].sum())
        text = ", ".join(f"{unit}: {one:.2e}" for unit, one in prices.items())
        print(f"{side}: {{{text}}}  # median error {error:.0%}")


def print_compared(name: str, net: Net, calibration: Any) -> None:
    """Print what coded bytes cost ``stats``, and what they bring the front."""
    start = time.process_time()
    stats = measure_all(net, calibration)
    whole_s = time.process_time() - start
    start = time.process_time()
    code_tensors(net.program, input_batches(net, calibration, None), stats)
    coded_s = time.process_time() - start
    print(f"{name}: stats takes {whole_s / (whole_s - coded_s):.2f} times as long as without")
    fronts = []
    for coding in ("packed", "entropy"):
        problem = Problem(net.graph, stats, links=LINKS, coding=coding)
        fronts.append([one for one in search(problem, ["autosplit"]) if one.name.startswith("cut")])
    packed, coded = fronts
    for link in LINKS:
        points = [(one.predictions[link].latency_s, one.distortion) for one in coded]
        above = sum(
            not any(
                keeps(latency_s, one.predictions[link].latency_s)
                and keeps(distortion, one.distortion)
                for latency_s, distortion in points
            )
            for one in packed
        )
        print(f"{name}, {link}: {above} of {len(packed)} plans of packed bytes beat all coded ones")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("results/coding.csv"))
    parser.add_argument("--only", default=",".join(name for name, _ in NETWORKS))
    asked = parser.parse_args()
    table: list[dict[str, Any]] = []
    priced: list[dict[str, Any]] = []
    pictures: list[tuple[float, float, int]] = []
    for name, data in (one for one in NETWORKS if one[0] in asked.only.split(",")):
        net = capture(name)
        given = load_data(data, net, calibration_images=asked.images, evaluation_images=1)
        batches = input_batches(net, given.calibration, None)
        stats = code_tensors(net.program, batches, measure(net.program, batches))
        own = list(rows(net.program, stats, next(iter(batches())), asked.bits))
        print_means(f"{name}, useful", [row for row in own if row["useful"]])
        print_means(f"{name}, after ReLU", [row for row in own if row["relu"]])
        table += own
        for bits in PRICED_BITS:
            priced += rows(net.program, stats, next(iter(batches())), bits)
        (shape,) = net.graph.inputs.values()
        shown = picture_input(net.model.preprocess, (1, *shape), StatsOptions().jpeg_quality)
        if shown is not None:
            pictures += picture_seconds(next(iter(batches()))[:4].numpy(), shown)
        print_compared(name, net, given.calibration)
    print_prices(priced, pictures)
    write_csv(asked.out, tuple(HEADER.split()), table)


if __name__ == "__main__":
    main()
