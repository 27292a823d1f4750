from autosplit.cli.app import main


def test_a_wrong_option_is_one_clear_line(capsys):
    assert main(["train", "--epochs", "0"]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert "epochs: must be a whole number from 1 to 10000, got '0'" in line


def test_help_names_what_is_trained(capsys):
    assert main(["train", "--help"]) == 0

    assert "from scratch or from its weights" in capsys.readouterr().out
