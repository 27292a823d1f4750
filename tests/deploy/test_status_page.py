"""The page names the plans that answer, with their requests, milliseconds and bytes."""

from xml.etree import ElementTree as ET

from autosplit.deploy.server_metrics import AnsweredRequest, ServerMetrics
from autosplit.deploy.status_page import status_page


def cells(page):
    """Cells of the rows of the table of plans; the page is well-formed but for void elements."""
    body = page[page.index("<tbody>") : page.index("</tbody>") + len("</tbody>")]
    return [[cell.text for cell in row] for row in ET.fromstring(body)]


def test_each_plan_has_a_row():
    metrics = ServerMetrics()
    for server_s in (0.001, 0.003, 0.005):
        metrics.answered(AnsweredRequest("http", "split", 2, 1000, 50, server_s, 0.001))
    metrics.answered(AnsweredRequest("grpc", "raw", 1, 4000, 40, 0.02, 0.01))

    split, raw = cells(status_page("net", metrics))

    assert split[:-1] == ["split", "3", "6", "3.00 ms", "5.00 ms", "50 bytes", "1,000 bytes"]
    assert raw[:4] == ["raw", "1", "1", "20.00 ms"]
    assert split[-1].endswith(" s ago")


def test_names_from_outside_are_no_html():
    metrics = ServerMetrics()
    metrics.answered(AnsweredRequest("http", "<b>", 1, 1, 1, 0.1, 0.1))
    metrics.refuse("<i>", "<u>", "x")
    page = status_page("<script>", metrics)

    assert cells(page)[0][0] == "<b>"
    assert not any(word in page for word in ("<b>", "<i>", "<u>", "<script>"))
    assert "1 over &lt;i&gt; with &lt;u&gt;" in page


def test_a_new_server_says_so():
    page = status_page("net", ServerMetrics())
    assert cells(page) == [["no request yet"]]
    assert "no request was refused" in page
