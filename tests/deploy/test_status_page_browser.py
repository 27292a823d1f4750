"""A browser shows the page of a running server, and follows its counts without a script."""

import time

from pages import browser  # noqa: F401 - a fixture
from served import serving

from autosplit.deploy.client import EdgeClient
from autosplit.deploy.credentials import Credentials
from autosplit.deploy.status_page import REFRESH_S

CELLS = """return [...document.querySelectorAll('#plans tbody tr')].map(
    row => [...row.cells].map(cell => cell.innerText))"""
REFUSED = "return document.getElementById('refused').innerText"


def shown(browser):  # noqa: F811
    """Plan -> the cells of its row."""
    return {cells[0]: cells[1:] for cells in browser.execute_script(CELLS)}


def test_a_browser_shows_each_plan_and_counts_on(small, bundle, address, browser):  # noqa: F811
    images = small.images.numpy()[:1]
    with EdgeClient(bundle, f"http://{address}", "raw") as client:
        client.infer({"x": images})
        browser.get(f"http://{address}/")
        assert browser.title == "small: plans that answer here"
        first = int(shown(browser)["raw"][0].replace(",", ""))
        assert first >= 1
        assert [cell.split()[-1] for cell in shown(browser)["raw"][2:4]] == ["ms", "ms"]
        assert "refused" in browser.execute_script(REFUSED)
        client.infer({"x": images})
    for _ in range(100 * REFRESH_S):
        if int(shown(browser).get("raw", ["0"])[0].replace(",", "")) > first:
            break
        time.sleep(0.1)
    assert int(shown(browser)["raw"][0].replace(",", "")) > first
    errors = [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert [line for line in errors if "favicon" not in line["message"]] == []


def test_a_browser_shows_the_page_of_a_server_with_a_token(bundle, browser):  # noqa: F811
    token = "0123456789abcdef"
    with serving(bundle, Credentials(token=token)) as address:
        browser.get(f"http://any:{token}@{address}/")
        assert browser.title == "small: plans that answer here"
        browser.find_element("link text", "metrics").click()
        assert "autosplit_requests_total" in browser.page_source
