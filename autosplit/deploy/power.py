"""Power of this machine while it computes, from the energy counters of its processor (RAPL).

Linux shows Intel's and AMD's counters (running average power limit, RAPL) under
``/sys/class/powercap``: microjoules of each processor package, which begin again at a known range.
What counts is the power of runs beyond that at rest, right before them; other programs that run
meanwhile are in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

COUNTERS = Path("/sys/class/powercap")
MEASURED_S = 2.0
"""Seconds at rest, and seconds of runs."""


def package_counters(root: Path = COUNTERS) -> list[Path]:
    """Folders of the counters of processor packages; empty where there are none to read."""
    found = sorted(one for one in root.glob("*:*") if one.name.count(":") == 1)
    return [one for one in found if _is_package(one)]


def _is_package(counter: Path) -> bool:
    """Whether a counter is that of a package, and may be read; systems often ask for root."""
    try:
        named = (counter / "name").read_text(encoding="utf-8").startswith("package")
        return named and _microjoules(counter) >= 0
    except (OSError, ValueError):
        return False


def _microjoules(counter: Path) -> int:
    return int((counter / "energy_uj").read_text(encoding="utf-8"))


def joules_of(run: Callable[[], object], counters: list[Path]) -> float:
    """Joules that the packages take while something runs.

    Args:
        run: What runs, for less than the minute in which a counter may begin again twice.
        counters: From ``package_counters``.
    """
    before = [_microjoules(one) for one in counters]
    run()
    total = 0
    for counter, first in zip(counters, before, strict=True):
        last = _microjoules(counter)
        reach = int((counter / "max_energy_range_uj").read_text(encoding="utf-8"))
        total += last - first if last >= first else last + reach - first
    return 1e-6 * total


def active_w(
    run: Callable[[], object], root: Path = COUNTERS, seconds: float = MEASURED_S
) -> float | None:
    """Watts of runs, one after the other, beyond those at rest; None without counters.

    Args:
        run: One run.
        root: Folder of the counters.
        seconds: Seconds at rest, and least seconds of runs.
    """
    counters = package_counters(root)
    if not counters:
        return None

    def busy() -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            run()

    watts = []
    for what in (lambda: time.sleep(seconds), busy):
        start = time.perf_counter()
        joules = joules_of(what, counters)
        watts.append(joules / (time.perf_counter() - start))
    return max(0.0, watts[1] - watts[0])


def power_words(watts: float | None, root: Path = COUNTERS) -> str:
    """What was found, in words.

    Args:
        watts: From ``active_w``.
        root: Folder of the counters.
    """
    if watts is not None:
        return f"power while it computes, beyond that at rest: {watts:.2f} W (RAPL)"
    return (
        f"energy: no counter of a processor package to be read in {root} (it may ask for root); "
        "active_w of the profile is for the watts of a meter"
    )
