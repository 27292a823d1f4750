"""A page of the toy network of ``candidates.py`` over two links, and Chromium to open pages in."""

import csv
import io
import shutil
from dataclasses import replace

import pytest
from candidates import FLOAT_SCORE, GRAPH, one

from autosplit.hardware.device import Device
from autosplit.hardware.link import Link
from autosplit.report.page.view import PageHardware, PageView, StageRecord
from autosplit.report.pick import pick_from
from autosplit.report.tables import PLANS_HEADER, plan_row

EDGE = Device(
    name="toy",
    source="made up",
    model="roofline",
    float_bits=32,
    bandwidth_bytes_per_s=1e3,
    peak_macs_per_s={8: 1e3, 32: 1e2},
    unknown_operators="traffic",
)
CLOUD = replace(EDGE, name="big", peak_macs_per_s={8: 1e6, 32: 1e5}, bandwidth_bytes_per_s=1e6)
LINKS = {
    "3mbps": Link(name="3mbps", source="made up", uplink_bps=3e6),
    "slow": Link(name="slow", source="made up", uplink_bps=8e3, downlink_bps=8e3, rtt_s=0.02),
}
HARDWARE = PageHardware(EDGE, CLOUD, LINKS, (4, 8))


def usual_candidates(link, name="p"):
    """Ours with two layers on the edge, a baseline all in the cloud, one without a score."""
    return [
        one(name, 0.006, 0.3, link=link, interval=(0.92, 0.95)),
        one("cloud16", 0.012, 0.0, link=link, method="cloud16", layers=0, memory=0),
        one("unseen", 0.020, None, link=link),
    ]


def _row(each):
    plan = replace(each.plan, predictions={each.link: each.prediction})
    row = plan_row(GRAPH, plan, each.link, pareto=False)
    texts = {key: "" if value is None else str(value) for key, value in row.items()}
    return texts | {"drop": "" if each.drop is None else str(each.drop)}


def page_view(name="p", max_drop=1.0, **change):
    """The page of these plans; over the second link nothing keeps the limits."""
    found = usual_candidates("3mbps", name)
    found.append(one(name, 0.050, 9.0, link="slow"))
    found.append(one("cloud16", 0.04, 8.0, link="slow", method="cloud16", layers=0))
    rows = [_row(each) for each in found]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*PLANS_HEADER, "drop"])
    writer.writeheader()
    writer.writerows(rows)
    picks = {
        "3mbps": pick_from(GRAPH, usual_candidates("3mbps", name), max_drop, 1000, FLOAT_SCORE)
    }
    view = PageView(
        "toy: toy + big",
        GRAPH,
        HARDWARE,
        found,
        picks,
        {"slow": "max-drop: the best plan loses 8.00"},
        FLOAT_SCORE,
        max_drop,
        1000,
        rows,
        text.getvalue().encode(),
        {"stats": StageRecord("autosplit stats", "autosplit 9", {"model": "ab" * 32}, {})},
    )
    return replace(view, **change)


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window, as the system has it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no chromium with chromedriver: apt-get install chromium chromium-driver")
    selenium = pytest.importorskip("selenium.webdriver")
    options = selenium.ChromeOptions()
    options.binary_location = program
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = selenium.ChromeService(driver)
    found = selenium.Chrome(options=options, service=service)
    yield found
    found.quit()


def open_page(browser, path, width):
    """Open a page at a width, wait for its script, and give what the console says of errors."""
    browser.get_log("browser")
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(path.as_uri())
    browser.set_script_timeout(60)
    browser.execute_async_script(
        "const done = arguments[0];"
        "const look = () => document.body.dataset.ready ? done() : setTimeout(look, 20);"
        "look();"
    )
    return [line for line in browser.get_log("browser") if line["level"] not in ("INFO", "DEBUG")]
