"""``python -m autosplit`` is the command line."""

import runpy

import pytest

from autosplit.cli import app


def test_the_module_runs_the_command_line_with_its_arguments(monkeypatch):
    called = []
    monkeypatch.setattr(app, "entry", lambda: called.append("entry"))
    runpy.run_module("autosplit", run_name="__main__")

    assert called == ["entry"]


def test_an_import_of_the_module_runs_nothing(monkeypatch):
    monkeypatch.setattr(app, "entry", lambda: pytest.fail("the command line was started"))
    runpy.run_module("autosplit.__main__", run_name="autosplit.__main__")
