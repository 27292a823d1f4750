"""Escalations of a run folder on two processes, beside what the table promised.

    python experiments/escalation.py --only fashion --work runs
    python experiments/escalation_deployed.py runs/escalation-fashion [--audit 0.05] [--names ...]

The images are those on which the escalations were judged.  ``autosplit serve`` and ``autosplit
infer`` are processes of their own, and talk over loopback.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from autosplit.deploy.connection import Connection, UnreachableError
from autosplit.deploy.run import export_run
from autosplit.escalation.escalation import read_escalation
from autosplit.evaluate.looks import Looks
from autosplit.evaluate.outputs import as_tuple
from autosplit.runs.needs import require
from autosplit.runs.network import capture_network, load_images, load_network
from autosplit.runs.options import QuantizeOptions, StatsOptions
from autosplit.runs.stamps import resolve

COMMAND = (sys.executable, "-m", "autosplit")


def images_of(folder: Path) -> np.ndarray:
    """The evaluation images of a run folder of one input, in the order in which they were run."""
    measured = resolve({}, require(folder, "stats", "this script"), StatsOptions())
    evaluated = resolve({}, require(folder, "quantize", "this script"), QuantizeOptions())
    model = load_network(measured)
    program = capture_network(model, equalized=measured.equalize)
    images = load_images(measured, model, program, evaluated.images).evaluation
    looks = Looks.of(images, program, measured.batch_size, measured.seed)
    batches = [as_tuple(batch)[0].numpy() for group in looks.after(0) for batch, _ in group]
    return np.concatenate(batches)


def wait_for(address: str) -> None:
    """Wait until a server answers."""
    connection = Connection(address)
    for _ in range(600):
        try:
            connection.ask("/v2/health/ready", 5)
            break
        except UnreachableError:
            time.sleep(0.1)
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="run folder with escalations")
    parser.add_argument("--names", default="", help="escalations; all of them by default")
    parser.add_argument("--audit", default="0.05")
    asked = parser.parse_args()
    every = sorted(path.stem for path in (asked.run / "escalation").glob("*.yaml"))
    names = asked.names.split(",") if asked.names else every
    images = images_of(asked.run)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as place:
        bundle, source = Path(place) / "bundle", Path(place) / "judged.npy"
        export_run(asked.run, ",".join(names), bundle)
        serve = [*COMMAND, "serve", str(bundle), "--port", port]
        with subprocess.Popen(serve) as server:  # noqa: S603 - our own command
            try:
                wait_for(address)
                for name in names:
                    about = read_escalation(asked.run / "escalation" / f"{name}.yaml")
                    np.save(source, images[-about.images :])
                    given = ["--plan", name, "--source", str(source), "--audit", asked.audit]
                    infer = [*COMMAND, "infer", str(bundle), "--server", address, *given]
                    done = subprocess.run(infer, check=True, capture_output=True, text=True)  # noqa: S603
                    told = done.stdout.splitlines()[about.images :]
                    print("\n".join([name, *told]), flush=True)
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
