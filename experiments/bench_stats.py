"""Print the time of ``measure`` over one plain forward pass of the same images, in one run.

    python experiments/bench_stats.py [--model resnet50] [--images 32] [--batch 32] [--repeats 3]

Random weights and images: the time does not depend on them.  The two are timed alternately and the
least of each counts, so that a busy machine disturbs the ratio as little as possible.
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
class Times:
    """Least seconds of each contestant, over all repeats."""

    plain_s: float
    stats_s: float
    steps_s: dict[str, float]

    @property
    def ratio(self) -> float:
        return self.stats_s / self.plain_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    times = bench(arguments.model, arguments.images, arguments.batch, arguments.repeats)
    print(f"plain forward pass  {times.plain_s:8.3f} s")
    print(f"stats               {times.stats_s:8.3f} s")
    for step, seconds in times.steps_s.items():
        print(f"  {step:<18}{seconds:8.3f} s  {seconds / times.plain_s:5.2f}x")
    print(f"stats / plain pass  {times.ratio:8.2f}x  (limit 4)")


def bench(model: str, images: int, batch: int, repeats: int) -> Times:
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
    pairs = [(seconds(plain), staged(lambda tell: measure(program, batches, progress=tell)))
             for _ in range(repeats)]  # fmt: skip
    fastest = min((steps for _, steps in pairs), key=lambda steps: sum(steps.values()))
    return Times(min(pair[0] for pair in pairs), sum(fastest.values()), fastest)


def seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def staged(work: Callable[[Callable[[str, int], None]], object]) -> dict[str, float]:
    """Seconds of each step of ``measure``, as its progress tells; they add up to the whole."""
    steps: dict[str, float] = {}
    last = time.perf_counter()

    def tell(step: str, _done: int) -> None:
        nonlocal last
        now = time.perf_counter()
        steps[step] = steps.get(step, 0.0) + now - last
        last = now

    work(tell)
    tell("records", 0)
    return steps


if __name__ == "__main__":
    main()
