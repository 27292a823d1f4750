"""The page in one file: it asks for nothing, is the same every time, and works in a browser."""

import base64
import re

import pytest
from pages import browser, open_page, page_view

from autosplit.report.page.page import html_page

__all__ = ["browser"]


def test_the_page_asks_no_network_is_small_and_the_same_every_time():
    page = html_page(page_view())

    assert page == html_page(page_view())
    assert len(page) < 3_000_000
    tags = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert [one for one in re.findall(r'(?:src|href)="?([^ >]*)', tags) if one[:5] != "data:"] == []
    assert "<link" not in tags
    assert re.findall(r"<script[^>]*src", page) == []


def test_the_table_that_the_page_carries_is_the_file():
    view = page_view()

    (data,) = re.findall(r'href="data:text/csv;base64,([^"]*)"', html_page(view))

    assert base64.b64decode(data) == view.summary_csv


def test_names_end_no_script_and_no_tag():
    page = html_page(page_view(name="</script><b>p", title="<i>t"))

    assert "</script><b>p" not in page
    assert "<i>t" not in page


@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_in_a_browser_without_an_error_and_is_no_wider(browser, tmp_path, width):
    path = tmp_path / "page.html"
    path.write_text(html_page(page_view(name="</script><b>p")))

    assert open_page(browser, path, width) == []

    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    drawn = "return [...document.querySelectorAll('.plot')].every((p) => p.children.length === 1)"
    assert browser.execute_script(drawn)


def test_the_mouse_shows_a_plan_and_boxes_take_plans_away(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(html_page(page_view()))
    assert open_page(browser, path, 1280) == []
    place = browser.execute_script(
        "const view = Object.values(Bokeh.index.roots ? Bokeh.index.roots : Bokeh.index)[0];"
        "const frame = view.frame, box = view.el.getBoundingClientRect();"
        "window.scrollTo(0, box.top - 100);"
        "const data = Bokeh.documents[0].get_model_by_name('plans 3mbps').data;"
        "const now = view.el.getBoundingClientRect();"
        "return [now.left + frame.x_scale.compute(data.x[1]),"
        " now.top + frame.y_scale.compute(data.y[1])];"
    )
    for step in (3, 0):
        move = {"type": "mouseMoved", "x": place[0] + step, "y": place[1] + step}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", move)
    browser.set_script_timeout(10)
    text = browser.execute_async_script(
        "const done = arguments[0], end = Date.now() + 8000;"
        "const texts = (node) => [...node.querySelectorAll('*')].map((one) =>"
        " (one.shadowRoot ? texts(one.shadowRoot) + one.shadowRoot.textContent : '')).join(' ');"
        "const look = () => { const found = texts(document);"
        " found.includes('points lost') || Date.now() > end ? done(found) : setTimeout(look, 50) };"
        "look();"
    )
    assert "cloud16" in text
    assert "12.00 ms" in text

    browser.execute_script("document.querySelector('input.method[value=cloud16]').click()")
    shown = "return Bokeh.documents[0].get_model_by_name('plans 3mbps').data.name"
    assert list(browser.execute_script(shown)) == ["p"]
