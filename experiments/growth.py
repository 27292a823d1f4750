"""Measure time, memory and proofs of the front as networks grow, and write ``results/growth.csv``.

    python experiments/growth.py [--only densenet201,residual-100,...] [--out results/growth.csv]
                                 [--graphs FOLDER] [--most-s 3600]

Every row is measured in a process of its own, which loads no torch.  All seconds are of the CPU.
``--graphs`` keeps what was captured; a row of a kept graph has no seconds of capture.  A network
that takes more than ``--most-s`` gets no row.  Distortions are drawn with a
seed, as the statistics of the large networks take hours; the time and memory of the search depend
on the network and the device.  Torchvision's networks have the memory of the edge device, synthetic
ones half of what they take on the edge at 8 bits.  Rows of networks that are not asked for stay.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from peak import peak_bytes
from synthetic import KINDS, drawn_distortions, network

from autosplit.files import read_csv, read_yaml, write_csv, write_yaml
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import graph_from_dict, graph_to_dict
from autosplit.graph.memory import edge_memory_bytes
from autosplit.hardware.device import load_device
from autosplit.hardware.link import load_link
from autosplit.search.front.front import integer_front
from autosplit.search.problem import Problem

TORCHVISION = (
    *("densenet201", "inception_v3", "googlenet", "swin_v2_b", "vit_l_16", "convnext_large"),
    *("efficientnet_v2_l", "regnet_y_32gf"),
)
SIZES = {"inception_v3": 299, "efficientnet_v2_l": 480, "swin_v2_b": 256}
LAYERS = (50, 100, 200, 500, 1000, 2000)
LINKS = ("1mbps", "3mbps", "10mbps", "20mbps")
HEADER = (
    *("network", "layers", "distortions", "capture_s", "front_s", "peak_bytes", "plans", "proven"),
    *("median_gap", "largest_gap"),
)
SEED = 0


def captured(name: str, path: Path) -> None:
    """Capture a network of torchvision with random weights, in a process of its own."""
    import torch  # noqa: PLC0415 - what measures must not load it
    import torchvision  # noqa: PLC0415

    from autosplit.capture.capture import capture  # noqa: PLC0415

    torch.manual_seed(SEED)
    inits = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    made = torchvision.models.get_model(name, weights=None, **inits).eval()
    side = SIZES.get(name, 224)
    graph = capture(made, (torch.randn(1, 3, side, side),), name).graph
    write_yaml(path, "graph", graph_to_dict(graph))


def measured(graph: Graph, *, half: bool) -> Mapping[str, object]:
    """The front of a network over four links: CPU seconds, memory, proofs."""
    devices = load_device("eyeriss"), load_device("tpu_v1")
    links = {name: load_link(name) for name in LINKS}
    problem = Problem(graph, drawn_distortions(graph, SEED), *devices, links)
    if half:
        whole = graph.prefix(len(graph.layers))
        limit = edge_memory_bytes(whole, *problem.uniform(whole, 8)) // 2
        problem = replace(problem, memory_bytes=limit)
    start = time.process_time()
    plans = integer_front(problem)
    front_s = time.process_time() - start
    gaps = np.array([plan.optimality_gap for plan in plans])
    return {
        "layers": len(graph.layers),
        "distortions": "drawn",
        "front_s": round(front_s, 2),
        "peak_bytes": peak_bytes(),
        "plans": len(plans),
        "proven": int((gaps == 0).sum()),
        "median_gap": float(np.median(gaps)),
        "largest_gap": float(gaps.max()),
    }


def row_of(name: str, graphs: Path | None) -> Mapping[str, object]:
    """Measure one network in this process."""
    kind, _, layers = name.partition("-")
    if kind in KINDS:
        return {"network": name, "capture_s": "", **measured(network(kind, int(layers)), half=True)}
    with tempfile.TemporaryDirectory() as place:
        path = (graphs or Path(place)) / f"{name}.yaml"
        capture_s: float | str = ""
        if not path.exists():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            run_self("--capture", name, "--out", str(path))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            capture_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            capture_s = round(capture_s, 2)
        graph = graph_from_dict(read_yaml(path, "graph"))
    return {"network": name, "capture_s": capture_s, **measured(graph, half=False)}


def run_self(*arguments: str, check: bool = True) -> None:
    """Run this file in a process of its own."""
    subprocess.run([sys.executable, __file__, *arguments], check=check)  # noqa: S603 - our own code


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = [*TORCHVISION, *(f"{kind}-{layers}" for layers in LAYERS for kind in KINDS)]
    parser.add_argument("--only", default=",".join(every), help="networks, separated by commas")
    parser.add_argument("--out", type=Path, default=Path("results/growth.csv"))
    parser.add_argument("--graphs", type=Path, help="where captured graphs are kept")
    parser.add_argument("--most-s", type=int, default=3600, help="CPU seconds of one network")
    parser.add_argument("--capture", help=argparse.SUPPRESS)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.capture:
        captured(arguments.capture, arguments.out)
    elif arguments.row:
        resource.setrlimit(resource.RLIMIT_CPU, (arguments.most_s, arguments.most_s))
        add(arguments.out, row_of(arguments.row, arguments.graphs), every)
    else:
        more = [] if arguments.graphs is None else ["--graphs", str(arguments.graphs)]
        for name in arguments.only.split(","):
            one = "--row", name, "--out", str(arguments.out), "--most-s", str(arguments.most_s)
            run_self(*one, *more, check=False)


def add(path: Path, row: Mapping[str, object], every: list[str]) -> None:
    """Put a row into the table, in place of an older one of its network."""
    rows = [*read_csv(path, HEADER)] if path.exists() else []
    kept: list[Mapping[str, object]] = [one for one in rows if one["network"] != row["network"]]
    kept.append(row)
    kept.sort(key=lambda one: every.index(str(one["network"])))
    write_csv(path, HEADER, kept)
    print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
