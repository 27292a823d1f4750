"""Every input of a source goes through both halves, and the table has a row for each."""

import csv
import re
from types import SimpleNamespace

import numpy as np
import pytest

from autosplit.deploy.audit import Audit
from autosplit.deploy.connection import Connection
from autosplit.deploy.infer import infer_sources, promised_lines
from autosplit.errors import DataError, OptionError


def test_each_input_has_a_line_and_a_row(small, bundle, address, tmp_path):
    np.save(tmp_path / "x.npy", small.images.numpy()[:3])
    out = tmp_path / "answers.csv"

    lines = list(
        infer_sources(bundle, tmp_path / "x.npy", Connection(f"http://{address}"), "split", out)
    )

    assert len(lines) == 4
    assert lines[-1].startswith("3 answers of split, medians: edge ")
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["plan"] for row in rows] == ["split"] * 3
    assert {row["answer"] for row in rows} <= set("abcde")
    total = sum(float(rows[0][key]) for key in ("edge_ms", "coding_ms", "link_ms", "cloud_ms"))
    assert abs(total - float(rows[0]["total_ms"])) < 1e-6


def test_rows_are_in_the_table_before_the_next_input_is_answered(small, bundle, tmp_path):
    np.save(tmp_path / "x.npy", small.images.numpy()[:3])
    out, nowhere = tmp_path / "new" / "answers.csv", Connection("http://127.0.0.1:9")

    lines = infer_sources(bundle, tmp_path / "x.npy", nowhere, "edge", out)
    counts = [out.read_text().count("\n") for _, _ in zip(range(3), lines, strict=False)]

    assert counts == [2, 3, 4]  # with the header


def test_a_run_that_ends_with_an_error_keeps_its_rows(small, bundle, tmp_path):
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "a.npy", small.images.numpy()[:2])
    np.save(tmp_path / "in" / "b.npy", np.zeros((1, 3, 9, 9), np.float32))
    out, nowhere = tmp_path / "answers.csv", Connection("http://127.0.0.1:9")

    with pytest.raises(DataError):
        list(infer_sources(bundle, tmp_path / "in", nowhere, "edge", out, ahead=False))

    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["source"] for row in rows] == [str(tmp_path / "in" / "a.npy")] * 2


def test_the_plan_that_is_fastest_is_named_with_its_answers(small, bundle, tmp_path):
    np.save(tmp_path / "x.npy", small.images.numpy()[:2])
    nowhere = Connection("http://127.0.0.1:9")

    *_, last, why = infer_sources(bundle, tmp_path / "x.npy", nowhere, "auto", None, 5.0)

    assert last.startswith("2 answers of edge, medians: edge ")
    told = r"inputs that the server did not answer: [12]; the last: http://127\.0\.0\.1:9: must "
    assert re.match(told, why)


@pytest.mark.parametrize(
    ("plan", "asked", "words"),
    [
        ("split", {"deadline_s": 1.0}, "--deadline: needs --plan auto or an escalation"),
        ("split", {"audit": Audit(0.1)}, "--audit: needs a plan that is an escalation"),
        ("auto", {"audit": Audit(0.1)}, "--audit: needs a plan that is an escalation"),
    ],
)
def test_what_a_plan_has_no_use_for_is_refused(bundle, tmp_path, plan, asked, words):
    np.save(tmp_path / "x.npy", np.zeros((1, 3, 8, 8), np.float32))
    nowhere = Connection("http://127.0.0.1:9")
    with pytest.raises(OptionError, match=words):
        list(infer_sources(bundle, tmp_path / "x.npy", nowhere, plan, None, **asked))


def test_what_was_promised_is_told_beside_what_was_measured():
    promised = {
        "edge_share": 0.5,
        "sent_bytes": 1000.5,
        "links": {"lte": {"edge_ms": 1.0, "link_ms": 2.0, "cloud_ms": 0.25}},
    }
    rows = [
        {"sent_bytes": 0, "total_ms": 1.0},
        {"sent_bytes": 3000, "total_ms": 5.0},
        {"sent_bytes": 0, "total_ms": 3.0},
    ]

    first, second = promised_lines(SimpleNamespace(predicted=promised), rows)
    assert first == (
        "answered on the edge: promised 50.00 %, measured 66.67 %; bytes of a sample: promised "
        "1,000.5, measured 1,000.0"
    )
    assert second == "mean ms: promised over lte 3.25, measured here 3.00"
