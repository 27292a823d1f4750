"""Promised beside measured: plans of a network on two processes with a rate-limited link.

The layers of the network are first measured on this machine, so that the search promises seconds
of this machine.  The edge and the cloud then run as ``autosplit infer`` and ``autosplit serve``, in
two network namespaces that this script makes, over TLS.  Without root the link is loopback, and
what is promised is promised of a link without limit.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from deployed_links import Counted
from deployed_profile import link_path, write_links
from deployed_rows import HEADER, OPENING, Promise, is_jpeg, row
from deployed_side import Deployment, Row, Side, call, inputs, read_rows, served

from autosplit.deploy.manifest import read_manifest
from autosplit.files import write_csv
from autosplit.hardware.link import load_link
from autosplit.runs.folder import read_graph, read_plans

NETWORKS = {
    "fashion": "--model fashion-resnet --data fashion-mnist --images 64 --calibration-images 16 "
    "--memory none",
    "lite0": "--model efficientnet-lite0 --data demo --effort fast --memory 3MB",
    "scenes": "--model scenes-yolo --data scenes --effort fast --memory 800KB",
}
"""Options of each.  EfficientNet-Lite0 takes 6.2 MB at 8 bits, the scenes detector 1.1 MB; the
device of each leaves it less, so that the search must cut."""
LINKS = {"1mbps": 1e6, "3mbps": 3e6, "10mbps": 1e7, "20mbps": 2e7}
FREE = "free"
METHODS = "autosplit,uniform8,cloud8,cloud-jpeg"
MOST_DROP = 1.0
"""Points that a split plan, or one that sends a JPEG file, may lose."""
CALIBRATED = 30
"""Answers that measure what a message costs."""
PIECES = 3
"""Processes that answer for a row.

The plans take turns, so that all of them see the same hours of a machine that others use."""


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--networks", default="fashion", help="Comma-separated. All: fashion,lite0,scenes."
    )
    parser.add_argument(
        "--links", default=",".join(LINKS), help="Comma-separated. All is the default."
    )
    parser.add_argument(
        "--answers", type=int, default=50, help="Answers of each plan on each link."
    )
    parser.add_argument("--out", type=Path, help="Folder for deployed.csv and deployed.png.")
    parser.add_argument("--work", type=Path, help="Folder for run folders and bundles.")
    parser.add_argument(
        "--prepare",
        action="store_true",
        help="Only make what --work keeps; the same command without --prepare then measures.",
    )
    parser.add_argument(
        "--under", default="", help="What stands before commands that measure: 'chrt -f 20'."
    )
    parser.add_argument("--server-under", default="", help="The same before the server.")
    return parser.parse_args()


def main() -> None:
    asked = parsed()
    links = {name: LINKS[name] for name in asked.links.split(",")}
    under = asked.under.split(), asked.server_under.split()
    rows = []
    with tempfile.TemporaryDirectory() as made:
        for network in asked.networks.split(","):
            folder = (asked.work or Path(made)) / network
            one = Deployment(network, folder, under)
            plans = prepared(one, links, asked.answers)
            if not asked.prepare:
                rows += deployed(one, plans, links, asked.answers)
    if asked.prepare:
        return
    print(",".join(HEADER))
    for one in rows:
        print(",".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in one.values()))
    if asked.out is not None:
        write_csv(asked.out / "deployed.csv", HEADER, rows)
        draw(rows, asked.out / "deployed.png")


@dataclass(frozen=True)
class Prepared:
    """What the search found for one network.

    Attributes:
        profiles: Link -> its profile.
        plans: Rows of ``summary_full.csv``.
        chosen: Link -> kind of plan -> plan.
    """

    profiles: Mapping[str, Path]
    plans: Sequence[Row]
    chosen: Mapping[str, Mapping[str, str]]

    @property
    def names(self) -> list[str]:
        """Plans of all links, each once."""
        return list(
            dict.fromkeys(name for kinds in self.chosen.values() for name in kinds.values())
        )


def prepared(one: Deployment, links: Mapping[str, float], answers: int) -> Prepared:
    """Profile this machine for a network, search, and export; what is there already is taken."""
    profiles = profiled(one, links, answers)
    hardware = ("--edge", one.folder / "edge.yaml", "--cloud", one.folder / "cloud.yaml")
    over = ",".join(str(profiles[name]) for name in links)
    call("run", *NETWORKS[one.network].split(), "--methods", METHODS, "--plans", "all", *hardware,
         "--coding", "packed", "--link", over, "--run", one.run)  # fmt: skip
    plans = read_rows(one.run / "summary_full.csv")
    found = Prepared(profiles, plans, {name: kinds_of(plans, name) for name in links})
    bundle = one.folder / "bundle"
    there = bundle.is_dir() and [plan.name for plan in read_manifest(bundle).plans]
    if there != found.names:
        call("export", one.run, "--plan", ",".join(found.names), "--out", bundle)
    return found


def deployed(
    one: Deployment, found: Prepared, links: Mapping[str, float], answers: int
) -> list[dict[str, Any]]:
    """Rows of one network: serve and infer."""
    graph = read_graph(one.run)
    files = read_plans(one.run, graph, found.names)
    rows = []
    with served(one, one.folder / "bundle") as side:
        for name, bps in links.items():
            side.shape(bps)
            took = in_turns(side, list(found.chosen[name].values()), -(-answers // PIECES), name)
            for kind, plan in found.chosen[name].items():
                promised = next(p for p in found.plans if (p["name"], p["link"]) == (plan, name))
                over = load_link(found.profiles[name])
                promise = Promise.of(promised, over, files[plan].plan, graph)
                about = (one.network, name if side.ends else FREE, plan, kind)
                rows.append(row(about, promise, took[plan], bps if side.ends else None))
                print(*list(rows[-1].values())[:4], f"{rows[-1]['ratio']:.3f}", file=sys.stderr)
    return rows


def in_turns(
    side: Side, plans: Sequence[str], answers: int, link_name: str
) -> dict[str, list[list[Row]]]:
    """Plan -> answers of each of its processes, opening ones first; a cut run goes on."""
    every = OPENING + answers
    took: dict[str, list[list[Row]]] = {plan: [] for plan in plans}
    for piece in range(PIECES):
        for plan, pieces in took.items():
            kept = side.one.folder / "answers" / link_name / f"{plan}-{piece}-{every}.csv"
            pieces.append(side.infer(plan, every, piece * every, kept))
    return took


def profiled(one: Deployment, links: Mapping[str, float], answers: int) -> dict[str, Path]:
    """Profiles of the links; those of the devices are written beside them.

    What a message costs is measured with the whole network in the cloud, without a shaper.  What is
    there already is taken, so that a run that was cut goes on.
    """
    devices = one.folder / "edge.yaml", one.folder / "cloud.yaml"
    paths = {name: link_path(one.folder, name) for name in links}
    if all(file.is_file() for file in (*devices, *paths.values())):
        return paths
    call("run", *NETWORKS[one.network].split(), "--methods", "cloud8,cloud-jpeg", "--link",
         "3mbps", "--run", one.run)  # fmt: skip
    if not all(file.is_file() for file in devices):
        script = str(Path(__file__).with_name("deployed_profile.py"))
        command = [*one.under[0], sys.executable, script, str(one.run), str(one.folder)]
        subprocess.run(command, check=True)  # noqa: S603
    plans = read_rows(one.run / "plans.csv")
    raw, jpeg = "cloud8", next(row["name"] for row in plans if is_jpeg(row))
    call("export", one.run, "--plan", f"{raw},{jpeg}", "--out", one.folder / "whole")
    inputs(one.run, one.folder / "inputs", max(2 * answers, CALIBRATED + 1))
    with served(one, one.folder / "whole") as side:
        side.infer(raw, CALIBRATED)
        few = side.counted(raw, 1)
        many = side.counted(raw, CALIBRATED + 1)
        sent = next(float(row["cut_bytes"]) for row in plans if row["name"] == raw)
        graph = read_graph(one.run)
        back = 4 * sum(graph.elements(name) for name in graph.outputs)
        up, down = (
            (getattr(many, key) - getattr(few, key)) / CALIBRATED
            for key in ("up_bytes", "down_bytes")
        )
        beside = Counted(max(round(up - sent), 0), max(round(down - back), 0))
        return write_links(
            one.folder, links, side.infer(raw, CALIBRATED), side.infer(jpeg, CALIBRATED), beside
        )


def keeps(plan: Row) -> bool:
    """Whether a plan was evaluated and loses little."""
    return plan["drop"] != "" and float(plan["drop"]) <= MOST_DROP


def kinds_of(plans: Sequence[Row], link_name: str) -> dict[str, str]:
    """Kind of plan -> the fastest plan of that kind on a link that loses at most a point."""
    kinds = {
        "all-edge": lambda p: p["method"] == "uniform8",
        "all-cloud": lambda p: p["method"] == "cloud8",
        "all-cloud JPEG": lambda p: is_jpeg(p) and keeps(p),
        "split": lambda p: (
            int(p["edge_layers"]) > 0 and int(p["cut_bytes"]) > 0 and float(p["drop"]) <= MOST_DROP
        ),
    }
    found = {}
    for kind, fits in kinds.items():
        there = [p for p in plans if p["link"] == link_name and fits(p)]
        if there:
            found[kind] = min(there, key=lambda p: float(p["latency_s"]))["name"]
    return found


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Promised against measured, one point a row."""
    figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
    for network in dict.fromkeys(one["network"] for one in rows):
        own = [one for one in rows if one["network"] == network]
        axes.scatter(
            *([one[key] for one in own] for key in ("predicted_ms", "total_ms_median")),
            label=network,
        )
    ends = [min(one["predicted_ms"] for one in rows), max(one["predicted_ms"] for one in rows)]
    axes.plot(ends, ends, color="gray", linewidth=1)
    axes.set(xscale="log", yscale="log", xlabel="promised, ms", ylabel="measured median, ms")
    axes.legend()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
