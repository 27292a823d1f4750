"""A fixture for pytest: the plans of a network, to be tested in the suite of a person's project.

pytest finds it where autosplit is installed.  ``import autosplit`` is fast: a part of it is
imported when that part is used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import autosplit


@pytest.fixture(scope="session")
def autosplit_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Run all stages on a network; the same options give the same run, made once a session.

    Options are those of ``autosplit.run``; what the fixture gives returns an ``autosplit.Run``,
    whose ``picks`` say what each link's plan takes and loses::

        def test_the_plan_fits(autosplit_run):
            run = autosplit_run(model="net.py:build", data="data.py:batches", links="lte")
            assert run.picks["lte"].drop <= 1.0
    """
    made: dict[str, Any] = {}

    def run(**options: Any) -> Any:
        key = repr(sorted(options.items()))
        if key not in made:
            folder: Path = tmp_path_factory.mktemp("autosplit")
            made[key] = autosplit.run(out=folder / "run", **options)
        return made[key]

    return run
