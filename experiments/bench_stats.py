"""Print the time of ``measure`` over one plain forward pass of the same images, in one run.

    python experiments/bench_stats.py [--model resnet50] [--images 32] [--batch 32] [--repeats 5]

Random weights and images: the time does not depend on them.  The two are timed alternately, and the
least of each step counts, so that a busy machine disturbs the ratio as little as possible; the
processor time of all threads is shown beside it, which waiting does not touch.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torchvision
from torch import Tensor

from autosplit.capture import capture
from autosplit.measure import measure


@dataclass(frozen=True, slots=True)
class Spent:
    """Time spent: on the clock, and by the processor in all threads."""

    wall_s: float
    cpu_s: float

    @classmethod
    def now(cls) -> Spent:
        return cls(time.perf_counter(), time.process_time())

    def since(self, start: Spent) -> Spent:
        return Spent(self.wall_s - start.wall_s, self.cpu_s - start.cpu_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    plain, steps = bench(arguments.model, arguments.images, arguments.batch, arguments.repeats)
    total = Spent(sum(s.wall_s for s in steps.values()), sum(s.cpu_s for s in steps.values()))
    print(f"{'':22}{'seconds':>9}{'ratio':>8}{'cpu s':>9}{'ratio':>8}")
    for name, spent in {"plain forward pass": plain, **steps, "stats": total}.items():
        print(
            f"{name:22}{spent.wall_s:9.3f}{spent.wall_s / plain.wall_s:7.2f}x"
            f"{spent.cpu_s:9.3f}{spent.cpu_s / plain.cpu_s:7.2f}x"
        )
    print(f"stats / plain pass: {total.wall_s / plain.wall_s:.2f}x, limit 4")


def bench(model: str, images: int, batch: int, repeats: int) -> tuple[Spent, dict[str, Spent]]:
    """Time both, alternating."""
    torch.manual_seed(0)
    network = torchvision.models.get_model(model, weights=None).eval()
    data = torch.randn(images, 3, 224, 224)
    program = capture(network, (data[:1],), model)

    def batches() -> Iterator[Tensor]:
        return iter(torch.split(data, batch))

    def plain() -> None:
        with torch.no_grad():
            for part in batches():
                network(part)

    plain()
    passes, runs = [], []
    for _ in range(repeats):
        start = Spent.now()
        plain()
        passes.append(Spent.now().since(start))
        runs.append(staged(lambda tell: measure(program, batches, progress=tell)))
    return least(passes), {step: least([run[step] for run in runs]) for step in runs[0]}


def least(times: list[Spent]) -> Spent:
    return Spent(min(t.wall_s for t in times), min(t.cpu_s for t in times))


def staged(work: Callable[[Callable[[str, int], None]], object]) -> dict[str, Spent]:
    """Time of each step of ``measure``, as its progress tells; they add up to the whole."""
    steps: dict[str, Spent] = {}
    last = Spent.now()

    def tell(step: str, _done: int) -> None:
        nonlocal last
        now = Spent.now()
        spent, before = now.since(last), steps.get(step, Spent(0, 0))
        steps[step] = Spent(before.wall_s + spent.wall_s, before.cpu_s + spent.cpu_s)
        last = now

    work(tell)
    tell("records", 0)
    return steps


if __name__ == "__main__":
    main()
