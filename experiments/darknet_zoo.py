"""Count the parameters and operations of Darknet's networks: ``results/darknet_zoo.csv``.

    python experiments/darknet_zoo.py [--only TEXT ...] [--keep-runs] [--out FILE]

This repository writes the ``.cfg`` files itself, from the descriptions of the networks.  Each
network is built as ``--model yolo:FILE.cfg`` builds it, and its figures are compared with published
ones: ``gflops`` are counted by the rule of the source, a multiply-accumulate as two, and
``seed_gflops`` by that of seed 002, at 480x640.  A figure is equal if it differs from ours by less
than one unit of its last digit, because sources round, cut off and round up.
``largest_difference_percent`` is that of the published figures of a network.

The networks of the seeds also go through ``autosplit stats``, ``search``, ``latency`` and
``detect``, at 96 pixels with random weights; ``runs`` names the commands that passed.
``--keep-runs`` counts alone, and keeps that column of the table that is there.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
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
    "name seeds input parameters numbers_in_weights_file macs gflops megabytes seed_gflops "
    "published_gflops published_megabytes published_millions published_seed_gflops source equal "
    "largest_difference_percent why_not runs"
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
        normalized: Elements of the outputs of batch normalizations.
        others: Operations of poolings and shortcuts, as AlexeyAB's Darknet counts them.
    """

    macs: int = 0
    local: int = 0
    outputs: int = 0
    normalized: int = 0
    others: int = 0

    def by_rule_of(self, source: str) -> float:
        """Billions of operations as a source counts them.

        pjreddie's Darknet counts convolutions and matrix products alone, AlexeyAB's poolings and
        shortcuts too (``Total BFLOPS``), YOLOv7's tool an operation more for each output, and
        seed 002's (thop) two for each output of a batch normalization.
        """
        if source == SEED:
            return 2 * (self.macs + 2 * self.normalized) / 1e9
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

    def normalized(_: nn.Module, inputs: object, out: Tensor) -> None:  # noqa: ARG001 - a hook
        counts.normalized += out[0].numel()

    def other(layer: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        each = layer.size**2 if isinstance(layer, MaxPool) else len(inputs) - 1
        counts.others += each * out[0].numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(convolved)
        elif isinstance(layer, Local):
            layer.register_forward_hook(local)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(normalized)
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
    of_seed = _seed_gflops(one) if one.seed_gflops else 0.0
    checks = [(one.gflops, gflops), (one.megabytes, megabytes), (one.seed_gflops, of_seed)]
    checks = [(text, value) for text, value in checks if text]
    if one.millions:
        counted = _millions(one, parameters, numbers)
        checks.append((one.millions, min(counted, key=partial(_distance, one.millions))))
    equal = [agrees(text, value) for text, value in checks]
    off = max((_distance(text, value) / value for text, value in checks), default=0.0)
    return row | {
        "input": "x".join(map(str, network.input_shape)),
        "parameters": parameters,
        "numbers_in_weights_file": numbers,
        "macs": counts.macs,
        "gflops": round(gflops, 3),
        "megabytes": round(megabytes, 2),
        "seed_gflops": round(of_seed, 3) if one.seed_gflops else "",
        "published_gflops": one.gflops,
        "published_megabytes": one.megabytes,
        "published_millions": one.millions,
        "published_seed_gflops": one.seed_gflops,
        "equal": ("yes" if all(equal) else "no") if equal else "nothing published",
        "largest_difference_percent": round(100 * off, 2) if equal else "",
        "why_not": one.why,
    }


def _seed_gflops(one: Architecture) -> float:
    """Billions of operations at 480x640 by the rule of seed 002."""
    text = one.write()
    for side, pixels in (("width", 640), ("height", 480)):
        text = re.sub(rf"(?m)^{side}=\d+", f"{side}={pixels}", text)
    with torch.device("meta"):
        network = build_darknet(text, f"{one.name}.cfg")
    return count(network.eval()).by_rule_of(SEED)


def _millions(one: Architecture, parameters: int, numbers: int) -> tuple[float, ...]:
    """What a published number of parameters may count: trained ones, or all of the file."""
    if SEED in one.source:
        return parameters / 2**20, numbers / 2**20
    return (parameters / 1e6,)


def agrees(text: str, value: float) -> bool:
    """Whether a value differs from a text by less than one unit of the last digit of the text."""
    return _distance(text, value) < 10 ** -len(text.partition(".")[2])


def _distance(text: str, value: float) -> float:
    return abs(float(text) - value)


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


def _rows(only: list[str], kept: Mapping[str, str] | None) -> Iterator[dict[str, object]]:
    for one in ARCHITECTURES:
        if not only or any(text in one.name for text in only):
            row = row_of(one)
            if kept is not None:
                row["runs"] = kept.get(one.name, "")
            else:
                row["runs"] = run_stages(one) if one.seeds else ""
            told = "; ".join(filter(None, (str(row["equal"]), str(row["runs"]))))
            print(f"{one.name}: {told}", flush=True)
            yield row


def _kept(table: Path) -> dict[str, str]:
    """What a table says of the commands: name of a network -> its column ``runs``."""
    with table.open(encoding="utf-8") as file:
        return {row["name"]: row["runs"] for row in csv.DictReader(file)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", default=[], help="networks whose names have one of these; no table"
    )
    parser.add_argument(
        "--keep-runs", action="store_true", help="run no command; keep what the table says of them"
    )
    parser.add_argument("--out", type=Path, default=TABLE, help="the table")
    arguments = parser.parse_args()
    rows = list(_rows(arguments.only, _kept(arguments.out) if arguments.keep_runs else None))
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
