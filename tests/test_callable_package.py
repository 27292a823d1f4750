"""Packages of the Python interface stay callable, whatever is imported before them."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["capture", "evaluate", "search"])
@pytest.mark.parametrize("first", ["autosplit", "autosplit.search.methods, autosplit.cli.app"])
def test_a_package_of_the_interface_can_be_called(name, first):
    code = f"import {first}; import autosplit; print(callable(autosplit.{name}))"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "True"
