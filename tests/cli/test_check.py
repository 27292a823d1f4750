"""The command ``check``: exit status, table, JUnit XML and baseline of a real tiny run."""

import json

from autosplit.cli.app import main

FILE = """\
schema: autosplit/check/1
run: {{model: "net.py:net", data: "data.py:data", edge: toy.yaml, links: "1mbps,20kbps"}}
checks:
  - {{value: edge_memory_bytes, at_most: {most}}}
"""


def test_checks_hold_move_and_fail(tiny, capsys):
    (tiny.place / "ci.yaml").write_text(FILE.format(most=100000))
    line = ["check", "ci.yaml", "--run", str(tiny.run), "--baseline", "b.json"]

    assert main([*line, "--update", "--junit", "j.xml"]) == 0

    assert "check: 2 of 2 hold" in capsys.readouterr().out
    assert "<testsuite " in (tiny.place / "j.xml").read_text()
    values = json.loads((tiny.place / "b.json").read_text())["values"]
    assert sorted(values) == ["1mbps pick edge_memory_bytes", "20kbps pick edge_memory_bytes"]

    (tiny.place / "ci.yaml").write_text(FILE.format(most=-1))
    assert main(line) == 1
    out = capsys.readouterr().out
    assert "check: 0 of 2 hold" in out
    assert "moved" in out


def test_a_baseline_must_exist_and_update_needs_one(tiny, capsys):
    (tiny.place / "ci.yaml").write_text(FILE.format(most=1))

    assert main(["check", "ci.yaml", "--update"]) == 2
    assert main(["check", "ci.yaml", "--baseline", "none.json"]) == 2

    err = capsys.readouterr().err.splitlines()
    assert err[0].endswith("--update: needs --baseline FILE, the file to store the values in")
    assert err[1].endswith("--baseline: none.json must exist; make it with --update")
