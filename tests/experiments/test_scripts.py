"""Each script in experiments/ imports, and shows help in whole sentences."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
SCRIPTS = sorted(p for p in EXPERIMENTS.glob("*.py") if '__name__ == "__main__"' in p.read_text())
ALL_HELP = """
import contextlib, io, json, pathlib, runpy, sys, traceback

sys.path.insert(0, sys.argv[1])
shown = {}
for script in map(pathlib.Path, sys.argv[2:]):
    sys.argv = [str(script), "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as text:
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as end:
            shown[script.name] = [end.code or 0, text.getvalue()]
        except Exception:
            shown[script.name] = [1, traceback.format_exc()]
print(json.dumps(shown))
"""


@pytest.fixture(scope="module")
def shown():
    """Name of each script -> its exit status and help, all in one process that imports torch."""
    command = [sys.executable, "-c", ALL_HELP, str(EXPERIMENTS), *map(str, SCRIPTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("script", [path.name for path in SCRIPTS])
def test_a_script_imports_and_shows_help(shown, script):
    status, text = shown[script]

    assert status == 0, text
    assert "usage:" in text.lower()
    assert ". " in " ".join(text.split())  # at least one whole sentence


def test_modules_beside_the_scripts_are_imported_by_one():
    texts = {path: path.read_text() for path in EXPERIMENTS.glob("*.py")}
    others = [path for path in texts if path not in SCRIPTS]

    unused = [path.name for path in others if not any(path.stem in t for t in texts.values())]

    assert unused == []
