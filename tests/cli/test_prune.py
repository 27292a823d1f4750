import pytest

from autosplit.cli.app import main


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([], "one of --ratio, --target-macs and --target-latency must be given, got 0"),
        (["--ratio", "0.5", "--target-macs", "1"], "must be given, got 2"),
        (["--ratio", "1.5"], "ratio: must be a number from 0 to 1, got '1.5'"),
        (["--ratio", "0.5", "--score", "l3"], "score: must be"),
        (["--ratio", "0.5", "--model", "fashon-resnet"], "did you mean 'fashion-resnet'?"),
    ],
)
def test_a_wrong_command_line_is_one_clear_line(capsys, tmp_path, given, text):
    assert main(["prune", *given, "--out", str(tmp_path / "v")]) in (1, 2)

    (line,) = capsys.readouterr().err.splitlines()
    assert text in line


def test_it_prints_what_was_pruned(capsys, tmp_path):
    words = "prune --model fashion-resnet --data fashion-mnist --calibration-images 32 --images 32"
    out = tmp_path / "v"

    assert main([*words.split(), "--ratio", "0.1", "--score", "fpgm", "--out", str(out)]) == 0

    printed = capsys.readouterr().out
    assert "units pruned, in 8 groups" in printed
    assert f"variant:  {out / 'network.pt2'}" in printed
