"""Every input of a source goes through both halves, and the table has a row for each."""

import csv

import numpy as np

from autosplit.deploy.connection import Connection
from autosplit.deploy.infer import infer_sources


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


def test_the_plan_that_is_fastest_is_named_with_its_answers(small, bundle, tmp_path):
    np.save(tmp_path / "x.npy", small.images.numpy()[:2])
    nowhere = Connection("http://127.0.0.1:9")

    *_, last = infer_sources(bundle, tmp_path / "x.npy", nowhere, "auto", None, 5.0)

    assert last.startswith("2 answers of edge, medians: edge ")
