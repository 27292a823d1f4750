"""Libraries that only a part of autosplit needs, looked for before any work is done."""

from __future__ import annotations

from importlib.util import find_spec

from autosplit.errors import StageError


def need(extra: str, *modules: str) -> None:
    """See that the libraries of an extra are there.

    Args:
        extra: Name of the extra in ``setup.cfg``, which is the command's.
        modules: Names of modules.

    Raises:
        StageError: One is missing.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise StageError(
            f"{extra}: needs {', '.join(missing)}, run: pip install 'autosplit[{extra}]'"
        )
