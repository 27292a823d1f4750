"""Print what the tables here say of claims of the Auto-Split paper (KDD 2021, arXiv 2108.13041).

    python experiments/claims.py [--results results] [--table]

It reads ``paper.csv`` (six networks with random weights, the original's devices, memory and links)
and ``headline.csv`` (trained weights, plans that keep an accuracy as measured).  ``--table`` prints
the latter as Markdown: milliseconds of each method's plan, the fastest that keeps both limits in
bold, behind the others the limit that they break.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from autosplit.files import read_csv, read_header

Row = Mapping[str, str]
Rows = Sequence[Row]
LIMITS = {  # bytes, as in experiments/paper.yaml
    **dict.fromkeys(("resnet18", "mobilenet_v2"), 1024 * 1024),
    **dict.fromkeys(("resnet50", "resnext50_32x4d", "mnasnet1_0"), 4096 * 1024),
    "googlenet": 8192 * 1024,
}


def pairs(rows: Rows, first: str, second: str) -> list[tuple[Row, Row]]:
    """Rows of two methods for the same network and link."""

    def of(method: str) -> dict[tuple[str, str], Row]:
        return {(r["model"], r["link_mbps"]): r for r in rows if r["method"] == method}

    ours, others = of(first), of(second)
    return [(ours[key], others[key]) for key in ours if key in others]


def compared(found: list[tuple[Row, Row]], fits: Callable[[Row], bool]) -> str:
    """How much faster the first of each pair is, in words."""
    less = [100 * (1 - float(a["latency_s"]) / float(b["latency_s"])) for a, b in found]
    faster = sum(value > 1e-6 for value in less)
    within = sum(20 <= value <= 80 for value in less)
    middle = float(np.median(less))
    return (
        f"faster in {faster} of {len(found)} rows, by 20 to 80 % in {within}, median "
        f"{middle:.0f} % ({1 - middle / 100:.2f} of the latency); the other fits the memory "
        f"in {sum(fits(b) for _, b in found)}"
    )


def lines(paper: Rows, headline: Rows) -> Iterator[str]:
    """What each table says."""

    def fits_paper(row: Row) -> bool:
        return int(row["edge_memory_bytes"]) <= LIMITS[row["model"]]

    def fits_headline(row: Row) -> bool:
        return "memory" not in row["keeps"]

    tables = (("paper.csv", paper, fits_paper), ("headline.csv", headline, fits_headline))
    for name, rows, fits in tables:
        for first in ("autosplit2021", "autosplit"):
            for second in ("qdmp", "neurosurgeon", "uniform8", "cloud16", "cloud-jpeg"):
                found = pairs(rows, first, second)
                if found:
                    yield f"{name}: {first} against {second}: {compared(found, fits)}"
    memory = [
        100 * (1 - int(a["edge_memory_bytes"]) / int(b["edge_memory_bytes"]))
        for a, b in pairs(paper, "autosplit2021", "qdmp")
        if b["edge_memory_bytes"] != "0"
    ]
    least = sum(value > 40 for value in memory)
    yield (
        f"paper.csv: autosplit2021 takes over 40 % less edge memory than qdmp {least} of "
        f"{len(memory)} times that qdmp has an edge half, median {np.median(memory):.0f} %"
    )
    scanned = pairs(paper, "neurosurgeon", "dads")
    times = [float(a["latency_s"]) / float(b["latency_s"]) for a, b in scanned]
    yield (
        f"paper.csv: neurosurgeon is slower than dads {sum(one > 1 + 1e-9 for one in times)} of "
        f"{len(times)} times, by a factor of {max(times):.1f} at most"
    )
    for method in ("autosplit2021", "autosplit"):
        gaps = [float(row["gap"]) for row in paper if row["method"] == method]
        yield (
            f"paper.csv: {method}: gap median {np.median(gaps):.2f}, largest {max(gaps):.2f}, "
            f"0 in {gaps.count(0.0)} of {len(gaps)} rows"
        )
    for method in dict.fromkeys(row["method"] for row in headline):
        own = [row for row in headline if row["method"] == method]
        kept = [row for row in own if row["keeps"] == "yes"]
        won = sum(float(row["latency_s"]) <= fastest(headline, row) * (1 + 1e-9) for row in kept)
        yield (
            f"headline.csv: {method} keeps both limits {len(kept)} of {len(own)} times, and is "
            f"the fastest of those that do {won} times"
        )


def fastest(rows: Rows, row: Row) -> float:
    """Seconds of the fastest method that keeps both limits for a row's network and link."""
    same = [r for r in rows if (r["model"], r["link_mbps"]) == (row["model"], row["link_mbps"])]
    return min(float(r["latency_s"]) for r in same if r["keeps"] == "yes")


def table(headline: Rows) -> Iterator[str]:
    """The headline table as Markdown, a line for each network and link."""
    methods = list(dict.fromkeys(row["method"] for row in headline))
    yield f"| network, Mbit/s | {' | '.join(methods)} |"
    yield f"| --- |{' --- |' * len(methods)}"
    for model, link in dict.fromkeys((row["model"], row["link_mbps"]) for row in headline):
        own = {
            row["method"]: row
            for row in headline
            if (row["model"], row["link_mbps"]) == (model, link)
        }
        cells = [cell(own[one], headline) if one in own else "-" for one in methods]
        yield f"| {model}, {float(link):g} | {' | '.join(cells)} |"


def cell(row: Row, headline: Rows) -> str:
    """Milliseconds of a row, and what it breaks."""
    latency_s = float(row["latency_s"])
    milliseconds = 1e3 * latency_s
    text = f"{milliseconds:.0f}" if milliseconds >= 100 else f"{milliseconds:.3g}"
    if row["keeps"] != "yes":
        return f"{text} ({row['keeps']})"
    return f"**{text}**" if latency_s <= fastest(headline, row) * (1 + 1e-9) else text


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--table", action="store_true", help="the headline table as Markdown")
    asked = parser.parse_args()
    tables = []
    for name in ("paper.csv", "headline.csv"):
        path = asked.results / name
        tables.append(list(read_csv(path, read_header(path))) if path.exists() else [])
    print("\n".join(table(tables[1]) if asked.table else lines(*tables)))


if __name__ == "__main__":
    main()
