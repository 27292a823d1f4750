"""Modules, files, options and links that the documentation names are there."""

import importlib
import re
from pathlib import Path

import pytest

from autosplit.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md")
    ),
]
OTHERS = set("--help --help-all --version --strict --link --only --passes".split())
OF_PIP = {"--no-compile", "--target"}
GENERATED = ("reference/api/", "reference/commands.md", "reference/options.md", "changelog.md")


def code_of(page):
    """Everything that a page has in backticks, except blocks."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def is_there(name):
    """Whether a dotted name can be imported, its last parts as attributes."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for attribute in parts[length:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_names_in_code_are_there(page):
    dotted = {
        match[0]
        for code in code_of(page)
        if (match := re.match(r"autosplit(\.\w+)+", code)) and not code.endswith(".yaml")
    }

    assert sorted(name for name in dotted if not is_there(name)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_in_code_are_there(page):
    named = {
        code for code in code_of(page) if re.fullmatch(r"[a-z\d_/]+/\w+\.(py|csv|yaml|md)", code)
    }
    made = re.compile(r"(results|stages|plans|quantized|annotations|images|labels|photos)/")
    kept = {
        name
        for name in named
        if not re.search(r"[A-Z]{3}", name) and (not made.match(name) or (ROOT / name).exists())
    }

    missing = [
        name
        for name in kept
        if not (ROOT / name).exists() and not (ROOT / "autosplit" / name).exists()
    ]

    # pages on how to add something name the file that a person would write
    assert [name for name in missing if "add_" not in page.stem] == []


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=str)
def test_options_are_there(page):
    known = {one.flag for options in COMMANDS.values() for one in options}
    known |= OTHERS | OF_PIP
    text = "\n".join(line for line in page.read_text().splitlines() if "experiments/" not in line)

    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z](?![\w-])", text))

    assert named - known == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    local = [target for target in targets if not target.startswith("http")]

    missing = [
        target
        for target in local
        if not (page.parent / target).exists() and not any(place in target for place in GENERATED)
    ]

    assert missing == []
