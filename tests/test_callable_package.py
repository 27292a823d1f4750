"""A package that is called as a function."""

import sys
from types import ModuleType

import pytest

from autosplit.callable_package import CallablePackage, make_callable


@pytest.fixture
def package(monkeypatch):
    """A made-up package ``made.up`` whose function is in the module ``made.functions``."""
    up, functions = ModuleType("made.up", "What the package is for."), ModuleType("made.functions")

    def up_function(a, *, b=1):
        """Add."""
        return a + b

    functions.up = up_function
    monkeypatch.setitem(sys.modules, "made", ModuleType("made"))
    monkeypatch.setitem(sys.modules, "made.up", up)
    make_callable("made.up", "made.functions")
    monkeypatch.setitem(sys.modules, "made.functions", functions)
    return up


def test_a_call_goes_to_the_function(package):
    assert isinstance(package, CallablePackage)
    assert package(2) == 3
    assert package(2, b=5) == 7


def test_the_function_is_imported_at_the_first_use_alone(package, monkeypatch):
    monkeypatch.delitem(sys.modules, "made.functions")

    assert package.__name__ == "made.up"
    with pytest.raises(ModuleNotFoundError):
        package(2)


def test_it_is_documented_as_the_function_and_the_package(package):
    assert package.__doc__ == "Add.\n\nThe package:\n\nWhat the package is for."
