"""Packages that are functions too, so that ``autosplit.capture(model)`` works.

``autosplit.capture`` is a package, and Python binds a package to its name in the parent package
whenever a module inside is imported.  A function of the same name would last until then.  So the
package itself is made callable: calls, documentation and signature are those of a function in
``autosplit.api``, which is imported at the first use.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

_FUNCTIONS: dict[str, str] = {}
"""Name of a package -> module of its function, which has the package's last name."""


class CallablePackage(ModuleType):
    """A package that is called as the function of its name in ``autosplit.api``."""

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        name = self.__name__
        function: Callable[..., Any] = getattr(
            import_module(_FUNCTIONS[name]), name.rpartition(".")[2]
        )
        return function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.__wrapped__(*args, **kwargs)

    def _doc(self) -> str:
        return f"{self.__wrapped__.__doc__}\n\nThe package:\n\n{self.__dict__.get('__doc__')}"

    __doc__ = property(_doc)


def make_callable(package: str, module: str) -> None:
    """Make a package callable.

    Args:
        package: Full name of the package, which is being imported.
        module: Full name of the module that has the function; the function has the last part of
            the package's name.
    """
    _FUNCTIONS[package] = module
    sys.modules[package].__class__ = CallablePackage
