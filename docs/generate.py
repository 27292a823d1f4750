"""Pages of the site that are made from the code when the site is built (a hook file of MkDocs).

| page | made from |
| --- | --- |
| ``reference/api/*`` | docstrings, one page per package |
| ``reference/commands`` | ``autosplit COMMAND --help`` |
| ``reference/options`` | the declarations of all options |
| ``changelog`` | ``CHANGELOG.md`` |
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path
from unittest import mock

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from autosplit.cli.app import COMMANDS, main
from autosplit.runs.option import GROUPS, Option

ROOT = Path(__file__).parent.parent
SHOWN = ("results/*.png", "results/*.csv", "notebooks/*.ipynb", "experiments/**/*.yaml")
"""Files outside ``docs/`` that pages link to; the site gets a copy of each."""


def packages() -> dict[str, list[str]]:
    """Map the dotted name of each package to the dotted names of its modules."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "autosplit").rglob("*.py")):
        *parents, name = path.relative_to(ROOT).with_suffix("").parts
        if "bundled" in parents or name == "__main__":
            continue
        modules = found.setdefault(".".join(parents), [])
        if name != "__init__":
            modules.append(".".join([*parents, name]))
    return found


def api_pages() -> dict[str, str]:
    """Name -> Markdown of each page of the Python reference: one per package below autosplit."""
    pages: dict[str, str] = {}
    for package, modules in packages().items():
        name = package.split(".")[1] if "." in package else "autosplit"
        text = "".join(f"::: {module}\n\n" for module in [package, *modules])
        pages[name] = pages.get(name, f"# {package}\n\n") + text
    return pages


def help_of(*arguments: str) -> str:
    """What a command prints on 100 columns, without colours."""
    printed = io.StringIO()
    with mock.patch.dict(os.environ, COLUMNS="100"), contextlib.redirect_stdout(printed):
        assert main(arguments) == 0, arguments
    return "\n".join(line.rstrip() for line in printed.getvalue().splitlines())


def commands_page() -> str:
    """Help of every command; of ``run`` with all its options."""
    about = (
        "# Commands\n\nResults are printed on stdout, progress and warnings on stderr. The exit "
        "status is 0 if the command is done, 1 if autosplit reports an error, 2 if the command "
        "line is wrong, and 130 after Ctrl-C. [Options](options.md) lists every option.\n"
    )
    parts = [about]
    for name in COMMANDS:
        flag = "--help-all" if name == "run" else "--help"
        shown = f"```text\n$ autosplit {name} {flag}\n{help_of(name, flag)}\n```\n"
        parts.append(f"## autosplit {name}\n\n{shown}")
    return "\n".join(parts)


def options_page() -> str:
    """A table for each group of options: all that is declared of each, and where it is taken."""
    taken: dict[Option, list[str]] = {}
    for command, options in COMMANDS.items():
        for one in options:
            taken.setdefault(one, []).append(command)
    about = (
        "# Options\n\nAn option has one declaration, from which the command line, the keywords of "
        "`autosplit.run`, the keys of a sweep file and this page are made. A stage remembers its "
        "options in the run folder; an option that you leave out keeps its last value. The value "
        "`none` (`None` in Python) takes a limit away.\n"
    )
    parts = [about]
    for group in GROUPS:
        rows = [
            "| " + " | ".join(_row(one, commands)) + " |"
            for one, commands in taken.items()
            if one.group == group
        ]
        head = "| option | values | default | meaning | Python | commands |\n" + "|---" * 6 + "|\n"
        parts.append(f"## {group.capitalize()}\n\n{head}" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _row(one: Option, commands: list[str]) -> tuple[str, ...]:
    values = "" if one.kind.alone else f"`{one.kind.written}`"
    default = "off" if one.kind.alone else one.default_text
    places = ", ".join(f"`{command}`" for command in commands)
    return f"`{one.flag}`", values, default or "none", one.help, f"`{one.name}`", places


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of the Python reference to the navigation."""
    (reference,) = (section["Reference"] for section in config.nav if "Reference" in section)
    names = sorted(api_pages(), key=lambda name: (name != "autosplit", name))
    reference.append({"Python": [f"reference/api/{name}.md" for name in names]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and copies of files that pages link to."""
    pages = {f"reference/api/{name}.md": text for name, text in api_pages().items()}
    pages["reference/commands.md"] = commands_page()
    pages["reference/options.md"] = options_page()
    pages["changelog.md"] = (ROOT / "CHANGELOG.md").read_text()
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for pattern in SHOWN:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links out of ``docs/`` to the copies that ``on_files`` added."""
    del page, config, files
    return re.sub(r"\]\(\.\./(?=(?:\.\./)*(?:results|notebooks|experiments)/)", "](", markdown)


class Doctests(griffe.Extension):
    """Show the doctests of a docstring as code."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Fence each paragraph that begins with ``>>>``."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(
                r"(?:^|(?<=\n))(>>> .*?)(?=\n\n|\Z)",
                r"```pycon\n\1\n```",
                obj.docstring.value,
                flags=re.DOTALL,
            )


class Constructors(griffe.Extension):
    """Show a class that is made by a ``__new__`` of its own with the parameters of that."""

    def on_class(self, *, cls: griffe.Class, **_: object) -> None:
        """Let ``__new__`` stand for ``__init__``, of which griffe takes the parameters."""
        if "__new__" in cls.members and "__init__" not in cls.members:
            cls.set_member("__init__", cls.members["__new__"])
