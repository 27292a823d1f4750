"""The command ``profiles``."""

from autosplit.cli.app import main


def test_each_profile_is_one_line_with_its_source(capsys):
    assert main(["profiles"]) == 0

    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines]
    assert {"devices", "links", "eyeriss", "tpu_v1", "3mbps", "lte", "wifi"} <= set(names)
    assert names.index("eyeriss") < names.index("links") < names.index("lte")
    assert all(len(line) <= 110 for line in lines)
    assert all(len(line.split()) > 4 for line in lines if line.startswith("  "))
