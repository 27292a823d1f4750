"""Prune, distill and train the Fashion network with few bits; write results/compress.csv.

    apt install dataset-fashion-mnist
    make compress-tables

Every row leaves a file in the folder ``--cells``; a row whose file is there is not made again, so a
run that was cut goes on.  Rows are measured on all 10,000 test images, seconds are those of the
processor on one thread.  Plans have one width everywhere, first and last layer too, and the input
at 8 bits; a mixed plan has widths of least distortion within the average.  They are finished as
``autosplit quantize`` does, then trained as ``autosplit tune`` does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from scenes_bits import make_plan, weight_widths
from torch import Tensor

from autosplit.capture.program import Program
from autosplit.compress.accuracy import float_score, plan_score
from autosplit.compress.fit import Recipe
from autosplit.compress.run_prune import run_prune
from autosplit.compress.run_train import run_train
from autosplit.compress.run_tune import teacher_of
from autosplit.compress.training_data import training_data
from autosplit.compress.training_set import TrainingSet
from autosplit.compress.tune import tune_plan
from autosplit.compress.variant import macs_and_weights
from autosplit.data.datasets import DataSet
from autosplit.distortion.measure import measure
from autosplit.distortion.metrics import sensitivity
from autosplit.evaluate.choice import AskedTask, judge_of
from autosplit.evaluate.judge import Judge
from autosplit.files import write_csv, write_json
from autosplit.finish.effort import EFFORTS
from autosplit.finish.layerwise import recover
from autosplit.graph.memory import edge_memory_bytes
from autosplit.progress import NOTE, Advance, silent
from autosplit.runs.network import capture_network, load_network
from autosplit.runs.options import PruneOptions, StatsOptions, TrainOptions

NETWORK = "fashion-resnet"
FINISHED_ON = 256
"""Images that plans are finished on."""
FLOAT_BITS = 32
HEADER = (
    "network method ratio weight_bits activation_bits macs weights bytes start_accuracy accuracy "
    "drop epochs lr batch seconds"
).split()


@dataclass(frozen=True)
class Asked:
    """A row of the table.

    Attributes:
        epochs: Passes over the training images that are taken.
        ratio: Share of the multiply-accumulates that is left.
        bits: Widths of weights and activations; None: the network stays in float.
        kind: ``uniform``, or ``mixed`` with the width of weights as their average.
        lr: Highest learning rate.
        batch: Samples of a step of a plan's training.
        share: Share of the training images that a plan is trained on.
    """

    epochs: int
    ratio: float = 1.0
    bits: tuple[int, int] | None = None
    kind: str = "uniform"
    lr: float = 2e-3
    batch: int = 64
    share: float = 1.0


ROWS = {
    "w4a4_slow": Asked(1, bits=(4, 4), lr=3e-4, batch=256),
    "w4a4": Asked(1, bits=(4, 4)),
    "w2a2": Asked(1, bits=(2, 2), lr=5e-3, share=0.5),
    "w3a3": Asked(1, bits=(3, 3), lr=3e-3, share=0.5),
    "half": Asked(1, 0.5, lr=0.02),
    "w2a4": Asked(1, bits=(2, 4), lr=3e-3, share=0.5),
    "quarter": Asked(1, 0.25, lr=0.02),
    "half_w4a4": Asked(1, 0.5, (4, 4), share=0.5),
    "mixed_w2a4": Asked(1, bits=(2, 4), kind="mixed", lr=3e-3, share=0.5),
}


@dataclass(frozen=True)
class Loaded:
    """A network with its data.

    Attributes:
        program: The captured network.
        data: Training samples, and those to test on.
        judge: Reads its answers.
    """

    program: Program
    data: DataSet
    judge: Judge


TRAINING_IMAGES = 60_000


def loaded(network: str, data: str, share: float = 1.0) -> Loaded:
    """Capture a network and read all test samples, and a share of those to train on."""
    asked = StatsOptions(model=network, data=data)
    model = load_network(asked)
    program = capture_network(model, equalized=False)
    found = training_data(asked, model, program, round(share * TRAINING_IMAGES))
    return Loaded(program, found, judge_of(program, model, found, AskedTask())[1])


def pruned(ratio: float, epochs: int, lr: float, data: str, folder: Path) -> tuple[str, float]:
    """A pruned network, trained with the whole one as its teacher; and its accuracy before that.

    Returns:
        Name of the network, and accuracy as it was pruned.
    """
    name = f"macs{100 * ratio:.0f}"
    whole = StatsOptions(model=NETWORK, data=data)
    small, out = folder / name, folder / f"{name}_trained"
    before = folder / f"{name}.json"
    if not before.exists():
        report = run_prune(whole, PruneOptions(target_macs=ratio, out=str(small)), silent)
        before.write_text(json.dumps({"accuracy": report.after.accuracy}))
    if not (out / "network.pt2").exists():
        asked = TrainOptions(
            epochs=epochs,
            lr=lr,
            teacher=NETWORK,
            teacher_share=0.9,
            resume=True,
            out=str(out),
        )
        run_train(StatsOptions(model=str(small / "network.pt2"), data=data), asked, _told)
    return str(out / "network.pt2"), json.loads(before.read_text())["accuracy"]


def quantized(own: Loaded, asked: Asked) -> tuple[float, float, int]:
    """Train a plan of a network.

    Returns:
        Accuracy of the finished plan and of the trained one, and bytes of both.
    """
    assert asked.bits is not None
    few = next(own.data.calibration.batches(FINISHED_ON, range(FINISHED_ON)))[0]
    assert isinstance(few, Tensor)
    batches = _batches(few)
    stats = measure(own.program, batches)
    if asked.kind == "mixed":
        stats = sensitivity(own.program, batches, stats, finished=True)
    widths = weight_widths(own.program, stats, asked.kind, asked.bits[0])
    plan = make_plan(own.program, stats, "plan", widths, asked.bits[1], asked.kind)
    file = recover(own.program, plan, batches, EFFORTS["good"])
    before = plan_score(own.program, file, own.judge, own.data.evaluation).accuracy
    samples = TrainingSet(own.data.calibration)
    teacher = teacher_of(NETWORK, own.program, samples)
    recipe = Recipe(asked.epochs, asked.batch, asked.lr)
    tuned = tune_plan(own.program, file, samples, teacher, recipe, _told)
    after = plan_score(own.program, tuned.file, own.judge, own.data.evaluation).accuracy
    assert before is not None
    assert after is not None
    return before, after, plan.plan.edge_memory_bytes


def _batches(images: Tensor) -> Callable[[], Iterator[Tensor]]:
    return lambda: iter(images.split(64))


@contextmanager
def _told(what: str, total: int) -> Iterator[Advance]:
    """Says each line of a training, and how many of its steps are done."""
    if total == NOTE:
        print(what, flush=True)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if done % 50 == 0:
            print(f"{what}: {done} of {total}, {time.process_time():.0f} s", flush=True)

    yield advance


def row(asked: Asked, data: str, folder: Path) -> dict[str, Any]:
    """Make a row."""
    began = time.process_time()
    network, start, epochs = NETWORK, None, asked.epochs * asked.share
    if asked.ratio < 1:
        of = next(one for one in ROWS.values() if one.ratio == asked.ratio)
        network, start = pruned(asked.ratio, of.epochs, of.lr, data, folder)
        epochs += of.epochs if asked.bits else 0
    whole, own = loaded(NETWORK, data), loaded(network, data, asked.share)
    reference = float_score(whole.program, whole.judge, whole.data.evaluation).accuracy
    macs, weights = macs_and_weights(own.program)
    if asked.bits is None:
        accuracy = float_score(own.program, own.judge, own.data.evaluation).accuracy
        graph = own.program.graph
        every = dict.fromkeys([*graph.inputs, *(x.name for x in graph.layers)], FLOAT_BITS)
        size = edge_memory_bytes(graph.prefix(len(graph.layers)), every, every)
    else:
        start, accuracy, size = quantized(own, asked)
    assert accuracy is not None
    assert reference is not None
    method = "prune, distill" if asked.ratio < 1 else ""
    tuned = f"tune {asked.kind}" if asked.bits else ""
    return {
        "network": NETWORK,
        "method": ", ".join(part for part in (method, tuned) if part),
        "ratio": asked.ratio,
        "weight_bits": asked.bits[0] if asked.bits else FLOAT_BITS,
        "activation_bits": asked.bits[1] if asked.bits else FLOAT_BITS,
        "macs": macs,
        "weights": weights,
        "bytes": size,
        "start_accuracy": start,
        "accuracy": accuracy,
        "drop": round(100 * (reference - accuracy), 4),
        "epochs": epochs,
        "lr": asked.lr,
        "batch": asked.batch if asked.bits else TrainOptions().batch_size,
        "seconds": round(time.process_time() - began),
    }


def main(
    data: Annotated[Path, typer.Option(help="Folder of the four IDX files.")] = Path(
        "/usr/share/datasets/fashion-mnist"
    ),
    cells: Annotated[Path, typer.Option(help="Folder of rows and variants.")] = Path(
        "results/compress"
    ),
    out: Annotated[Path, typer.Option(help="The table to write.")] = Path("results/compress.csv"),
    only: Annotated[str, typer.Option(help="Make this row alone.")] = "",
) -> None:
    """Make all rows that are missing and write the table."""
    torch.set_num_threads(1)
    cells.mkdir(parents=True, exist_ok=True)
    for name, asked in ROWS.items():
        path = cells / f"{name}.row.json"
        if not path.exists() and only in ("", name):
            print(f"{name} ...", flush=True)
            write_json(path, "compress_row", row(asked, f"fashion-mnist:{data}", cells))
            print(path.read_text(), flush=True)
        rows = [json.loads(p.read_text()) for n in ROWS if (p := cells / f"{n}.row.json").exists()]
        write_csv(out, HEADER, [{key: found[key] for key in HEADER} for found in rows])


if __name__ == "__main__":
    typer.run(main)
