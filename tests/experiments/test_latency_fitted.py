"""What the tables of predicted and measured seconds tell, and that the page repeats it."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "experiments"))
fitted = pytest.importorskip("latency_fitted")
truth = pytest.importorskip("latency_truth")
PAGE = (ROOT / "docs" / "explanation" / "latency.md").read_text()


def row(network, bits, table, fit, rank):
    return {
        "network": network,
        "bits": bits,
        "table_ratio": table,
        "fitted_ratio": fit,
        "rank_correlation": rank,
    }


def test_errors_are_told_by_width_with_the_worst_network():
    rows = [
        row("resnet18", 8, "1.01", "0.8", "0.949"),
        row("scenes", 8, "0.98", "1.1", "0.95"),
        row("resnet18", 32, "1", "1", "0.99"),
    ]
    text = fitted.summary(rows)

    assert "table, 8 bits: 2 networks, error 1.5 % in the median, 2.0 % at most (scenes)" in text
    assert "fitted, 8 bits: 2 networks, error 15.0 % in the median, 20.0 % at most (res" in text
    assert "at least 0.95 in 1 of 2; below: resnet18 0.949\n" in text
    assert "at least 0.95 in 1 of 1\n" in text
    assert text.endswith("not measured: densenet121")


def halves(what, place, predicted, measured):
    ratio = f"{float(predicted) / float(measured)}"
    values = ("resnet18", what, place, predicted, measured, ratio)
    return dict(zip(truth.HEADER, values, strict=True))


def test_short_halves_are_told_apart_in_per_cent_and_milliseconds():
    rows = [halves("cloud", "001", "1.1", "1.0"), halves("cloud", "002", "0.2", "0.05")]
    text = truth.summary(rows)

    assert "1 rows, error 10.0 % in the median, 10.0 % and 0.10 ms at most" in text
    assert "; 1 more of less than 0.1 ms, 300 % and 0.15 ms off at most" in text


def test_the_best_cut_says_how_often_it_is_no_cut():
    rows = [
        halves("cloud", "000", "2", "2"),
        halves("edge", "001", "1", "1"),
        halves("best", "1mbps: 031 for 031", "5", "5"),
        halves("best", "3mbps: 000 for 031", "5", "5"),
        halves("best", "10mbps: 001 for 031", "5", "5"),
    ]
    assert "best: 3 rows" in truth.summary(rows)
    assert truth.summary(rows).endswith("; 2 have no cut inside the network, predicted or measured")


@pytest.mark.parametrize("script", [fitted, truth])
def test_the_page_prints_what_the_scripts_tell(script, monkeypatch, capsys):
    name = Path(script.__file__).stem
    table = f"results/{name}.csv"
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", [name, "--told", table])
    script.main()

    after = PAGE.partition(f"`python experiments/{name}.py --told {table}`")[2]
    assert after.partition("```text\n")[2].startswith(capsys.readouterr().out + "```")
