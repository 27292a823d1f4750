"""Print how long the page of a run takes to open in Chromium, and how large it is.

    python experiments/bench_page.py [--plans 400] [--repeats 5]

The page has made-up plans of a chain of fifty layers over four links.  It is open when its script
has drawn all plots; the least time of all repeats counts, beside that of a page of 10 plans opened
in turns with it.  Without Chromium and its driver (apt install chromium chromium-driver) the bench
says so.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.hardware.device import Device
from autosplit.hardware.link import load_link
from autosplit.hardware.prediction import PlanWidths, predict_links
from autosplit.plan.plan import Plan
from autosplit.report.candidate import Candidate, FloatScore
from autosplit.report.page.page import html_page
from autosplit.report.page.view import PageHardware, PageView
from autosplit.report.pick import pick_from
from autosplit.report.tables import PLANS_HEADER, plan_row
from autosplit.search.front.front import OURS

LAYERS, LIMIT_BYTES, FEW = 50, 200_000, 10
LINKS = ("1mbps", "3mbps", "10mbps", "20mbps")
EDGE = Device(
    name="made-up",
    source="made up",
    model="roofline",
    float_bits=32,
    bandwidth_bytes_per_s=1e9,
    peak_macs_per_s={8: 1e9, 32: 2.5e8},
)
MOST_S, MOST_BYTES = 2.0, 3_000_000
"""What is promised of a page of 400 plans."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plans", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        print("page: not measured, needs chromium and chromedriver")
        return
    with tempfile.TemporaryDirectory() as place:
        pages = {count: Path(place) / f"{count}.html" for count in (FEW, asked.plans)}
        for count, path in pages.items():
            path.write_text(html_page(view_of(count)), encoding="utf-8")
        size = pages[asked.plans].stat().st_size
        seconds = opening_s(pages, asked.repeats, *map(str, programs))
    most, few = seconds[asked.plans], seconds[FEW]
    kept = most < MOST_S and size < MOST_BYTES
    print(
        f"page of {asked.plans} plans over {len(LINKS)} links: opens in {most:.2f} s "
        f"(promised: {MOST_S:g} s), {most / few:.2f} times as long as one of {FEW} plans; "
        f"{size:,} bytes (promised: {MOST_BYTES:,})"
    )
    sys.exit(not kept)


def opening_s(pages: dict[int, Path], repeats: int, chromium: str, driver: str) -> dict[int, float]:
    """Least seconds from the request for each page until its script has drawn it."""
    from selenium import webdriver  # noqa: PLC0415 - only where there is a browser
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"):
        options.add_argument(word)
    browser = webdriver.Chrome(options, Service(driver))
    found: dict[int, float] = {}
    try:
        for _ in range(repeats):
            for count, path in pages.items():
                seconds = _open(browser, path)
                found[count] = min(seconds, found.get(count, seconds))
    finally:
        browser.quit()
    return found


def _open(browser: Any, path: Path) -> float:
    """Seconds of one opening, by the browser's clock."""
    browser.get(path.as_uri())
    while True:
        words = "return document.body.dataset.ready ? performance.now() : 0"
        milliseconds = browser.execute_script(words)
        if milliseconds:
            return float(milliseconds) / 1e3
        time.sleep(0.01)


def view_of(count: int) -> PageView:
    """The page of so many made-up plans."""
    shape = (8, 16, 16)
    names = [f"layer{place:02}" for place in range(LAYERS)]
    layers = tuple(
        Layer(
            name,
            "conv",
            (names[place - 1] if place else "x",),
            (shape,),
            shape,
            weight_elements=576,
            weight_owner=name,
            gemms=(Gemm(256, 72, 8),),
            kernel=(3, 3),
        )
        for place, name in enumerate(names)
    )
    graph = Graph("made_up", {"x": shape}, layers, (names[-1],))
    links = {name: load_link(name) for name in LINKS}
    score = FloatScore("top-1", 0.75, 1000)
    plans = [_plan(graph, place, count) for place in range(count)]
    timed = [replace(one, predictions=_seconds(graph, one, links)) for one in plans]
    candidates = [
        Candidate(
            one,
            link,
            one.predictions[link],
            fits=True,
            drop=100 * one.distortion,
            accuracy=0.75 - one.distortion,
        )
        for link in LINKS
        for one in timed
    ]
    rows = [_texts(plan_row(graph, one.plan, one.link, pareto=False), one) for one in candidates]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*PLANS_HEADER, "drop"])
    writer.writeheader()
    writer.writerows(rows)
    found = {
        link: pick_from(graph, [o for o in candidates if o.link == link], 1.0, None, score)
        for link in LINKS
    }
    picks = {link: pick for link, pick in found.items() if pick is not None}
    return PageView(
        "made_up: made-up + made-up",
        graph,
        PageHardware(EDGE, EDGE, links, (2, 4, 8)),
        candidates,
        picks,
        {},
        score,
        1.0,
        LIMIT_BYTES,
        rows,
        text.getvalue().encode(),
    )


def _plan(graph: Graph, place: int, count: int) -> Plan:
    cut = graph.prefix(place % (LAYERS + 1))
    bits = 2 + place % 7
    lost = 0.02 * (1 - place / count)
    widths = {"x": 8, **dict.fromkeys(cut.edge, bits)}
    method = OURS if place % 3 else f"method{place % 12}"
    weights = dict.fromkeys(cut.weights, bits)
    return Plan(f"plan{place:03}", method, cut.edge, weights, widths, lost, lost, 1000, 2048)


def _seconds(graph: Graph, plan: Plan, links: Any) -> Any:
    widths = PlanWidths(plan.weight_bits, plan.activation_bits, None, plan.crossing_bytes)
    return predict_links(graph.cut(plan.edge), widths, EDGE, EDGE, links)


def _texts(row: dict[str, Any], one: Candidate) -> dict[str, str]:
    texts = {key: "" if value is None else str(value) for key, value in row.items()}
    return texts | {"drop": f"{one.drop}"}


if __name__ == "__main__":
    main()
