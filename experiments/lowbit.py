"""Measure accuracy against bits for autosplit and other tools; write lowbit.csv and lowbit.png.

    apt install dataset-fashion-mnist
    make bench-accuracy

``experiments/lowbit.yaml`` lists the networks, columns and rows.  Every cell of the table runs in a
process of its own, on one thread, so that its peak memory can be measured.  A cell leaves a file in
the folder ``--cells``.  A cell whose file is there is run again only if the YAML file asks for
something else or if the cell failed; delete the files after a change of the code.  Peak memory and
time are taken when the quantized network is ready, before it is tested.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from autosplit.files import sha256_of, write_bytes, write_csv
from autosplit.report.figure import Drawing
from autosplit.sweep.figure import DOTS_PER_INCH

HERE = Path(__file__).parent
HEADER = (
    "network tool effort weight_bits activation_bits images top1 drop agreement kl search_s "
    "total_s peak_bytes"
).split()
Row = dict[str, Any]


def digest(network: Mapping[str, Any]) -> str:
    """Hash that names the data on which a network is tested."""
    return sha256_of(json.dumps(network, sort_keys=True))[:8]


def cells(asked: Mapping[str, Any], folder: Path) -> Iterator[tuple[Row, Row]]:
    """Yield the identity of each cell and the arguments of its process."""
    for name, network in asked["networks"].items():
        for row in asked["rows"]:
            for weight_bits, activation_bits in asked["columns"]:
                key = {"network": name, "tool": row["tool"], "effort": row.get("effort", "")}
                key |= {"weight_bits": weight_bits, "activation_bits": activation_bits}
                out = folder / ("_".join(map(str, key.values())).replace(" ", "_") + ".json")
                told = {"network": network, "out": str(out)}
                yield key, key | told | {"reference": str(folder / f"{name}_{digest(network)}.npy")}


def make(told: Row, python: str, limit_s: float) -> Row:
    """Run a cell unless its file is there; return the content of the file."""
    out = Path(told["out"])
    before = json.loads(out.read_text()) if out.exists() else {}
    asked = {name: value for name, value in told.items() if name not in ("out", "reference")}
    if before.get("asked") == asked:
        return before
    command = [python, str(HERE / "lowbit_cell.py"), json.dumps(told)]
    try:
        done = subprocess.run(  # noqa: S603 - our own script
            command, timeout=limit_s, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired:
        return {"left_out": f"took more than {limit_s:g} s"}
    if done.returncode:
        last = (done.stderr.strip() or "nothing said").splitlines()[-1]
        return {"left_out": f"failed: {last}"}
    found: Row = json.loads(out.read_text())
    if "left_out" in found:
        out.unlink()
    else:
        out.write_text(json.dumps(found | {"asked": asked}, indent=1))
    return found


def label_of(row: Row) -> str:
    """Name of a row: the tool and its effort."""
    return f"{row['tool']} {row['effort']}".strip()


def figure(rows: list[Row]) -> Drawing:
    """Draw the drop in top-1 against bits; with few images, the disagreement with float."""
    names = list(dict.fromkeys(row["network"] for row in rows))
    every = list(dict.fromkeys(label_of(row) for row in rows))
    found = Drawing(figsize=(6.4 * len(names), 4.6), dpi=DOTS_PER_INCH, layout="constrained")
    for place, name in enumerate(names):
        axes = found.add_subplot(1, len(names), place + 1)
        few = any(row["images"] < 1000 for row in rows if row["network"] == name)
        lines: dict[str, list[tuple[float, float, int]]] = {}
        for row in rows:
            if row["network"] == name:
                lost = 100 * (1 - row["agreement"]) if few else row["drop"]
                lines.setdefault(label_of(row), []).append(
                    (row["weight_bits"], lost, row["activation_bits"])
                )
        for label, points in lines.items():
            colour = f"C{every.index(label)}"
            wide = sorted((bits, lost) for bits, lost, other in points if other == 8)
            axes.plot(*zip(*wide, strict=True), "o-", color=colour, ms=4, label=label)
            for bits, lost, other in points:
                if other != 8:
                    axes.plot([bits], [lost], "x", color=colour)
        axes.set_yscale("symlog", linthresh=1.0)
        low, high = axes.get_ylim()
        ticks = [tick for tick in (0, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= tick <= high]
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xlim(1.7, 8.3)
        axes.set_xlabel("average bits of the weights (x: of the activations too, else 8)")
        axes.set_ylabel("disagreement with float, %" if few else "drop in top-1, points")
        axes.set_title(name)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=8)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--asked", type=Path, default=HERE / "lowbit.yaml", help="what to measure")
    parser.add_argument("--python", default=sys.executable, help="Python that other tools run in")
    parser.add_argument(
        "--cells", type=Path, default=Path("results/lowbit"), help="folder of cells"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("results/lowbit"), help="table and figure, without suffix"
    )
    parser.add_argument("--only", default="", help="only run cells whose file name contains this")
    given = parser.parse_args()
    asked = yaml.safe_load(given.asked.read_text())
    given.cells.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for key, told in cells(asked, given.cells):
        if given.only not in told["out"] and not Path(told["out"]).exists():
            continue
        python = sys.executable if key["tool"].startswith("ours") else given.python
        found = make(told, python, asked["limit_s"])
        name = " ".join(map(str, key.values()))
        if "left_out" in found:
            print(f"{name}: left out, {found['left_out']}", flush=True)
            continue
        rounded = {
            k: float(f"{v:.6g}") if isinstance(v, float) else v
            for k, v in found.items()
            if k in HEADER
        }
        rows.append(key | rounded)
        print(
            "{}: drop {:.2f}, agreement {:.2f} %, {:.1f} s".format(
                name, found["drop"], 100 * found["agreement"], found["total_s"]
            ),
            flush=True,
        )
    write_csv(given.out.with_suffix(".csv"), HEADER, rows)
    write_bytes(given.out.with_suffix(".png"), figure(rows).png())


if __name__ == "__main__":
    main()
