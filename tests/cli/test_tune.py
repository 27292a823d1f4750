from autosplit.cli.app import main


def test_a_wrong_option_is_one_clear_line(capsys):
    assert main(["tune", "nowhere", "--epochs", "0"]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert "epochs: must be a whole number from 1 to 10000, got '0'" in line


def test_a_run_folder_without_a_run_says_what_to_do(capsys, tmp_path):
    assert main(["tune", str(tmp_path / "none")]) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert "run: autosplit stats" in line
