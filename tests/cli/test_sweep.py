"""The command ``sweep`` is one library call."""

import pytest

from autosplit.cli.app import main
from autosplit.sweep.backends import Where


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sweep a.yaml", ("sweep", "a.yaml", "results", Where(), False, False)),
        (
            "sweep a.yaml --jobs 3 --out o --force",
            ("sweep", "a.yaml", "o", Where(jobs=3), True, False),
        ),
        ("sweep a.yaml --trust", ("sweep", "a.yaml", "results", Where(), False, True)),
        (
            "sweep a.yaml --backend dask --scheduler tcp://h:1",
            ("sweep", "a.yaml", "results", Where("dask", scheduler="tcp://h:1"), False, False),
        ),
    ],
)
def test_a_command_line_is_one_library_call(calls, capsys, line, expected):
    assert main(line.split()) == 0

    assert calls == [expected]
    out, err = capsys.readouterr()
    assert out == "table:  t.csv\n"
    assert err.startswith("swept; ")
