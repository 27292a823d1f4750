"""The two sides of a deployed plan as processes: ``autosplit serve`` and ``autosplit infer``."""

from __future__ import annotations

import contextlib
import csv
import itertools
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from deployed_links import CLOUD, Counted, Ends, can_shape, link

from autosplit.cli.app import main as autosplit
from autosplit.evaluate.batches import batches_of
from autosplit.evaluate.outputs import as_tuple
from autosplit.runs.folder import read_graph
from autosplit.runs.needs import require
from autosplit.runs.network import capture_network, load_images, load_network
from autosplit.runs.options import StatsOptions
from autosplit.runs.stamps import resolve

PORT = 8000
Row = Mapping[str, str]
"""A row of a table that was read."""


@dataclass(frozen=True)
class Deployment:
    """One network.

    Attributes:
        network: Name in ``NETWORKS``.
        folder: Gets the run folder, profiles, bundles and inputs.
        under: What stands before a command that measures, and before the server.
    """

    network: str
    folder: Path
    under: tuple[Sequence[str], Sequence[str]]

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.folder / "run"


def read_rows(path: Path) -> list[Row]:
    """Rows of a CSV file."""
    with path.open() as file:
        return list(csv.DictReader(file))


def inputs(run: Path, folder: Path, answers: int) -> None:
    """Calibration images, on which JPEG files were measured, as the network takes them.

    The name of a file ends with the place of its picture.
    """
    options = resolve({}, require(run, "stats", "inputs"), StatsOptions())
    model = load_network(options)
    program = capture_network(model, equalized=read_graph(run).equalized)
    images = load_images(options, model, program).calibration
    folder.mkdir(parents=True, exist_ok=True)
    batches = itertools.cycle(enumerate(batches_of(images, program, 1)()))
    for place, (picture, (batch, _)) in zip(range(answers), batches, strict=False):
        np.save(folder / f"{place:04}-{picture}.npy", as_tuple(batch)[0].numpy())


@contextlib.contextmanager
def served(one: Deployment, bundle: Path) -> Iterator[Side]:
    """A server of a bundle on the other side of a link, or of loopback."""
    secrets = one.folder / "secrets"
    with contextlib.ExitStack() as stack:
        ends = stack.enter_context(link()) if can_shape() else None
        host = "127.0.0.1" if ends is None else CLOUD
        command = [*one.under[1], sys.executable, "-m", "autosplit", "serve", str(bundle)]
        command += ["--host", host, "--port", str(PORT), "--credentials", str(secrets)]
        command = command if ends is None else ends.within(ends.cloud, command)
        process = stack.enter_context(subprocess.Popen(command))  # noqa: S603
        try:
            side = Side(one, bundle, host, ends)
            side.wait()
            yield side
        finally:
            process.terminate()


@dataclass(frozen=True)
class Side:
    """The edge's side: how it reaches the server."""

    one: Deployment
    bundle: Path
    host: str
    ends: Ends | None

    def shape(self, bps: float) -> None:
        """Limit the rate of the link, if it is one that can be shaped."""
        if self.ends is not None:
            self.ends.shape(bps)

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

    def counted(self, plan: str, answers: int) -> Counted:
        """What some answers sent and got in all; nothing where the interface cannot be read."""
        if self.ends is None:
            return Counted(0, 0)
        before = self.ends.counted()
        self.infer(plan, answers)
        after = self.ends.counted()
        return Counted(after.up_bytes - before.up_bytes, after.down_bytes - before.down_bytes)

    def infer(self, plan: str, answers: int, first: int = 0, kept: Path | None = None) -> list[Row]:
        """Rows of ``autosplit infer``, with the place of the picture in each.

        Args:
            plan: The plan.
            answers: Number of answers.
            first: Place of the first input.
            kept: Where the rows are kept; they are taken from there if they are there already.
        """
        table = kept or self.one.folder / "answers.csv"
        if kept is None or not kept.is_file():
            table.parent.mkdir(parents=True, exist_ok=True)
            self._infer(plan, answers, first, table)
        rows = read_rows(table)
        assert len(rows) == answers
        return [{**row, "picture": Path(row["source"]).stem.partition("-")[2]} for row in rows]

    def pace(self, plan: str, answers: int, *, ahead: bool) -> float:
        """Answers a second, as ``autosplit infer`` prints them."""
        text = self._infer(plan, answers, 0, self.one.folder / "answers.csv", ahead=ahead)
        found = re.search(r"([\d.]+) answers a second", text)
        assert found is not None, text
        return float(found[1])

    def _infer(
        self, plan: str, answers: int, first: int, table: Path, *, ahead: bool = False
    ) -> str:
        folder = self.one.folder
        given, secrets = folder / "given", folder / "secrets"
        shutil.rmtree(given, ignore_errors=True)
        given.mkdir()
        for path in sorted((folder / "inputs").iterdir())[first : first + answers]:
            (given / path.name).symlink_to(path.resolve())
        command = [*self.one.under[0], sys.executable, "-m", "autosplit", "infer"]
        command += ["--ahead", "on" if ahead else "off"]
        command += [str(self.bundle), "--plan", plan, "--source", str(given), "--out", str(table)]
        command += ["--server", f"https://{self.host}:{PORT}"]
        command += ["--tls-cert", str(secrets / "cert.pem")]
        command += ["--token-file", str(secrets / "token.txt")]
        done = self.run(command)
        if done.returncode:
            raise SystemExit(f"infer: {done.stderr}")
        return done.stdout


def call(*words: object) -> None:
    """A command of autosplit.

    Raises:
        SystemExit: It has failed.
    """
    with contextlib.redirect_stdout(sys.stderr):
        status = autosplit([str(word) for word in words])
    if status:
        raise SystemExit(status)
