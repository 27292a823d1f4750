"""Print how fast ``autosplit serve`` answers many clients, beside onnxruntime alone.

    python experiments/bench_serve.py [--clients 16] [--seconds 5]

The cloud half is mobilenet_v2 with random weights, the whole network in the cloud.  onnxruntime
alone runs it in as many threads as the server does, sample after sample.  The clients are threads
of another process that send one request after the other and read the answers.  The two sides take
turns, and the best rate of each counts.

Then, with root and iproute2, ``autosplit infer`` runs the first half of the network over a link of
10 Mbit/s, with and without computing the edge half of the next input while the last one is on the
wire.
"""

from __future__ import annotations

import argparse
import http.client
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torchvision
from deployed_links import can_shape
from deployed_side import Deployment, served

from autosplit.capture.capture import capture
from autosplit.deploy.bundle import Exporter
from autosplit.deploy.client import model_path
from autosplit.deploy.manifest import Manifest, read_manifest
from autosplit.deploy.oip import LENGTH_HEADER, InferRequest, encode_request
from autosplit.deploy.sessions import CloudModel
from autosplit.distortion.measure import measure
from autosplit.plan.grids import plan_grids
from autosplit.plan.int8_weights import int8_stats
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile

WORKERS = 2
"""Runs at a time, as ``autosplit serve`` has them."""
ROUNDS, PORT = 3, 8123
LEAST_SHARE, MOST_TAIL = 0.9, 3.0
SPLIT, AHEAD_BPS, AHEAD_ANSWERS = 36, 1e7, 60
"""Layers on the edge, of which one tensor of 12.5 kB crosses; the link, and answers over it."""
LEAST_AHEAD = 1.2
"""An edge half and a message take about as long as each other, so that at most 2 is in reach."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--bundle", type=Path, help="Folder of the bundle; made if it is missing.")
    parser.add_argument("--ask", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ask is not None:
        print(*clients(asked.bundle, asked.ask, asked.clients, asked.seconds))
        return
    with tempfile.TemporaryDirectory() as made:
        folder = asked.bundle or Path(made) / "bundle"
        if not folder.is_dir():
            export(folder)
        bench(folder, asked.clients, asked.seconds)
        if can_shape():
            bench_ahead(Path(made))


def bench(folder: Path, count: int, seconds: float) -> None:
    """Measure both sides in turns and print the table."""
    command = [sys.executable, "-m", "autosplit", "serve", str(folder), "--port", str(PORT)]
    asking = [sys.executable, __file__, "--bundle", str(folder), "--ask", str(PORT)]
    asking += ["--clients", str(count), "--seconds", str(seconds)]
    alone, served = [], []
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:  # noqa: S603
        try:
            wait()
            for _ in range(ROUNDS):
                alone.append(bare(folder, seconds))
                done = subprocess.run(asking, check=True, capture_output=True, text=True)  # noqa: S603
                served.append([float(word) for word in done.stdout.split()])
        finally:
            server.terminate()
    rate, middle, tail = max(served)
    share = rate / max(alone)
    print(f"onnxruntime alone, {WORKERS} threads: {max(alone):.1f} answers a second")
    print(f"autosplit serve, {count} clients: {rate:.1f} answers a second")
    print(f"share: {share:.3f} (promised: at least {LEAST_SHARE})")
    print(
        f"p50 {1e3 * middle:.1f} ms, p99 {1e3 * tail:.1f} ms, ratio {tail / middle:.2f} "
        f"(promised: at most {MOST_TAIL:g})"
    )


def bench_ahead(place: Path) -> None:
    """Measure ``autosplit infer`` with and without going ahead, in turns."""
    folder = place / "split"
    export(folder, SPLIT)
    (place / "inputs").mkdir()
    for number in range(AHEAD_ANSWERS):
        np.save(place / "inputs" / f"{number}.npy", np.zeros((1, 3, 224, 224), np.float32))
    paces: dict[bool, list[float]] = {True: [], False: []}
    with served(Deployment("mobilenet_v2", place, ((), ())), folder) as side:
        side.shape(AHEAD_BPS)
        for _ in range(ROUNDS):
            for ahead, found in paces.items():
                found.append(side.pace("raw", AHEAD_ANSWERS, ahead=ahead))
    on, off = max(paces[True]), max(paces[False])
    print(
        f"autosplit infer over {AHEAD_BPS / 1e6:g} Mbit/s: {off:.1f} answers a second one by one, "
        f"{on:.1f} going ahead, ratio {on / off:.2f} (promised: at least {LEAST_AHEAD})"
    )


def export(folder: Path, layers: int = 0) -> Manifest:
    """A bundle of one plan of mobilenet_v2.

    Args:
        folder: The bundle.
        layers: The first layers, which run on the edge.
    """
    torch.manual_seed(0)
    network = torchvision.models.mobilenet_v2(weights=None).eval()
    images = torch.rand(2, 3, 224, 224)
    program = capture(network, (images[:1],), "mobilenet_v2")
    cut = program.graph.prefix(layers)
    stats = int8_stats(program.graph, measure(program, lambda: iter([images]), [8]), "depthwise")
    widths = dict.fromkeys(cut.weights, 8), dict.fromkeys(cut.edge_tensors, 8)
    plan = Plan("raw", "bench", cut.edge, *widths, 0.0, 0.0, 0, 0)
    file = PlanFile(plan, *plan_grids(plan, stats, program.graph.integers), program.graph.name, "")
    model: Any = SimpleNamespace(preprocess=None, labels=())
    return Exporter(program, model, "classification").export([file], folder)


def request(folder: Path) -> bytes:
    """A whole request of one sample over HTTP."""
    manifest = read_manifest(folder)
    (plan,) = manifest.plans
    (wire,) = plan.wire.tensors
    sample = np.zeros((1, wire.row_bytes), np.uint8)
    body, length = encode_request(InferRequest({wire.name: sample}))
    head = (
        f"POST {model_path(manifest, plan)}/infer HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"{LENGTH_HEADER}: {length}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def bare(folder: Path, seconds: float) -> float:
    """Answers a second of onnxruntime alone, in as many threads as the server has."""
    (plan,) = read_manifest(folder).plans
    model = CloudModel.load(folder, plan)
    (wire,) = plan.wire.tensors
    inputs = {wire.name: np.zeros((1, wire.row_bytes), np.uint8)}
    took = at_once(lambda: model.run(inputs), WORKERS, seconds)
    return len(took) / seconds


def clients(folder: Path, port: int, count: int, seconds: float) -> tuple[float, float, float]:
    """Answers a second, and the median and 99th percentile of their seconds."""
    data, local = request(folder), threading.local()

    def ask() -> None:
        if not hasattr(local, "socket"):
            local.socket = socket.create_connection(("127.0.0.1", port))
        local.socket.sendall(data)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += local.socket.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        head, _, rest = answer.partition(b"\r\n\r\n")
        left = int(head.lower().partition(b"\r\ncontent-length: ")[2].split()[0]) - len(rest)
        while left:
            left -= len(local.socket.recv(left))

    took = at_once(ask, count, seconds)
    return len(took) / seconds, float(np.median(took)), float(np.percentile(took, 99))


def at_once(call: Callable[[], object], threads: int, seconds: float) -> list[float]:
    """Seconds of each call that ended in time, made by several threads one after the other.

    The first half of a second is not counted.
    """
    found: list[float] = []
    begin = time.perf_counter() + 0.5
    end = begin + seconds

    def work() -> None:
        while (start := time.perf_counter()) < end:
            call()
            now = time.perf_counter()
            if begin < now < end:
                found.append(now - start)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    return found


def wait() -> None:
    """Wait until the server answers."""
    for _ in range(600):
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        try:
            connection.request("GET", "/v2/health/ready")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise SystemExit("the server has not started within a minute")


if __name__ == "__main__":
    main()
