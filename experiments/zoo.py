"""Run every network of the zoo end to end, each in a process of its own: ``results/zoo.csv``.

    python experiments/zoo.py [--only TEXT ...] [--seconds 300] [--older]

A network with random weights is captured and compared with the module on other inputs; cut in the
middle, and the two halves compared with the whole; its multiply-accumulates compared with torch's
flop counter, and what it stores with the module's parameters; and quantized to 8 bits, weights and
activations, with the signal to noise ratio of its answer.  A network that fails gives one line.

Rows are kept as they are found, in ``.zoo/``, under the digest of the code that found them: a run
that was cut goes on where it was, and two runs at once, each of other networks, share the work; of
the heavy networks one runs at a time.  The table is written when every network has a row; its
column ``code`` begins the digest of the code that found the row.  ``--older`` takes rows that other
code found, those of the table included, of the networks that ``--only`` does not name.
The module is long because one file shows all that is asked of a network.

A network whose noise is above the limit has a reason if white noise as strong as that of 8 bits is
above it too: no width, clip or grid is chosen there, so the reason is the network's.  It amplifies
noise; or, where noise in proportion to each row of a tensor would stay below the limit, rows of
different size, as of a class token and of patches, share one grid.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time
from collections.abc import Container, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils import _pytree as pytree
from zoo_cases import CASES
from zoo_networks import OWN, Exhibit, exhibits
from zoo_process import (
    ENDED,
    LIBRARIES,
    ROOT,
    Row,
    code_digest,
    in_a_process,
    kept_rows,
    older_rows,
)
from zoo_ratios import macs_ratio, weights_ratio

from autosplit.capture.capture import capture
from autosplit.capture.check import is_rounding, largest_error
from autosplit.capture.program import Program
from autosplit.distortion.measure import measure
from autosplit.errors import CaptureError
from autosplit.files import write_csv
from autosplit.halves.deployed import deploy
from autosplit.halves.partition import cloud_part, edge_part, join
from autosplit.plan.grids import plan_grids
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile

HEADER = (
    "name task capture_s program_vs_module halves_vs_whole macs_over_torch "
    "weights_over_parameters why_not_1 sqnr_w8a8_db result code"
).split()
LEAST_DB = 25.0
"""W8A8 signal to noise ratio that a network must reach, or a reason is named."""
AMPLIFIES, UNEVEN = "it amplifies noise", "rows of different size share grids"
"""Reasons why the noise is above the limit; each is measured."""
NOISE_DB = 40.0
"""What 8 bits leave of normal values: with 255 steps s from -4.3 to 4.3 deviations, 12 / s^2."""
CLOSE = 1e-4
LEAST_RIGHT = 115
"""Networks of the zoo that must be right."""
SAMPLES = 4
TOKENS = ("cls_token", "class_token", "dist_token", "pos_embed")
"""Parameters beside which the features of patches are of the size 1."""
__all__ = [
    "CASES",
    "OWN",
    "CaptureError",
    "capture",
    "examine",
    "exhibits",
    "macs_ratio",
    "main",
    "weights_ratio",
]


def examine(exhibit: Exhibit) -> Row:
    """Fill the row of one network."""
    row = Row(exhibit.name, exhibit.task)
    torch.manual_seed(0)
    network, inputs = exhibit.build()
    network.eval().requires_grad_(False)  # torch's counter wants functions of gradients, else
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
    row.program_vs_module = largest_error(whole, leaves)
    row.halves_vs_whole = _halves(program, flat, whole)
    macs, weights = macs_ratio(program, network, flat), weights_ratio(program, network)
    row.macs_over_torch, row.weights_over_parameters = macs.value, weights.value
    row.why_not_1 = "; ".join(filter(None, (macs.why, weights.why)))
    row.sqnr_w8a8_db = _noise(program, flat, whole)
    close = row.program_vs_module <= CLOSE or _is_rounding(program, network, flat, leaves)
    row.result = _verdict(row, [macs.unexplained, weights.unexplained], close=close)
    if row.sqnr_w8a8_db is not None and row.sqnr_w8a8_db < LEAST_DB:
        row.result += _reason(program, flat, whole)
    return row


def _settle(network: torch.nn.Module) -> None:
    """Give batch norms, class tokens, positions and heads that begin at 0 what training would."""
    generator = torch.Generator().manual_seed(1)
    for name, parameter in network.named_parameters():
        if any(text in name for text in TOKENS):
            parameter.data.normal_(generator=generator)
        elif parameter.dim() > 1 and not parameter.any():
            parameter.data.normal_(0, 0.1, generator=generator)
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.affine:
            module.weight.data.uniform_(0.8, 1.2, generator=generator)
            module.bias.data.normal_(0, 0.1, generator=generator)


def _is_rounding(
    program: Program, network: torch.nn.Module, flat: tuple[Tensor, ...], leaves: list[Tensor]
) -> bool:
    """Whether program and module differ by float32's rounding: both are as far from float64."""
    assert program.structure is not None
    exact = program.structure.call(
        copy.deepcopy(network).double(),
        tuple(value.double() if value.is_floating_point() else value for value in flat),
    )
    truth = [x for x in pytree.tree_leaves(exact) if isinstance(x, Tensor)]
    return is_rounding(largest_error(program.run(flat), truth), largest_error(leaves, truth))


def _halves(program: Program, flat: tuple[Tensor, ...], whole: tuple[Tensor, ...]) -> float:
    """Largest error of the two halves of a cut in the middle against the whole program."""
    cut = program.graph.prefix(len(program.graph.layers) // 2)
    edge, cloud = edge_part(program, cut), cloud_part(program, cut)
    written = edge(dict(zip(edge.reads, flat, strict=True)))
    named = {**dict(zip(program.graph.inputs, flat, strict=True)), **written}
    return largest_error(join(written, cloud(named)), whole)


def _noise(program: Program, flat: tuple[Tensor, ...], whole: tuple[Tensor, ...]) -> float | None:
    """Signal to noise ratio of the worst output with everything at 8 bits on the edge, dB.

    The answer at a place that an attention mask hides is none.
    """
    graph = program.graph
    masks = dict(zip(graph.inputs, flat, strict=True))
    shown = masks["attention_mask"].bool() if "attention_mask" in masks else None
    cut = graph.prefix(len(graph.layers))
    stats = measure(program, lambda: iter([flat]), widths=(8,))
    bits = graph.widths(dict.fromkeys(cut.edge_tensors, 8))
    plan = Plan("w8a8", "zoo", cut.edge, dict.fromkeys(cut.weights, 8), bits, 0.0, 0.0, 0, 0)
    file = PlanFile(plan, *plan_grids(plan, stats, graph.integers), graph.name, "")
    got, _ = deploy(program, file)(*flat)
    return _ratio(got, whole, shown)


def _reason(program: Program, flat: tuple[Tensor, ...], whole: tuple[Tensor, ...]) -> str:
    """Why no grid of 8 bits a tensor could reach the limit, as measured; empty if one could.

    White noise is added to all inputs, weights and tensors, ``NOISE_DB`` below each of them: first
    as strong in all of a tensor, as one grid makes it, then in proportion to each of its rows.
    """
    weights = {weight.target for weight in program.weights.values()}
    names = weights | set(program.nodes.values())
    even, by_row = (
        _ratio(_Noisy(program.module, names, rows=rows).run(*flat), whole, None) or math.inf
        for rows in (False, True)
    )
    if even >= LEAST_DB:
        return ""
    gives = f"noise {NOISE_DB:g} dB below each tensor gives {even:.1f} dB, below each row"
    return f": {AMPLIFIES if by_row < LEAST_DB else UNEVEN}, {gives} {by_row:.1f}"


class _Noisy(fx.Interpreter):
    """Runs a program with white noise in its inputs, tensors and weights, always the same noise.

    Args:
        module: The program.
        names: Of inputs, operators and weights that get noise.
        rows: Whether each row, of the last axis, gets noise in proportion to its own size, and not
            to that of the tensor.  A weight's rows are its output channels, each with a grid of
            its own.  The power of all noise in a tensor is the same.
    """

    def __init__(self, module: fx.GraphModule, names: Container[str], *, rows: bool) -> None:
        super().__init__(module)
        self._names, self._rows = names, rows
        self._random = torch.Generator().manual_seed(0)

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if not isinstance(value, Tensor) or not value.is_floating_point() or not value.dim():
            return value
        if n.op == "get_attr":
            named, rows = str(n.target), value.flatten(1) if value.dim() > 1 else value[None]
        else:
            named = n.name
            rows = value.reshape(-1, value.shape[-1]) if self._rows else value.reshape(1, -1)
        if named not in self._names:
            return value
        size = rows.square().mean(1, keepdim=True).sqrt() * 10 ** (-NOISE_DB / 20)
        return (rows + size * torch.randn(rows.shape, generator=self._random)).view(value.shape)


def _ratio(
    got: tuple[Tensor, ...], whole: tuple[Tensor, ...], shown: Tensor | None
) -> float | None:
    """Signal to noise ratio of the worst output, dB, at the places that are shown."""
    ratios = []
    for value, want in zip(got, whole, strict=True):
        known = want.isfinite()
        if shown is not None and want.dim() == 3 and want.shape[:2] == shown.shape:
            known &= shown[..., None]
        if want.is_floating_point() and known.any():
            noise = float((value - want)[known].double().square().sum())
            power = float(want[known].double().square().sum())
            ratios.append(10 * math.log10(max(power, 1e-30) / max(noise, 1e-30)))
    return math.nan if any(map(math.isnan, ratios)) else min(ratios, default=None)


def _verdict(row: Row, unexplained: Sequence[str], *, close: bool = True) -> str:
    """``right``, or what is not.

    Args:
        row: What was measured.
        unexplained: What is wrong with its ratios.
        close: Whether the program's answers are the module's.
    """
    wrong = [] if close else [f"program_vs_module {row.program_vs_module:.2g} > {CLOSE:g}"]
    if not row.halves_vs_whole <= CLOSE:
        wrong.append(f"halves_vs_whole {row.halves_vs_whole:.2g} > {CLOSE:g}")
    wrong += filter(None, unexplained)
    if row.sqnr_w8a8_db is not None and not row.sqnr_w8a8_db >= LEAST_DB:
        wrong.append(f"sqnr {row.sqnr_w8a8_db:.1f} dB < {LEAST_DB:g}")
    return "; ".join(wrong) or "right"


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main() -> int:
    """Run the zoo; 1 if a row is missing or wrong without a reason, or too few are right."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--only", nargs="*", default=[""], help="networks with such a text in them")
    parser.add_argument("--seconds", type=int, default=300, help="limit of a network, of one core")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "zoo.csv")
    parser.add_argument("--older", action="store_true", help="take rows that other code found")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for library in LIBRARIES:  # once, and not in each process
        import_module(library)
    capture(torch.nn.Linear(2, 2), torch.randn(2, 2))  # what torch.export loads once
    kept_in = ROOT / ".zoo" / f"{code_digest()[:16]}.jsonl"
    kept_in.parent.mkdir(exist_ok=True)
    rows = kept_rows(kept_in)
    everything = exhibits()
    for exhibit in everything:
        if exhibit.name in rows or not any(text in exhibit.name for text in asked.only):
            continue
        row = rows[exhibit.name] = in_a_process(examine, exhibit, asked.seconds)
        row.code = kept_in.stem[:8]
        if not row.result.startswith(ENDED):  # another limit may let it end
            with kept_in.open("a") as file:
                file.write(f"\n{json.dumps(asdict(row))}")
        print(f"{row.name}: {row.result}", file=sys.stderr, flush=True)
    if asked.older:
        rows = older_rows(kept_in.parent, asked.out) | rows
    found = [rows[exhibit.name] for exhibit in everything if exhibit.name in rows]
    right = sum(row.result == "right" for row in found)
    amplify, uneven = (sum(text in row.result for row in found) for text in (AMPLIFIES, UNEVEN))
    print(f"{right} of {len(found)} networks are right; of the others {amplify} amplify noise")
    print(f"and {uneven} have rows of different size in one grid")
    if len(found) < len(everything):
        print(f"{len(everything) - len(found)} have no row yet: no table is written")
        return 1
    table = [{key: _rounded(value) for key, value in asdict(row).items()} for row in found]
    write_csv(asked.out, HEADER, table)
    print(f"table: {asked.out}")
    wrong = failure(found)
    if wrong:
        print(wrong, file=sys.stderr)
    return int(bool(wrong))


def failure(rows: Sequence[Row]) -> str:
    """What the zoo must hold and does not; empty if it does."""
    right = sum(row.result == "right" for row in rows)
    if right < LEAST_RIGHT:
        return f"zoo: at least {LEAST_RIGHT} networks must be right, got {right}"
    unnamed = [row.name for row in rows if row.result != "right" and not has_reason(row.result)]
    if unnamed:
        return f"zoo: a network that is not right must have a reason, got {', '.join(unnamed)}"
    return ""


def has_reason(result: str) -> bool:
    """Whether a result says why a network is not right: refused in one line, or why it is noisy."""
    return result.startswith("CaptureError: ") or (
        result.startswith("sqnr ") and (f": {AMPLIFIES}, " in result or f": {UNEVEN}, " in result)
    )


if __name__ == "__main__":
    sys.exit(main())
