"""Run every network of the zoo end to end, each in a process of its own: ``results/zoo.csv``.

    python experiments/zoo.py [--only TEXT] [--seconds 120]

A network with random weights is captured and compared with the module on other inputs; cut in the
middle, and the two halves compared with the whole; its multiply-accumulates compared with torch's
flop counter; and quantized to 8 bits, weights and activations, with the signal to noise ratio of
its answer.  A network that fails gives one line.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import select
import signal
import sys
import time
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode
from zoo_networks import OWN, Exhibit, exhibits

from autosplit.capture.capture import capture
from autosplit.capture.check import relative_error
from autosplit.capture.program import Program
from autosplit.distortion.measure import measure
from autosplit.files import write_csv
from autosplit.halves.deployed import deploy
from autosplit.halves.partition import cloud_part, edge_part, join
from autosplit.plan.grids import plan_grids
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile

HEADER = (
    "name task capture_s program_vs_module halves_vs_whole macs_over_torch "
    "weights_over_parameters sqnr_w8a8_db result"
).split()
LEAST_DB = 25.0
"""W8A8 signal to noise ratio that a network must reach, or a reason is named."""
CLOSE = 1e-4
MEMORY_BYTES = 8 << 30
SAMPLES = 4
__all__ = ["OWN", "examine", "exhibits", "main"]


@dataclass
class Row:
    """One line of the table; what was not reached is None."""

    name: str
    task: str
    capture_s: float | None = None
    program_vs_module: float | None = None
    halves_vs_whole: float | None = None
    macs_over_torch: float | None = None
    weights_over_parameters: float | None = None
    sqnr_w8a8_db: float | None = None
    result: str = ""


def examine(exhibit: Exhibit) -> Row:
    """Fill the row of one network."""
    row = Row(exhibit.name, exhibit.task)
    torch.manual_seed(0)
    network, inputs = exhibit.build()
    network.eval()
    _settle(network)
    began = time.perf_counter()
    program = capture(network, inputs(2), exhibit.name.replace(":", "_"))
    row.capture_s = round(time.perf_counter() - began, 2)
    batch = inputs(SAMPLES)
    flat = program.flatten(batch)
    assert program.structure is not None
    with torch.no_grad():
        size = program.batch_size
        if size is not None:
            flat = tuple(value[:size] for value in flat)
        wanted = program.structure.call(network, flat)
    leaves = [x for x in pytree.tree_leaves(wanted) if isinstance(x, Tensor)]
    whole = program.run(flat)
    row.program_vs_module = _worst(zip(whole, leaves, strict=True))
    row.halves_vs_whole = _halves(program, flat, whole)
    row.macs_over_torch = _macs(program, network, flat)
    row.weights_over_parameters = _weights(program, network)
    row.sqnr_w8a8_db = _noise(program, flat, whole)
    row.result = _verdict(row)
    return row


def _settle(network: torch.nn.Module) -> None:
    """Give batch norms statistics and scales as training would, so that signals stay in range."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.affine:
            module.weight.data.uniform_(0.8, 1.2, generator=generator)
            module.bias.data.normal_(0, 0.1, generator=generator)


def _worst(pairs: Iterable[tuple[Tensor, Tensor]]) -> float:
    return max((relative_error(*pair) for pair in pairs), default=0.0)


def _halves(program: Program, flat: tuple[Tensor, ...], whole: tuple[Tensor, ...]) -> float:
    """Largest error of the two halves of a cut in the middle against the whole program."""
    cut = program.graph.prefix(len(program.graph.layers) // 2)
    edge, cloud = edge_part(program, cut), cloud_part(program, cut)
    written = edge(dict(zip(edge.reads, flat, strict=True)))
    named = {**dict(zip(program.graph.inputs, flat, strict=True)), **written}
    return _worst(zip(join(written, cloud(named)), whole, strict=True))


def _macs(program: Program, network: torch.nn.Module, flat: tuple[Tensor, ...]) -> float | None:
    """Multiply-accumulates over those that torch counts; None where it counts none."""
    assert program.structure is not None
    with (
        FlopCounterMode(display=False) as counter,
        torch.no_grad(),
        torch.backends.mkldnn.flags(enabled=False),
        sdpa_kernel(SDPBackend.MATH),  # torch counts no other
    ):
        program.structure.call(network, flat)
    counted = counter.get_total_flops() / 2 / program.count(flat)
    return sum(layer.macs for layer in program.graph.layers) / counted if counted else None


def _weights(program: Program, network: torch.nn.Module) -> float:
    """Elements stored over elements of the module's parameters, batch norms' left out."""
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    folded = {id(p) for norm in norms for p in norm.parameters()}
    count = sum(p.numel() for p in network.parameters() if id(p) not in folded)
    layers = program.graph.layers
    stored = sum(layer.weight_elements for layer in layers if layer.owns_weight)
    return (stored + sum(layer.fixed_elements for layer in layers)) / max(count, 1)


def _noise(program: Program, flat: tuple[Tensor, ...], whole: tuple[Tensor, ...]) -> float | None:
    """Signal to noise ratio of the worst output with everything at 8 bits on the edge, dB."""
    graph = program.graph
    cut = graph.prefix(len(graph.layers))
    stats = measure(program, lambda: iter([flat]), widths=(8,))
    bits = graph.widths(dict.fromkeys(cut.edge_tensors, 8))
    plan = Plan("w8a8", "zoo", cut.edge, dict.fromkeys(cut.weights, 8), bits, 0.0, 0.0, 0, 0)
    file = PlanFile(plan, *plan_grids(plan, stats, graph.integers), graph.name, "")
    got, _ = deploy(program, file)(*flat)
    ratios = []
    for value, want in zip(got, whole, strict=True):
        known = want.isfinite()
        if want.is_floating_point() and known.any():
            noise = float((value - want)[known].double().square().sum())
            signal_ = float(want[known].double().square().sum())
            ratios.append(10 * math.log10(max(signal_, 1e-30) / max(noise, 1e-30)))
    return min(ratios, default=None)


def _verdict(row: Row) -> str:
    """``right``, or what is not."""
    wrong = [
        f"{name} {getattr(row, name):.2g} > {CLOSE:g}"
        for name in ("program_vs_module", "halves_vs_whole")
        if getattr(row, name) > CLOSE
    ]
    if row.macs_over_torch is not None and abs(row.macs_over_torch - 1) > 0.01:
        wrong.append(f"macs_over_torch {row.macs_over_torch:.3f}")
    if row.sqnr_w8a8_db is not None and not row.sqnr_w8a8_db >= LEAST_DB:
        wrong.append(f"sqnr {row.sqnr_w8a8_db:.1f} dB < {LEAST_DB:g}")
    return "; ".join(wrong) or "right"


def in_a_process(exhibit: Exhibit, seconds: int) -> Row:
    """The row of a network that runs in a process with a limit of time and memory."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        warnings.simplefilter("ignore")
        try:
            row = examine(exhibit)
        except Exception as error:  # noqa: BLE001 - the table says what it is
            text = " ".join(str(error).split()) or type(error).__name__
            row = Row(exhibit.name, exhibit.task, result=f"{type(error).__name__}: {text:.200}")
        os.write(write, json.dumps(asdict(row)).encode())
        os._exit(0)
    os.close(write)
    ready, _, _ = select.select([read], [], [], seconds)
    data = os.read(read, 1 << 16) if ready else b""
    os.close(read)
    if not ready:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if data:
        return Row(**json.loads(data))
    why = "memory" if ready else f"{seconds} s"
    return Row(exhibit.name, exhibit.task, result=f"left out: takes more than the limit of {why}")


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--only", default="", help="networks whose name has this text")
    parser.add_argument("--seconds", type=int, default=120, help="time limit of one network")
    parser.add_argument("--out", type=Path, default=Path("results/zoo.csv"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    capture(torch.nn.Linear(2, 2), torch.randn(2, 2))  # what torch.export loads once
    rows: list[dict[str, Any]] = []
    for exhibit in exhibits():
        if asked.only in exhibit.name:
            row = in_a_process(exhibit, asked.seconds)
            rows.append({key: _rounded(value) for key, value in asdict(row).items()})
            print(f"{row.name}: {row.result}", file=sys.stderr, flush=True)
            write_csv(asked.out, HEADER, rows)
    right = sum(row["result"] == "right" for row in rows)
    print(f"{right} of {len(rows)} networks are right: {asked.out}")


if __name__ == "__main__":
    main()
