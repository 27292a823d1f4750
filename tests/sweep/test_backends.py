"""Where the searches of a sweep are done: errors in one line, the same bytes everywhere."""

import json
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import pytest
from sweeps import run

from autosplit.cli.app import main
from autosplit.errors import MissingExtraError
from autosplit.sweep import backends
from autosplit.sweep.backends import Where
from autosplit.sweep.file import SweepError


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--backend", "dask"], "scheduler: must be given with backend dask"),
        (["--scheduler", "tcp://x:1"], "scheduler: must be given with backend dask"),
    ],
)
def test_a_wrong_command_is_one_line(place, capsys, arguments, text):
    assert main(["sweep", "tiny.yaml", "--out", ".", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert text in line


def test_without_dask_the_command_that_brings_it_is_named(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'autosplit\[dask\]'"):
        run(place, Where("dask", scheduler="tcp://127.0.0.1:1"))


SLOW = """\
import time
from autosplit.search.methods import METHODS

def all_but_the_first_hang(search):
    calls = []

    def method(problem):
        calls.append(problem)
        if len(calls) > 1:
            time.sleep(600)
        return search(problem)

    return method

METHODS["uniform4"] = all_but_the_first_hang(METHODS["uniform4"])
"""


@contextmanager
def cluster(folder, workers, *options):
    """A dask scheduler and its workers, as processes; gives the address and the scheduler."""
    file = folder / "scheduler.json"
    program = [sys.executable, "-m"]
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    command = [*program, "distributed.cli.dask_scheduler", *common, "--host", "127.0.0.1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    processes = [subprocess.Popen([*command, "--port", "0"], **quiet)]
    one = [*program, "distributed.cli.dask_worker", *common, "--nthreads", "1", "--no-nanny"]
    one += ["--death-timeout", "60"]
    try:
        processes += [subprocess.Popen([*one, *options], **quiet) for _ in range(workers)]
        deadline = time.monotonic() + 90
        address = None
        while address is None and time.monotonic() < deadline:
            with suppress(OSError, ValueError):
                address = json.loads(file.read_text())["address"]
            time.sleep(0.1)
        yield address, processes[0]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_cluster_of_two_workers_gives_the_same_bytes(place):
    one = run(place).table.read_bytes()
    shutil.rmtree(place / "tiny" / "jobs")

    with cluster(place, 2) as (address, _):
        assert run(place, Where("dask", scheduler=address)).table.read_bytes() == one


def test_what_finished_before_the_scheduler_died_is_kept(place):
    (place / "slow.py").write_text(SLOW)
    with cluster(place, 1, "--preload", "slow.py") as (address, scheduler):

        @contextmanager
        def kill_after_the_first(what, total):
            yield lambda count: scheduler.kill()

        with pytest.raises(SweepError) as error:
            run(place, Where("dask", scheduler=address), progress=kill_after_the_first)

    assert str(error.value) == (
        f"{address}: the scheduler went away; what is done is kept, run the same command again"
    )
    assert len(list((place / "tiny" / "jobs").iterdir())) == 1
    assert "4 searches, 1 of them done before" in run(place).text


def test_a_scheduler_that_is_not_there_is_one_line(place, monkeypatch, capsys):
    monkeypatch.setattr(backends, "CONNECT_S", 0.5)
    arguments = ["--backend", "dask", "--scheduler", "tcp://127.0.0.1:9"]
    assert main(["sweep", "tiny.yaml", "--out", ".", *arguments]) == 1
    assert capsys.readouterr().err == (
        "autosplit: error: tcp://127.0.0.1:9: must be a dask scheduler, none answers\n"
    )


def test_a_scheduler_without_workers_is_one_line(place, monkeypatch):
    monkeypatch.setattr(backends, "WORKERS_S", 0.5)
    with (
        cluster(place, 0) as (address, _),
        pytest.raises(SweepError, match=r"must have a worker within 0.5 seconds, has none"),
    ):
        run(place, Where("dask", scheduler=address))
