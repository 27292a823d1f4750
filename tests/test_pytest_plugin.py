"""The fixture that a person's suite tests plans with."""

import autosplit
from autosplit.pytest_plugin import autosplit_run

__all__ = ["autosplit_run"]


def test_the_same_options_are_run_once(autosplit_run, monkeypatch):
    asked = []

    def run(*, out, **options):
        asked.append((out.name, options))
        return object()

    monkeypatch.setattr(autosplit, "run", run, raising=False)

    first, again = autosplit_run(model="a"), autosplit_run(model="a")
    other = autosplit_run(model="b")

    assert first is again
    assert other is not first
    assert asked == [("run", {"model": "a"}), ("run", {"model": "b"})]
