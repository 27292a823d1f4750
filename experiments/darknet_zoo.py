"""Count the parameters and operations of Darknet's networks: ``results/darknet_zoo.csv``.

    python experiments/darknet_zoo.py [--only TEXT ...] [--out FILE]

This repository writes the ``.cfg`` files itself, from the descriptions of the networks.  Each
network is built as ``--model yolo:FILE.cfg`` builds it, and its figures are compared with published
ones: ``gflops`` are counted by the rule of the source, a multiply-accumulate as two, and a figure
is equal if it is ours rounded to, or cut after, the digits that were printed.

The networks of the seeds also go through ``autosplit stats``, ``search``, ``latency`` and
``detect``, at 96 pixels with random weights; ``runs`` names the commands that passed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from darknet_published import ALEXEY, ARCHITECTURES, SEED, YOLOV7, Architecture
from torch import Tensor, nn

from autosplit.cli.app import main as autosplit
from autosplit.data.bundled import SCENES
from autosplit.errors import ModelError
from autosplit.files import write_csv
from autosplit.models.networks.darknet import Darknet, build_darknet
from autosplit.models.networks.darknet_dense import Local
from autosplit.models.networks.darknet_layers import MaxPool
from autosplit.models.networks.darknet_shortcut import Shortcut
from autosplit.models.networks.darknet_weights import weight_places

TABLE = Path(__file__).parents[1] / "results" / "darknet_zoo.csv"
HEADER = (
    "name seeds input parameters numbers_in_weights_file macs gflops megabytes published_gflops "
    "published_megabytes published_millions source equal why_not runs"
).split()
HEADER_BYTES = 20
"""Bytes of a ``.weights`` file before its numbers."""
SIDE = 96
ONE = "--calibration-images 1"
STAGES = (
    f"stats --run run --model yolo:{{cfg}} --input-size {SIDE} --data demo --metric mse {ONE}",
    "search --run run --memory 64MiB --link 10mbps --methods autosplit2021,uniform8",
    "latency --run run",
    "detect --run run --plan uniform8 --source picture.jpg --out drawn",
)


@dataclass
class Counts:
    """Operations of one image.

    Attributes:
        macs: Multiply-accumulates of convolutions and matrix products.
        local: Those of locally connected layers among them.
        outputs: Elements of the outputs of convolutions and matrix products.
        others: Operations of poolings and shortcuts, as AlexeyAB's Darknet counts them.
    """

    macs: int = 0
    local: int = 0
    outputs: int = 0
    others: int = 0

    def by_rule_of(self, source: str) -> float:
        """Billions of operations as a source counts them.

        pjreddie's Darknet counts convolutions and matrix products alone, AlexeyAB's poolings and
        shortcuts too (``Total BFLOPS``), and YOLOv7's tool an operation more for each output.
        """
        if source.startswith(ALEXEY):
            return (2 * self.macs + self.others) / 1e9
        if source == YOLOV7:
            return 2 * (self.macs + self.outputs) / 1e9
        return 2 * (self.macs - self.local) / 1e9


def count(network: Darknet) -> Counts:
    """Count the operations of one image by hooks.

    Args:
        network: A network without storage (device ``meta``).
    """
    counts = Counts()

    def convolved(layer: nn.Module, _: object, out: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        counts.macs += out[0].numel() * layer.weight[0].numel()
        counts.outputs += out[0].numel()

    def local(layer: nn.Module, *_: object) -> None:
        assert isinstance(layer, Local)
        counts.macs += layer.weight.numel()
        counts.local += layer.weight.numel()

    def other(layer: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        each = layer.size**2 if isinstance(layer, MaxPool) else len(inputs) - 1
        counts.others += each * out[0].numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(convolved)
        elif isinstance(layer, Local):
            layer.register_forward_hook(local)
        elif isinstance(layer, MaxPool | Shortcut):
            layer.register_forward_hook(other)
    with torch.no_grad():
        network(torch.empty(1, *network.input_shape, device="meta"))
    return counts


def row_of(one: Architecture) -> dict[str, object]:
    """Fill the row of one network, all but the column ``runs``."""
    row: dict[str, object] = dict.fromkeys(HEADER, "")
    row |= {"name": one.name, "seeds": one.seeds, "source": one.source}
    try:
        with torch.device("meta"):
            network = build_darknet(one.write(), f"{one.name}.cfg")
    except ModelError as error:
        return row | {"equal": "refused", "why_not": str(error)}
    network.eval()
    parameters = sum(each.numel() for each in network.parameters())
    numbers = sum(tensor.numel() for _, tensor in weight_places(network))
    counts = count(network)
    gflops = counts.by_rule_of(one.source)
    megabytes = (4 * numbers + HEADER_BYTES) / 2**20
    checks = [(one.gflops, gflops), (one.megabytes, megabytes)]
    equal = [agrees(text, value) for text, value in checks if text]
    if one.millions:
        equal.append(any(agrees(one.millions, n) for n in _millions(one, parameters, numbers)))
    return row | {
        "input": "x".join(map(str, network.input_shape)),
        "parameters": parameters,
        "numbers_in_weights_file": numbers,
        "macs": counts.macs,
        "gflops": round(gflops, 3),
        "megabytes": round(megabytes, 2),
        "published_gflops": one.gflops,
        "published_megabytes": one.megabytes,
        "published_millions": one.millions,
        "equal": ("yes" if all(equal) else "no") if equal else "nothing published",
        "why_not": one.why,
    }


def _millions(one: Architecture, parameters: int, numbers: int) -> tuple[float, ...]:
    """What a published number of parameters may count: trained ones, or all of the file."""
    if SEED in one.source:
        return parameters / 2**20, numbers / 2**20
    return (parameters / 1e6,)


def agrees(text: str, value: float) -> bool:
    """Whether a value, rounded to or cut after as many digits as a text has, is the text."""
    digits = len(text.partition(".")[2])
    cut = math.floor(value * 10**digits) / 10**digits
    return text in (f"{value:.{digits}f}", f"{cut:.{digits}f}")


def run_stages(one: Architecture) -> str:
    """Run the commands on a network; returns their names, or the error of the one that fails."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path(f"{one.name}.cfg").write_text(one.write())
        Path("picture.jpg").write_bytes(next((SCENES / "val").glob("*.jpg")).read_bytes())
        done = []
        for line in STAGES:
            words = line.format(cfg=f"{one.name}.cfg").split()
            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                status = autosplit(words)
            if status:
                return f"{words[0]}: {said.getvalue().splitlines()[-1]}"
            done.append(words[0])
    return " ".join(done)


def _rows(only: list[str]) -> Iterator[dict[str, object]]:
    for one in ARCHITECTURES:
        if not only or any(text in one.name for text in only):
            row = row_of(one)
            row["runs"] = run_stages(one) if one.seeds else ""
            told = "; ".join(filter(None, (str(row["equal"]), str(row["runs"]))))
            print(f"{one.name}: {told}", flush=True)
            yield row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", default=[], help="networks whose names have one of these; no table"
    )
    parser.add_argument("--out", type=Path, default=TABLE, help="the table")
    arguments = parser.parse_args()
    rows = list(_rows(arguments.only))
    if not arguments.only:
        write_csv(arguments.out, HEADER, rows)
        print(f"table: {arguments.out}, {len(rows)} networks")
    wrong = [row["name"] for row in rows if (row["equal"] == "no") != _said(row)]
    if wrong:
        sys.exit(f"must say why, and only where a figure differs: {', '.join(map(str, wrong))}")


def _said(row: dict[str, object]) -> bool:
    return row["equal"] != "refused" and bool(row["why_not"])


if __name__ == "__main__":
    main()
