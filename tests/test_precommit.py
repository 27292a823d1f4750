"""The hooks before a commit are what CI runs, and need nothing from elsewhere."""

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
HOOKS = [
    (repo["repo"], hook)
    for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repo["hooks"]
]


def test_every_hook_is_a_tool_that_make_test_installs():
    for repo, hook in HOOKS:
        program = Path(hook["entry"].split()[0])
        assert (repo, hook["language"]) == ("local", "system")
        assert program.parent == Path(".venv/bin")
        assert (Path(sys.executable).parent / program.name).is_file()


def test_whatever_make_lint_runs_is_a_hook():
    recipe = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    commands = [line.removeprefix("\t$(BIN)/").split()[:2] for line in recipe.splitlines()[1:]]
    entries = [hook["entry"] for _, hook in HOOKS]

    missing = [c for c in commands if not any(" ".join(c) in entry for entry in entries)]

    assert len(commands) == 3
    assert missing == []
