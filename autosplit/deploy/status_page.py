"""The page that a server shows to a person: which plans answer, how often, how fast, how large."""

from __future__ import annotations

import time
from html import escape

from autosplit import __version__
from autosplit.deploy.server_metrics import ServerMetrics

REFRESH_S = 2
"""Seconds after which a browser asks again."""
_COLUMNS = "plan requests samples median p95 sent received last".split()
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="{refresh}">
<title>{title}</title><link rel="icon" href="data:,">
<style>body{{font-family:sans-serif;margin:2em}}td,th{{padding:.3em 1em;text-align:right}}
td:first-child,th:first-child{{text-align:left}}</style></head><body>
<h1>{title}</h1>
<table id="plans"><thead><tr>{heads}</tr></thead><tbody>
{rows}
</tbody></table>
<p id="refused">{refused}</p>
<p>autosplit {version}; <a href="/metrics">metrics</a></p>
</body></html>
"""


def status_page(network: str, metrics: ServerMetrics) -> str:
    """The page as HTML, without scripts; every name in it is escaped.

    Args:
        network: The network that is served.
        metrics: What was counted.
    """
    rows = []
    for plan, one in metrics.plans.items():
        count = sum(one.requests.values())
        cells = (
            plan,
            f"{count:,}",
            f"{one.samples:,}",
            f"{1e3 * one.median_s:.2f} ms",
            f"{1e3 * one.p95_s:.2f} ms",
            f"{one.response_bytes / count:,.0f} bytes",
            f"{one.request_bytes / count:,.0f} bytes",
            f"{time.monotonic() - one.last:.0f} s ago",
        )
        rows.append(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
    refused = ", ".join(
        f"{count:,} over {escape(protocol)} with {escape(status)}"
        for (protocol, status), count in sorted(metrics.refused.items())
    )
    return _PAGE.format(
        refresh=REFRESH_S,
        title=f"{escape(network)}: plans that answer here",
        heads="".join(f"<th>{name}</th>" for name in _COLUMNS),
        rows="\n".join(rows) or '<tr><td colspan="8">no request yet</td></tr>',
        refused=f"refused: {refused}" if refused else "no request was refused",
        version=__version__,
    )
