"""The command ``emit`` is one library call."""

import pytest

from autosplit.cli.app import main


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("emit", ("emit", "results/efficientnet_lite0", "pick", "native")),
        ("emit uniform8 --run r", ("emit", "r", "uniform8", "native")),
        ("emit --run r --format distiller", ("emit", "r", "pick", "distiller")),
    ],
)
def test_a_command_line_is_one_library_call(calls, capsys, line, expected):
    assert main(line.split()) == 0

    assert calls == [expected]
    assert capsys.readouterr().out == "a plan\n"
