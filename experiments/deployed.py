"""Promised beside measured: plans of a network on two processes with a rate-limited link.

The layers of the network are first measured on this machine, so that the search promises seconds
of this machine.  The edge and the cloud then run as ``autosplit infer`` and ``autosplit serve``, in
two network namespaces that this script makes, over TLS.  Without root the link is loopback, and
what is promised is promised of a link without limit.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from deployed_links import CLOUD, Ends, can_shape, link
from deployed_profile import write_profiles

from autosplit.cli.app import main as autosplit
from autosplit.evaluate.batches import batches_of
from autosplit.evaluate.outputs import as_tuple
from autosplit.files import write_csv
from autosplit.runs.folder import read_graph, read_plans
from autosplit.runs.needs import require
from autosplit.runs.network import capture_network, load_images, load_network
from autosplit.runs.options import StatsOptions
from autosplit.runs.stamps import resolve

NETWORKS = {
    "fashion": "--model fashion-resnet --data fashion-mnist --images 64 --calibration-images 16",
    "lite0": "--model efficientnet-lite0 --data demo --effort fast",
    "scenes": "--model scenes-yolo --data scenes --effort fast",
}
LINKS = {"1mbps": 1e6, "3mbps": 3e6, "10mbps": 1e7, "20mbps": 2e7}
FREE = "free"
METHODS = "autosplit,uniform8,cloud8,cloud-jpeg"
TIMES = ("edge_ms", "link_ms", "cloud_ms", "own_ms", "total_ms")
HEADER = (
    *("network", "link", "plan", "kind", "answers", "table_bytes", "sent_bytes"),
    *(f"{name}_{word}" for name in TIMES for word in ("median", "p95")),
    *("predicted_ms", "ratio"),
)
PORT = 8000
Row = Mapping[str, str]
"""A row of a table that was read."""


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
    return parser.parse_args()


def main() -> None:
    asked = parsed()
    links = {name: LINKS[name] for name in asked.links.split(",")}
    rows = []
    with tempfile.TemporaryDirectory() as made:
        for network in asked.networks.split(","):
            folder = (asked.work or Path(made)) / network
            rows += deployed(network, folder, links, asked.answers)
    print(",".join(HEADER))
    for row in rows:
        print(",".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    if asked.out is not None:
        write_csv(asked.out / "deployed.csv", HEADER, rows)
        draw(rows, asked.out / "deployed.png")


def deployed(
    network: str, folder: Path, links: Mapping[str, float], answers: int
) -> list[dict[str, Any]]:
    """Rows of one network: search on a profile of this machine, export, serve and infer."""
    run, bundle = folder / "run", folder / "bundle"
    searched(network, run, folder, links)
    with (run / "plans.csv").open() as file:
        plans = list(csv.DictReader(file))
    chosen = {name: kinds_of(plans, name) for name in links}
    names = dict.fromkeys(name for kinds in chosen.values() for name in kinds.values())
    call("export", run, "--plan", ",".join(names), "--out", bundle)
    inputs(run, folder / "inputs", answers)
    rows = []
    with served(bundle, folder / "secrets") as (side, ends):
        for name, bps in links.items():
            if ends is not None:
                ends.shape(bps)
            for kind, plan in chosen[name].items():
                promised = next(p for p in plans if (p["name"], p["link"]) == (plan, name))
                took = inferred(bundle, folder, plan, side, answers)
                rows.append(row(network, name if ends else FREE, plan, kind, promised, took))
                print(
                    f"{network} {name} {plan}: {rows[-1]['total_ms_median']:.2f} ms, promised "
                    f"{rows[-1]['predicted_ms']:.2f} ms",
                    file=sys.stderr,
                )
    return rows


def searched(network: str, run: Path, folder: Path, links: Mapping[str, float]) -> None:
    """The run folder of a network, searched with the seconds of this machine."""
    about = NETWORKS[network].split()
    call("run", *about, "--methods", "uniform8", "--link", "3mbps", "--run", folder / "first")
    graph = read_graph(folder / "first")
    options = resolve({}, require(folder / "first", "stats", "profile"), StatsOptions())
    program = capture_network(load_network(options), equalized=graph.equalized)
    (plan,) = read_plans(folder / "first", graph, ["uniform8"]).values()
    write_profiles(program, plan, folder)
    profiles = ("--edge", folder / "edge.yaml", "--cloud", folder / "cloud.yaml")
    call("run", *about, "--methods", METHODS, "--memory", "none", "--link", ",".join(links),
         *profiles, "--run", run)  # fmt: skip


def kinds_of(plans: Sequence[Row], link_name: str) -> dict[str, str]:
    """Kind of plan -> the fastest plan of that kind on a link."""
    kinds = {
        "all-edge": lambda p: p["method"] == "uniform8",
        "all-cloud": lambda p: p["method"] == "cloud8",
        "all-cloud JPEG": lambda p: p["method"] == "cloud-jpeg",
        "split": lambda p: int(p["edge_layers"]) > 0 and int(p["cut_bytes"]) > 0,
    }
    found = {}
    for kind, fits in kinds.items():
        there = [p for p in plans if p["link"] == link_name and fits(p)]
        if there:
            found[kind] = min(there, key=lambda p: float(p["latency_s"]))["name"]
    return found


def inputs(run: Path, folder: Path, answers: int) -> None:
    """Evaluation images as the network takes them, one file each."""
    options = resolve({}, require(run, "stats", "inputs"), StatsOptions())
    model = load_network(options)
    program = capture_network(model, equalized=read_graph(run).equalized)
    images = load_images(options, model, program, answers).evaluation
    folder.mkdir(parents=True, exist_ok=True)
    batches = itertools.cycle(batches_of(images, program, 1)())
    for place, (batch, _) in zip(range(answers), batches, strict=False):
        np.save(folder / f"{place:04}.npy", as_tuple(batch)[0].numpy())


@contextlib.contextmanager
def served(bundle: Path, secrets: Path) -> Iterator[tuple[Side, Ends | None]]:
    """A server of the bundle on the other side of a link, or of loopback."""
    with contextlib.ExitStack() as stack:
        ends = stack.enter_context(link()) if can_shape() else None
        host = "127.0.0.1" if ends is None else CLOUD
        command = [sys.executable, "-m", "autosplit", "serve", str(bundle), "--host", host]
        command += ["--port", str(PORT), "--credentials", str(secrets)]
        command = command if ends is None else ends.within(ends.cloud, command)
        process = stack.enter_context(subprocess.Popen(command))  # noqa: S603
        try:
            side = Side(host, secrets, ends)
            side.wait()
            yield side, ends
        finally:
            process.terminate()


class Side:
    """The edge's side: how it reaches the server."""

    def __init__(self, host: str, secrets: Path, ends: Ends | None) -> None:
        self.host, self.secrets, self.ends = host, secrets, ends

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        inside = command if self.ends is None else self.ends.within(self.ends.edge, command)
        return subprocess.run(inside, capture_output=True, text=True, check=False)  # noqa: S603

    def wait(self) -> None:
        """Wait until the server takes connections."""
        knock = f"import socket; socket.create_connection(({self.host!r}, {PORT}), 2)"
        for _ in range(300):
            if self.run([sys.executable, "-c", knock]).returncode == 0:
                return
            time.sleep(0.2)
        raise SystemExit("the server has not started within a minute")


def inferred(bundle: Path, folder: Path, plan: str, side: Side, answers: int) -> list[Row]:
    """Rows of ``autosplit infer``; the first answers, which open the connection, are dropped."""
    table = folder / "answers.csv"
    command = [sys.executable, "-m", "autosplit", "infer", str(bundle), "--plan", plan]
    command += ["--server", f"https://{side.host}:{PORT}", "--source", str(folder / "inputs")]
    command += ["--tls-cert", str(side.secrets / "cert.pem"), "--out", str(table)]
    command += ["--token-file", str(side.secrets / "token.txt")]
    done = side.run(command)
    if done.returncode:
        raise SystemExit(f"infer: {done.stderr}")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == answers
    return rows[min(2, answers - 1) :]


def row(
    network: str, link_name: str, plan: str, kind: str, promised: Row, took: Sequence[Row]
) -> dict[str, Any]:
    """One row of the table."""
    found: dict[str, Any] = {"network": network, "link": link_name, "plan": plan, "kind": kind}
    found |= {"answers": len(took), "table_bytes": float(promised["cut_bytes"])}
    found["sent_bytes"] = statistics.mean(float(one["sent_bytes"]) for one in took)
    for name in TIMES:
        values = [float(one[name]) for one in took]
        found[f"{name}_median"] = statistics.median(values)
        found[f"{name}_p95"] = float(np.percentile(values, 95))
    seconds = ["edge_s", "cloud_s", *(["transfer_s"] if link_name != FREE else [])]
    found["predicted_ms"] = 1e3 * sum(float(promised[name]) for name in seconds)
    found["ratio"] = found["total_ms_median"] / found["predicted_ms"]
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


def call(*words: object) -> None:
    """A command of autosplit.

    Raises:
        SystemExit: It has failed.
    """
    with contextlib.redirect_stdout(sys.stderr):
        status = autosplit([str(word) for word in words])
    if status:
        raise SystemExit(status)


if __name__ == "__main__":
    main()
