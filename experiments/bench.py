"""Print the speeds that autosplit promises, each as a ratio of two times measured in the same run.

    python experiments/bench.py [--repeats 3] [--images 32] [--only stats,search,...]

Weights and images are random with a fixed seed, because the times do not depend on their values.
The two sides of a ratio take turns, and the least time of each side counts, so that other programs
on the machine change a ratio little.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import bench_search
import torch
import torchvision
from torch import Tensor

from autosplit.capture.capture import capture
from autosplit.capture.program import Program
from autosplit.data.datasets import load_data
from autosplit.distortion.measure import measure
from autosplit.distortion.metrics import sensitivity
from autosplit.evaluate.outputs import float_outputs, plan_outputs
from autosplit.evaluate.tasks.classification import read_classes
from autosplit.finish.effort import EFFORTS
from autosplit.finish.layerwise import recover
from autosplit.graph.memory import edge_memory_bytes
from autosplit.halves.deployed import deploy
from autosplit.hardware.device import Device, load_device
from autosplit.hardware.link import load_link
from autosplit.hardware.systolic import systolic_cycles
from autosplit.models.load import load_model
from autosplit.plan.grids import plan_grids
from autosplit.plan.planfile import PlanFile
from autosplit.search.methods import search
from autosplit.search.problem import Problem, distortion_and_bytes
from autosplit.search.widths.division import FIRST_SHARES
from autosplit.stats.stats import Stats

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
LINKS = ("1mbps", "3mbps", "10mbps", "20mbps")
SCALESIM_S = 456.0
"""Seconds that SCALE-Sim 3.0.0 took for ResNet-18 on a 256x256 array; measured once, not here."""


@dataclass
class Setting:
    """Network, images and statistics, each made once, when first asked for."""

    images: int
    repeats: int

    @cached_property
    def network(self) -> torch.nn.Module:
        torch.manual_seed(0)
        return torchvision.models.resnet50(weights=None).eval()

    @cached_property
    def batch(self) -> Tensor:
        return torch.randn(self.images, 3, 224, 224, generator=torch.Generator().manual_seed(0))

    @cached_property
    def program(self) -> Program:
        return capture(self.network, (self.batch[:1],), "resnet50")

    @cached_property
    def stats(self) -> Stats:
        return measure(self.program, self.batches)

    @cached_property
    def problem(self) -> Problem:
        links = {name: load_link(name) for name in LINKS}
        devices = load_device("eyeriss"), load_device("tpu_v1")
        return Problem(self.program.graph, self.stats.distortions, *devices, links)

    @property
    def any_width(self) -> Device:
        """The edge device, able to compute at every width."""
        return replace(self.problem.edge, widths=())

    def batches(self) -> Iterator[Tensor]:
        return iter([self.batch])

    def forward(self) -> None:
        with torch.no_grad():
            self.network(self.batch)

    def race(self, *contestants: Callable[[], object]) -> list[float]:
        """Least seconds of each function; the functions take turns."""
        best = [float("inf")] * len(contestants)
        for _ in range(self.repeats):
            for i, contestant in enumerate(contestants):
                start = time.perf_counter()
                contestant()
                best[i] = min(best[i], time.perf_counter() - start)
        return best


def bench_stats(setting: Setting) -> None:
    """Measure the statistics, all passes and widths, against one plain forward pass."""
    _ = setting.program
    ours, plain = setting.race(lambda: measure(setting.program, setting.batches), setting.forward)
    report("stats / one forward pass, resnet50", ours, plain, "at most 4")


def bench_whole_search(setting: Setting) -> None:
    """The whole search against 20 solves of the one all-edge instance by scipy's milp.

    The memory limit is half of what the all-edge network takes at 8 bits, for both.
    """
    everything = setting.problem.graph.prefix(len(setting.problem.graph.layers))
    limit = edge_memory_bytes(everything, *setting.problem.uniform(everything, 8)) // 2
    problem = replace(setting.problem, memory_bytes=limit)
    weights = distortion_and_bytes(problem, everything.weights, "weight")
    ours, theirs = setting.race(
        lambda: search(problem, ("autosplit",)),
        lambda: [bench_search.solve_by_milp(*weights, limit) for _ in range(20)],
    )
    plans = search(problem, ("autosplit",))
    proven = sum(plan.optimality_gap == 0 for plan in plans)
    print(f"search: at least {FIRST_SHARES} divisions of {limit:,} bytes for each cut; "
          f"{proven} of {len(plans)} plans proven optimal")  # fmt: skip
    report("search, all cuts, 4 links / 20 milp solves", ours, theirs, "at most 1")


def bench_start(setting: Setting) -> None:
    """The start of the command line and of the package, each in a process of its own."""

    def runs(*arguments: str) -> Callable[[], object]:
        line = [sys.executable, *arguments]
        return lambda: subprocess.run(line, check=True, capture_output=True)  # noqa: S603 - ours

    ours, plain = setting.race(
        runs("-m", "autosplit", "--help"), runs("-c", "import typer.rich_utils")
    )
    report("autosplit --help / import typer", ours, plain, "help in at most 0.5 s")
    ours, plain = setting.race(runs("-c", "import autosplit"), runs("-c", "pass"))
    report("import autosplit / an empty program", ours, plain, "package in at most 0.3 s")


def bench_systolic(setting: Setting) -> None:
    """Our cycles of ResNet-18 on a 256x256 array against the time SCALE-Sim took."""
    torch.manual_seed(0)
    network = torchvision.models.resnet18(weights=None).eval()
    graph = capture(network, (setting.batch[:1],), "resnet18").graph
    gemms = [gemm for layer in graph.layers for gemm in layer.gemms]

    def cycles() -> int:
        return sum(
            g.repeats * systolic_cycles(g.out_pixels, g.filter_size, g.filters, 256, 256, "os")
            for g in gemms
        )

    number = 1000
    ours = min(timeit.repeat(cycles, number=number, repeat=5)) / number
    print(f"systolic model, ResNet-18 on 256x256: {cycles():,} cycles")
    report("SCALE-Sim / systolic model", SCALESIM_S, ours, "at least 1,000,000")


def bench_evaluate(setting: Setting) -> None:
    """Evaluate a plan, against the float network on the same images."""
    program, stats = setting.program, setting.stats
    plans = search(setting.problem, ("autosplit", "uniform8"))
    halfway = len(program.graph.layers) // 2
    split = min(plans, key=lambda plan: (abs(len(plan.edge) - halfway), plan.name))

    for plan in (split, next(plan for plan in plans if plan.method == "uniform8")):
        file = PlanFile(plan, *plan_grids(plan, stats), "resnet50", "")

        def run(file: PlanFile = file) -> None:
            outputs = plan_outputs(deploy(program, file), setting.batch)
            read_classes(outputs, None, len(setting.batch))

        ours, plain = setting.race(run, setting.forward)
        what = f"evaluate {plan.name} ({len(plan.edge)} edge layers) / float network"
        report(what, ours, plain, "at most 1.3")


def bench_metrics(setting: Setting) -> None:
    """Measure each distortion metric, all tensors and widths, against one plain forward pass."""
    program, stats = setting.program, setting.stats
    for metric, asked in (("fisher", "at most 6"), ("output", "at most 30")):

        def run(metric: str = metric) -> None:
            sensitivity(program, setting.batches, stats, metric)

        ours, plain = setting.race(run, setting.forward)
        report(f"metric {metric} / one forward pass, resnet50", ours, plain, asked)


def bench_efforts(setting: Setting) -> None:
    """Finish an all-edge plan of 4 bits, against one plain forward pass."""
    program, stats = setting.program, setting.stats
    (plan,) = search(setting.problem, ("uniform4",))
    file = PlanFile(plan, *plan_grids(plan, stats), "resnet50", "")
    for effort, asked in (("fast", "at most 3"), ("good", "at most 10")):

        def run(effort: str = effort) -> None:
            recover(program, file, setting.batches, EFFORTS[effort])

        ours, plain = setting.race(run, setting.forward)
        report(f"effort {effort} / one forward pass, resnet50", ours, plain, asked)


def bench_fashion(_: Setting) -> None:
    """Print the bundled network's top-1 on the 10,000 test images, if the data set is installed."""
    if not FASHION_MNIST.is_dir():
        print(f"{FASHION_MNIST}: not there, Debian's package dataset-fashion-mnist brings it")
        return
    model = load_model("fashion-resnet")
    program = capture(model.module, (model.example_input,), model.name)
    images = load_data(f"fashion-mnist:{FASHION_MNIST}", model.preprocess).evaluation
    hits = 0
    for batch, labels in images.batches(250):
        found = read_classes(float_outputs(program, batch), labels, len(batch)).hits
        assert found is not None
        hits += int(found.sum())
    top1 = 100 * hits / len(images)
    print(f"fashion-resnet on {len(images):,} test images: top-1 {top1:.2f} % (at least 93)")


def report(what: str, ours: float, theirs: float, asked: str) -> None:
    print(f"{what}: {ours:.4g} s / {theirs:.4g} s = {ours / theirs:,.3g} ({asked})", flush=True)


def several(bench: Callable[[Setting], list[tuple[str, float, float, str]]]) -> Bench:
    """Turn a function that measures several ratios into one that prints them."""

    def run(setting: Setting) -> None:
        for line in bench(setting):
            report(*line)

    return run


Bench = Callable[[Setting], None]
BENCHES: dict[str, Bench] = {
    "start": bench_start,
    "systolic": bench_systolic,
    "stats": bench_stats,
    "search": bench_whole_search,
    "evaluate": bench_evaluate,
    "metrics": bench_metrics,
    "efforts": bench_efforts,
    "fashion": bench_fashion,
    "allocate": several(bench_search.bench_allocate),
    "allocate_all": several(bench_search.bench_allocate_all),
    "front": several(bench_search.bench_front),
    "coded": several(bench_search.bench_coded),
    "growth": several(bench_search.bench_growth),
    "choose": several(bench_search.bench_choose),
    "paper": several(bench_search.bench_paper),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=32, help="images per pass (default: 32)")
    parser.add_argument("--repeats", type=int, default=3, help="turns per ratio (default: 3)")
    parser.add_argument(
        "--only",
        default=",".join(BENCHES),
        help=f"ratios to print, separated by commas (default: all: {', '.join(BENCHES)})",
    )
    arguments = parser.parse_args()
    setting = Setting(arguments.images, arguments.repeats)
    for name in arguments.only.split(","):
        BENCHES[name](setting)


if __name__ == "__main__":
    main()
