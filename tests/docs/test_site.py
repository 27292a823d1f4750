"""The site builds from the repository without a warning, and reads nothing from elsewhere."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autosplit.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]
FETCHED = re.compile(
    r"<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=\"?((?:https?:)?//[^\s\">]+)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as ``make docs`` builds it, with the network cut off by a dead proxy."""
    folder = tmp_path_factory.mktemp("site")
    dead = dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY"), "http://127.0.0.1:9")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, **dead, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}

    built = subprocess.run(
        command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True
    )

    warnings = [line for line in built.stderr.splitlines() if not line.startswith("INFO")]
    assert built.returncode == 0, "\n".join(warnings)
    return folder


def test_no_page_fetches_anything_from_another_host(site):
    pages = list(site.rglob("*.html"))

    found = {(page.name, url) for page in pages for url in FETCHED.findall(page.read_text())}

    assert len(pages) > 20
    assert found == set()


def test_every_public_module_has_its_place_in_the_python_reference(site):
    shown = "".join(page.read_text() for page in (site / "reference" / "api").glob("*.html"))
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "autosplit").rglob("[!_]*.py")
        if "bundled" not in path.parts
    ]

    missing = [name for name in modules if f'id="{name}"' not in shown]

    assert missing == []


def test_every_command_and_option_is_in_the_reference(site):
    commands = (site / "reference" / "commands.html").read_text()
    options = (site / "reference" / "options.html").read_text()

    for command, known in COMMANDS.items():
        assert f"autosplit {command} --help" in commands
        for one in known:
            assert f"<code>{one.flag}</code>" in options
            assert html.escape(one.help.partition("`")[0], quote=False) in options
