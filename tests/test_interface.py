"""``import autosplit``: fast, lazy, and functions that have the names of packages."""

import inspect
import subprocess
import sys

import pytest

import autosplit

PACKAGES = ("capture", "evaluate", "search")


def run(code):
    """What a fresh interpreter prints."""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def test_importing_the_package_imports_nothing_slow():
    code = (
        "import sys; import autosplit; "
        "print([m for m in ('torch', 'numpy', 'pandas', 'matplotlib', 'yaml') if m in sys.modules])"
    )

    assert run(code) == "[]"


def test_the_search_half_of_the_interface_needs_no_torch():
    code = (
        "import sys, autosplit; autosplit.Problem, autosplit.search.__wrapped__, autosplit.Run, "
        "autosplit.open_run, autosplit.load_device, autosplit.Pick, autosplit.measure; "
        "print([m for m in ('torch', 'pandas', 'matplotlib') if m in sys.modules])"
    )

    assert run(code) == "[]"


def test_every_public_name_is_there():
    for name in autosplit.__all__:
        assert callable(getattr(autosplit, name)), name
    assert set(autosplit.__all__) <= set(dir(autosplit))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'autosplit' has no attribute 'captur'"):
        autosplit.captur


@pytest.mark.parametrize("name", PACKAGES)
class TestCallablePackages:
    def test_it_is_called_before_its_package_is_imported(self, name):
        code = (
            "import autosplit\n"
            f"try: autosplit.{name}()\n"
            "except TypeError as error: print(str(error).partition('missing')[0])\n"
            f"import autosplit.{name}\n"
            f"print(callable(autosplit.{name}), autosplit.{name}.__name__)"
        )

        assert run(code).splitlines() == [f"{name}() ", f"True autosplit.{name}"]

    def test_it_is_called_after_its_package_is_imported(self, name):
        code = (
            f"import autosplit.{name}\nfrom autosplit import {name}\n"
            f"try: {name}()\n"
            "except TypeError as error: print(str(error).partition('missing')[0])"
        )

        assert run(code) == f"{name}()"

    def test_help_shows_the_function_and_then_the_package(self, name):
        package = getattr(autosplit, name)
        text = package.__doc__

        assert text.startswith(package.__wrapped__.__doc__)
        assert "Args:" in text
        assert "The package:" in text
        printed = run(f"import autosplit; help(autosplit.{name})")
        assert package.__wrapped__.__doc__.partition("\n")[0] in printed

    def test_its_signature_is_that_of_the_function(self, name):
        package = getattr(autosplit, name)

        assert inspect.signature(package) == inspect.signature(package.__wrapped__)
