"""Everything that a how-to page or the tutorial shows is done, in a folder of the page's own."""

from importlib import import_module
from pathlib import Path

import pytest
from examples import Runner, examples

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [*sorted((DOCS / "how-to").glob("*.md")), DOCS / "tutorial.md"]
REGISTRIES = {
    # registry -> the page that shows how to add to it
    "search.methods:METHODS": "add_search_method",
    "hardware.seconds:MODELS": "add_latency_model",
    "hardware.device:MODEL_KEYS": "add_latency_model",
    "distortion.metrics:METRICS": "add_metric",
    "grid.clipping:CLIPPING": "add_clipping_rule",
    "evaluate.task:TASKS": "add_task",
    "evaluate.tasks.tasks:SCORERS": "add_task",
}


@pytest.fixture
def registries():
    """Put every registry back as it was, once a page is done."""
    before = []
    for place in REGISTRIES:
        module, _, name = place.partition(":")
        home = import_module(f"autosplit.{module}")
        registry = getattr(home, name)
        before.append((home, name, registry, dict(registry) if isinstance(registry, dict) else {}))
    yield
    for home, name, registry, entries in before:
        setattr(home, name, registry)
        if isinstance(registry, dict):
            registry.clear()
            registry.update(entries)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.usefixtures("registries")
def test_a_page_shows_what_happens(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = [one for one in examples(page.read_text()) if one.mark != "not run"]
    assert found

    runner = Runner()
    wrong = [(one.source, lines) for one in found if (lines := runner.differences(one))]

    assert wrong == []


@pytest.mark.parametrize(("place", "page"), REGISTRIES.items())
def test_each_registry_has_a_page_that_names_it(place, page):
    module, _, name = place.partition(":")

    text = (DOCS / "how-to" / f"{page}.md").read_text()

    assert f"autosplit.{module}" in text
    assert name in text
