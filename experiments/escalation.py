"""Escalations beside splits, JPEG files and plans all on the edge: ``results/escalation.csv``.

    apt install dataset-fashion-mnist
    python experiments/make_scenes.py --out scenes --train 48 --val 400
    python experiments/escalation.py [--only fashion] [--work runs] [--images 2000]

Each network has an edge device like Eyeriss and a cloud like TPU v1.  The memory of the edge is so
small for the Fashion-MNIST network that no plan that is all on the edge keeps a point.  Points lost
are against the float network on the same images; escalations are judged on the half of the images
that chose no threshold, all other plans on all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from autosplit.files import read_csv, read_header, write_csv
from autosplit.progress import silent
from autosplit.runs.stages.run import run

ALLOWED = 1.0
"""Points that a pick may lose."""
HEADER = (
    *("network", "link", "kind", "name", "risk_percent", "images", "points_lost", "edge_share"),
    *("bytes_mean", "bytes_p95", "latency_s", "latency_p95_s", "edge_memory_bytes"),
)
KINDS = {
    # kind -> colour and mark in the figure
    "escalation": ("#c2185b", "*"),
    "split": ("#1f5fa8", "o"),
    "JPEG": ("#4f9a68", "D"),
    "all-edge": ("#d1702a", "s"),
    "all-cloud": ("#555555", "v"),
}


@dataclass(frozen=True)
class Case:
    """A network and how it is run.

    Attributes:
        options: Options of ``autosplit run``.
        risks: Values of ``--escalation-risk``, percent.
        lost: Points from which a plan stands at the upper border of the figure.
    """

    options: Mapping[str, Any]
    risks: tuple[float, ...]
    lost: float


def cases(garments: Path, scenes: Path, images: int | None = None) -> dict[str, Case]:
    """The networks.

    Args:
        garments: The four IDX files of Fashion-MNIST.
        scenes: What ``make_scenes.py`` made.
        images: Test images of Fashion-MNIST at most; None: all 10,000.
    """
    usual = {"methods": ("autosplit", "cloud16"), "escalation": "auto", "coding": "packed"}
    fashion = {
        "model": "fashion-resnet",
        "data": f"fashion-mnist:{garments}",
        "images": images,
        "memory_bytes": 75_000,
        "reserve_bytes": 784,
        "links": ("100kbps",),
    }
    boxes = {
        "model": "scenes-yolo",
        "data": f"coco:{scenes}",
        "links": ("1mbps", "3mbps"),
        "front": 6,
        "effort": "fast",
    }
    return {
        "fashion": Case({**usual, **fashion}, (1.0, 2.0, 4.0), 8.0),
        "scenes": Case({**usual, **boxes}, (10.0, 20.0), 15.0),
    }


def rows_of(network: str, case: Case, folder: Path) -> Iterator[dict[str, Any]]:
    """Every plan over every link; escalations of each risk."""
    for place, risk in enumerate(case.risks):
        given = {**case.options, "escalation_risk": risk}
        for outcome in run(folder, given, progress=silent):
            print(f"{network}, risk {risk:g} %: {outcome.text.splitlines()[0]}", flush=True)
        path = folder / "summary_full.csv"
        for row in read_csv(path, read_header(path)):
            is_new = row["method"] == "escalation"
            if row["drop"] == "" or row["method"] not in ("autosplit", "escalation", "cloud16"):
                continue
            if is_new or place == 0:
                yield _row(network, row, risk if is_new else "")


def _row(network: str, row: Mapping[str, str], risk: float | str) -> dict[str, Any]:
    """One row of the table out of one of ``summary_full.csv``."""
    return {
        "network": network,
        "link": row["link"],
        "kind": _kind(row),
        "name": row["name"],
        "risk_percent": risk,
        "images": row["images"],
        "points_lost": round(float(row["drop"]), 3),
        "edge_share": row.get("edge_share", ""),
        "bytes_mean": row["cut_bytes"],
        "bytes_p95": row.get("cut_bytes_p95", ""),
        "latency_s": row["latency_s"],
        "latency_p95_s": row.get("latency_p95_s", ""),
        "edge_memory_bytes": row["edge_memory_bytes"],
    }


def _kind(row: Mapping[str, str]) -> str:
    if row["method"] == "escalation":
        return "escalation"
    if "jpeg" in row["name"]:
        return "JPEG"
    if row["edge_layers"] == "0":
        return "all-cloud"
    return "split" if row["cut"] else "all-edge"


def compared(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The fastest plan within the limit with and without escalations, in words, for each link."""
    for network, link in dict.fromkeys((row["network"], row["link"]) for row in rows):
        there = [row for row in rows if (row["network"], row["link"]) == (network, link)]
        kept = [row for row in there if row["points_lost"] <= ALLOWED]
        best: dict[bool, dict[str, Any]] = {}
        for row in sorted(kept, key=lambda row: float(row["latency_s"])):
            best.setdefault(row["kind"] == "escalation", row)
        words = [
            f"{row['kind']} {row['name']} {1e3 * float(row['latency_s']):.2f} ms, "
            f"{row['bytes_mean']} bytes, {row['points_lost']} points lost"
            for row in best.values()
        ]
        if len(best) == 2:
            ratio = float(best[True]["latency_s"]) / float(best[False]["latency_s"])
            words.append(f"ratio {ratio:.2f}")
        yield f"{network} over {link}: {'; '.join(words)}"


def drawn(rows: list[dict[str, Any]], all_cases: Mapping[str, Case]) -> Figure:
    """Points lost against mean bytes, one panel a network, over its slowest link."""
    names = [name for name in all_cases if any(row["network"] == name for row in rows)]
    figure = Figure(figsize=(6.2 * len(names), 4.4), dpi=130, layout="constrained")
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for name, axis in zip(names, axes, strict=True):
        link = all_cases[name].options["links"][0]
        lost = all_cases[name].lost
        for kind, (colour, mark) in KINDS.items():
            some = [r for r in rows if (r["network"], r["link"], r["kind"]) == (name, link, kind)]
            x = [float(row["bytes_mean"]) for row in some]
            y = [min(float(row["points_lost"]), lost) for row in some]
            size = 90 if mark == "*" else 26
            axis.scatter(x, y, c=colour, marker=mark, s=size, label=kind, alpha=0.8, lw=0)
        axis.axhline(ALLOWED, color="#555555", lw=1, ls=":", label="1 point lost")
        axis.invert_yaxis()
        axis.set_xscale("symlog", linthresh=10)
        axis.set_xlim(left=-1)
        axis.set_xlabel("mean bytes sent for an image")
        axis.set_ylabel("points lost against the float network")
        axis.set_title(f"{name}, plans of the search for {link}", fontsize=10)
        axis.grid(alpha=0.25)
    axes[0].legend(fontsize=8)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="fashion,scenes", help="networks, separated by commas")
    parser.add_argument("--work", type=Path, default=Path("results"), help="where run folders go")
    parser.add_argument("--garments", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--scenes", type=Path, default=Path("scenes"))
    parser.add_argument("--images", type=int, help="test images of garments (default: all)")
    parser.add_argument("--out", type=Path, default=Path("results"))
    arguments = parser.parse_args()
    known = cases(arguments.garments, arguments.scenes, arguments.images)
    rows: list[dict[str, Any]] = []
    for name in arguments.only.split(","):
        rows += rows_of(name, known[name], arguments.work / f"escalation-{name}")
    write_csv(arguments.out / "escalation.csv", HEADER, rows)
    drawn(rows, known).savefig(arguments.out / "escalation.png", metadata={"Software": None})
    print("\n".join(compared(rows)))


if __name__ == "__main__":
    main()
