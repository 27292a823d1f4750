"""Pages of the site that are made from the code when the site is built (a hook file of MkDocs).

| page | made from |
| --- | --- |
| ``reference/api/*`` | docstrings, one page per package |
| ``reference/commands`` | ``autosplit COMMAND --help`` |
| ``changelog`` | ``CHANGELOG.md`` |
"""

from __future__ import annotations

import re
from pathlib import Path

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

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


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of the Python reference to the navigation."""
    (reference,) = (section["Reference"] for section in config.nav if "Reference" in section)
    names = sorted(api_pages(), key=lambda name: (name != "autosplit", name))
    reference.append({"Python": [f"reference/api/{name}.md" for name in names]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and copies of files that pages link to."""
    for name, text in api_pages().items():
        files.append(File.generated(config, f"reference/api/{name}.md", content=text))
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
