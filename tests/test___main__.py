"""``python -m autosplit`` is the command line."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import autosplit
from autosplit.cli import app

FILE = str(Path(autosplit.__file__).with_name("__main__.py"))


def test_the_module_runs_the_command_line_with_its_arguments(monkeypatch):
    called = []
    monkeypatch.setattr(app, "entry", lambda: called.append("entry"))
    runpy.run_path(FILE, run_name="__main__")

    assert called == ["entry"]


def test_python_takes_the_package_as_a_program():
    line = [sys.executable, "-m", "autosplit", "--help"]

    assert (
        "Usage: autosplit" in subprocess.run(line, check=True, capture_output=True).stdout.decode()
    )


def test_an_import_of_the_module_runs_nothing(monkeypatch):
    monkeypatch.setattr(app, "entry", lambda: pytest.fail("the command line was started"))
    runpy.run_path(FILE, run_name="autosplit.__main__")
