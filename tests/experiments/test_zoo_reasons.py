"""The reasons that ``experiments/zoo.py`` names for noise, on networks whose noise is known."""

import json
import math
import re
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "experiments"))
zoo = pytest.importorskip("zoo")


class Offset(torch.nn.Module):
    """Its middle tensor is a thousand times the answer."""

    def forward(self, x):
        return (x.sigmoid() + 1000).sub(torch.full_like(x, 1000))


class Uneven(torch.nn.Module):
    """Its middle tensor has a row of the size 0.01, which is the answer, and one of the size 1."""

    def forward(self, x):
        return torch.stack([0.01 * x.tanh(), x.sigmoid()], 1)[:, 0]


def found_reason(network):
    x = torch.randn(4, 50, generator=torch.Generator().manual_seed(0))
    program = zoo.capture(network, x)
    return zoo._reason(program, (x,), program.run((x,)))


def test_a_network_that_subtracts_large_numbers_amplifies_noise():
    """Noise 40 dB below 1000 is 10 beside an answer of about 0.5: -26 dB, by row as well."""
    found = found_reason(Offset())

    assert zoo.AMPLIFIES in found
    assert re.search(r"each tensor gives -2\d\.\d dB, below each row -2\d\.\d$", found)


def test_a_small_row_in_the_grid_of_a_large_one_is_the_reason():
    """Below the tensor's size of 0.4, noise is at 0.004 beside an answer of about 0.006."""
    found = found_reason(Uneven())

    assert zoo.UNEVEN in found
    even, by_row = map(float, re.findall(r"(-?\d+\.\d)(?: dB|$)", found))
    assert even < 10 < 33 < by_row < 40


def test_a_network_that_keeps_noise_as_it_is_has_no_reason():
    """The noises of input, weight and output add to 3 times that of one: 35 dB."""
    assert found_reason(torch.nn.Linear(50, 50)) == ""


def test_rows_of_the_table_are_taken_where_nothing_newer_is_kept(tmp_path):
    row = zoo.Row("net", "task", 1.5, 0.0, None, 1.0, 0.5, "why", 24.5, "sqnr, low", "code1")
    newer = zoo.Row("other", "task", result="right", code="12345678")
    table, kept = tmp_path / "zoo.csv", tmp_path / "kept"
    lines = [asdict(one) for one in (row, newer)]
    zoo.write_csv(table, zoo.HEADER, lines)
    kept.mkdir()
    (kept / "12345678.jsonl").write_text(json.dumps(asdict(newer) | {"task": "new"}) + "\n")

    found = zoo.older_rows(kept, table)

    assert found == {"net": row, "other": replace(newer, task="new")}


def test_an_answer_that_is_no_number_is_the_worst_of_them():
    one, broken = torch.ones(3), torch.tensor([1.0, torch.nan, 1.0])

    found = zoo._ratio((one, broken), (one, one), None)

    assert math.isnan(found)
    assert "sqnr nan dB < 25" in zoo._verdict(zoo.Row("n", "t", 0, 0, 0, sqnr_w8a8_db=found), [])


RIGHT = [zoo.Row("n", "t", result="right")] * 115


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (RIGHT, ""),
        (RIGHT[1:], "zoo: at least 115 networks must be right, got 114"),
        ([*RIGHT, zoo.Row("odd", "t", result="sqnr 3.0 dB < 25")], "must have a reason, got odd"),
        ([*RIGHT, zoo.Row("a", "t", result="CaptureError: a: keeps state")], ""),
        ([*RIGHT, zoo.Row("b", "t", result=f"sqnr 3.0 dB < 25: {zoo.AMPLIFIES}, noise")], ""),
        ([*RIGHT, zoo.Row("c", "t", result="TypeError: c")], "must have a reason, got c"),
    ],
)
def test_the_zoo_fails_where_too_few_are_right_or_one_has_no_reason(rows, text):
    assert zoo.failure(rows).endswith(text)
    assert bool(zoo.failure(rows)) == bool(text)


def test_the_table_has_every_network_and_fails_in_nothing(tmp_path):
    rows = zoo.older_rows(tmp_path, ROOT / "results" / "zoo.csv")

    assert {*rows} == {exhibit.name for exhibit in zoo.exhibits()}
    assert len(rows) >= 120
    assert len({row.code for row in rows.values()}) == 1
    assert zoo.failure([*rows.values()]) == ""
