"""A run folder from elsewhere runs no code that was never given here, until it is trusted."""

import shutil
from pathlib import Path

import pytest

from autosplit.cli.app import main
from autosplit.errors import StageError
from autosplit.runs.options import StatsOptions, plain
from autosplit.runs.stamps import Stamp, write_stamp
from autosplit.runs.trust import trusted_code, trusted_sweep


@pytest.fixture
def received(tmp_path, monkeypatch):
    """A run folder whose stamp names code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    options = StatsOptions(model="net.py:net", data="data.py:data")
    write_stamp(Path("run"), "stats", Stamp(plain(options), {}, {}))
    return Path("run")


def test_code_that_was_never_given_is_refused_in_one_line(received):
    with pytest.raises(StageError) as caught:
        trusted_code(received, {})

    assert str(caught.value) == (
        "run: names the Python code 'net.py' as its model, which was never given here; look at the "
        "file, then give --trust (or --model)"
    )


def test_each_part_must_be_given_or_trusted(received):
    with pytest.raises(StageError, match=r"'data\.py' as its data"):
        trusted_code(received, {"model": "net.py:net"})

    assert trusted_code(received, {}, trust=True) == (Path("net.py"), Path("data.py"))


@pytest.mark.parametrize("trust", [True, False])
def test_what_was_given_or_trusted_once_is_known(received, trust):
    given = {} if trust else {"model": "net.py:net", "data": "data.py:data"}
    trusted_code(received, given, trust=trust)

    assert trusted_code(received, {}) == (Path("net.py"), Path("data.py"))


def test_the_same_name_in_another_folder_is_other_code(received, tmp_path, monkeypatch):
    trusted_code(received, {}, trust=True)
    shutil.copytree(received, tmp_path / "other" / "run")
    monkeypatch.chdir(tmp_path / "other")

    with pytest.raises(StageError, match="never given here"):
        trusted_code(received, {})


def test_a_sweep_file_runs_code_that_was_given_or_is_trusted(received):
    networks = [{"model": "fashion-resnet", "seed": 3}, {"model": "net.py:net", "data": "demo"}]
    with pytest.raises(StageError, match=r"^a.yaml: names the Python code 'net\.py' as its model"):
        trusted_sweep(Path("a.yaml"), networks)
    trusted_code(None, {"model": "net.py:net"})

    assert trusted_sweep(Path("a.yaml"), networks) == (Path("net.py"),)
    with pytest.raises(StageError, match=r"'data\.py' as its data.*then give --trust$"):
        trusted_sweep(Path("a.yaml"), [*networks, {"model": "demo", "data": "data.py:data"}])
    trusted_sweep(Path("a.yaml"), [{"data": "data.py:data"}], trust=True)
    assert trusted_sweep(Path("a.yaml"), [{"data": "data.py:data"}]) == (Path("data.py"),)


def test_no_code_is_no_matter(received):
    assert trusted_code(None, {}) == ()
    assert trusted_code(Path("nothing"), {"seed": 3}) == ()
    assert trusted_code(received, {"model": "a.pt2", "data": "demo"}) == ()


def test_without_a_place_to_remember_it_is_asked_for_each_time(received, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/self/none")
    trusted_code(received, {}, trust=True)

    with pytest.raises(StageError, match="never given here"):
        trusted_code(received, {})


@pytest.mark.parametrize("command", ["quantize", "stats", "run", "detect --source . --out d"])
def test_no_command_runs_code_that_a_folder_brings(tiny, tmp_path, monkeypatch, capsys, command):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    bomb = "from pathlib import Path\nPath('exploded').write_text('')\n"
    for name in ("net.py", "data.py"):
        Path(name).write_text(bomb + Path(name).read_text())
    Path("a.png").write_text("")
    out = "--run" if "detect" in command else "--out"

    assert main([*command.split(), out, str(tiny.run)]) == 1

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "'net.py' as its model, which was never given here" in error
    assert not Path("exploded").exists()


def test_with_trust_it_runs_and_says_which_code(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    assert main(["quantize", "--trust", "--out", str(tiny.run)]) == 0
    assert capsys.readouterr().err == "quantize: runs the Python code of net.py and data.py\n"
    assert main(["quantize", "--out", str(tiny.run)]) == 0
