"""What ``autosplit infer`` does: every input of a source through both halves, with its times."""

from __future__ import annotations

import csv
import statistics
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autosplit.deploy.adaptive import AdaptiveClient
from autosplit.deploy.ahead import infer_ahead
from autosplit.deploy.audit import Audit
from autosplit.deploy.client import Answer, EdgeClient
from autosplit.deploy.connection import Connection
from autosplit.deploy.escalate import EscalationClient, SureAnswer
from autosplit.deploy.extras import need
from autosplit.deploy.manifest import BundledPlan, read_manifest
from autosplit.deploy.sources import list_sources, read_source
from autosplit.deploy.tensor_bytes import TensorValue
from autosplit.errors import FileError, OptionError
from autosplit.files import write_csv

_HEADER = (
    "source",
    "plan",
    "answer",
    "edge_ms",
    "coding_ms",
    "sent_bytes",
    "link_ms",
    "cloud_ms",
    "own_ms",
    "total_ms",
    "confidence",
)


AUTO = "auto"
"""Stands for whichever plan of a bundle is the fastest."""


def infer_sources(
    bundle: Path,
    source: Path,
    server: Connection,
    plan: str | None,
    out: Path | None,
    deadline_s: float | None = None,
    audit: Audit | None = None,
    *,
    ahead: bool = True,
) -> Iterator[str]:
    """Run every input of a source.

    Args:
        bundle: The bundle.
        source: A picture, an array, or a folder of such.
        server: The server.
        plan: Name of the plan; None: the first one; ``auto``: whichever is the fastest.
        out: Where the table is written, each row before the next input is answered; None: nowhere.
        deadline_s: Of ``auto``, and of an escalation: seconds after which the edge answers in place
            of the server.
        audit: Of an escalation: which confident answers are checked in the cloud.
        ahead: Whether the edge half of the next input runs while the last one is on the wire.

    Yields:
        A line for each input, then the medians; of an escalation what was promised beside what was
        measured, and what the audit found.

    Raises:
        FileError: The bundle is not as it was exported, or has no such plan.
            The table cannot be written.
        DataError: An input cannot be used.
        ServerError: The server cannot be reached, or refuses.
        StageError: A library that is needed is missing.
        OptionError: The plan has no use for a deadline or an audit.
    """
    need("edge", "onnxruntime")
    paths = list_sources(source)
    rows: list[dict[str, Any]] = []
    opened = _client(bundle, server, plan, deadline_s, audit)
    begun: deque[Path] = deque()
    with opened:
        start, samples = time.perf_counter(), _samples(paths, opened, begun)
        answers = infer_ahead(opened, samples) if ahead else map(opened.infer, samples)
        for answer in answers:
            rows.append(_row(begun.popleft(), answer, opened.manifest.labels))
            if out is not None:
                _write(out, rows)
            yield _line(rows[-1])
        pace = len(rows) / (time.perf_counter() - start)
    yield f"{_summary(rows)}; {pace:.1f} answers a second"
    if isinstance(opened, EscalationClient):
        yield from promised_lines(opened.chosen, rows)
        yield str(opened.audit)
    if isinstance(opened, AdaptiveClient | EscalationClient) and opened.fallbacks:
        count = opened.fallbacks
        yield f"inputs that the server did not answer: {count}; the last: {opened.reason}"


def _write(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the last of the rows into the table; the first one begins it.

    Raises:
        FileError: It cannot be written there.
    """
    if len(rows) == 1:
        write_csv(out, _HEADER, rows)
        return
    try:
        with out.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, _HEADER, lineterminator="\n").writerow(rows[-1])
    except OSError as error:
        raise FileError(f"{out}: must be a place to write to, {error.strerror or error}") from error


def _samples(
    paths: Sequence[Path], client: EdgeClient | AdaptiveClient, begun: deque[Path]
) -> Iterator[dict[str, TensorValue]]:
    """Inputs of files one by one; the file of each is added to ``begun``."""
    for path in paths:
        for inputs in read_source(path, client.manifest, client.chosen):
            begun.append(path)
            yield inputs


def _client(
    bundle: Path,
    server: Connection,
    plan: str | None,
    deadline_s: float | None,
    audit: Audit | None,
) -> EdgeClient | AdaptiveClient:
    """What runs the plan that is asked for.

    Raises:
        OptionError: The plan has no use for a deadline or an audit.
    """
    rule = None if plan == AUTO else read_manifest(bundle, check=False).plan(plan).rule
    if audit is not None and rule is None:
        raise OptionError("--audit: needs a plan that is an escalation, whose answers it checks")
    if plan == AUTO:
        return AdaptiveClient(bundle, server, deadline_s)
    if rule is not None:
        client = EscalationClient(bundle, server, plan, audit=audit or Audit())
        client.timeout_s = client.timeout_s if deadline_s is None else deadline_s
        return client
    if deadline_s is not None:
        raise OptionError(
            "--deadline: needs --plan auto or an escalation, which have an answer of the edge"
        )
    return EdgeClient(bundle, server, plan)


def promised_lines(plan: BundledPlan, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What was promised of an escalation beside what was measured.

    Args:
        plan: The escalation.
        rows: Of the table, one for each sample.
    """
    count = len(rows)
    kept = sum(not row["sent_bytes"] for row in rows) / count
    sent = sum(row["sent_bytes"] for row in rows) / count
    total = sum(row["total_ms"] for row in rows) / count
    promised = plan.predicted
    yield (
        f"answered on the edge: promised {100 * promised['edge_share']:.2f} %, measured "
        f"{100 * kept:.2f} %; bytes of a sample: promised {promised['sent_bytes']:,.1f}, measured "
        f"{sent:,.1f}"
    )
    for link, parts in promised["links"].items():
        yield (
            f"mean ms: promised over {link} {sum(parts.values()):,.2f}, measured here {total:,.2f}"
        )


def _row(path: Path, answer: Answer, labels: tuple[str, ...]) -> dict[str, Any]:
    best = int(np.argmax(answer.outputs["output:0"].reshape(-1)))
    return {
        "source": str(path),
        "plan": answer.plan,
        "answer": labels[best] if best < len(labels) else best,
        "edge_ms": 1e3 * answer.edge_s,
        "coding_ms": 1e3 * answer.coding_s,
        "sent_bytes": answer.sent_bytes,
        "link_ms": 1e3 * answer.link_s,
        "cloud_ms": 1e3 * answer.server_s,
        "own_ms": 1e3 * answer.own_s,
        "total_ms": 1e3 * answer.total_s,
        "confidence": answer.confidences[0] if isinstance(answer, SureAnswer) else "",
    }


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['source']}: {row['answer']}  edge {row['edge_ms']:.2f} ms, coding "
        f"{row['coding_ms']:.2f} ms, {row['sent_bytes']:,} bytes, link "
        f"{row['link_ms']:.2f} ms, cloud {row['cloud_ms']:.2f} ms, total {row['total_ms']:.2f} ms"
    )


def _summary(rows: list[dict[str, Any]]) -> str:
    middle = {
        key: statistics.median(row[key] for row in rows) for key in _HEADER if key.endswith("_ms")
    }
    counts = Counter(row["plan"] for row in rows)
    one = len(counts) == 1
    plans = ", ".join(name if one else f"{name} ({count})" for name, count in counts.items())
    return (
        f"{len(rows)} answers of {plans}, medians: edge {middle['edge_ms']:.2f} ms, "
        f"coding {middle['coding_ms']:.2f} ms, link {middle['link_ms']:.2f} ms, cloud "
        f"{middle['cloud_ms']:.2f} ms, total {middle['total_ms']:.2f} ms"
    )
