"""The shape of the tree: lengths of functions and modules, and a test file for every module."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("autosplit", "experiments")
MOST_LINES_OF_A_FUNCTION, MOST_LINES_OF_A_MODULE = 60, 300
REASON = "is long because"
"""A docstring or comment with these words gives the reason of whatever is longer."""
UNTESTED = {
    # module without a test file of its name -> why
    "search/arrays.py": "it names types and computes nothing",
}


def modules():
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))


def long_functions(text):
    """Names of the functions that are too long and give no reason."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            own = lines[node.lineno - 1 : node.end_lineno]
            if len(own) > MOST_LINES_OF_A_FUNCTION and REASON not in " ".join(own):
                yield f"{node.name}: {len(own)} lines"


def test_functions_stop_at_60_lines_or_say_why():
    found = {str(path.relative_to(ROOT)): [*long_functions(path.read_text())] for path in modules()}

    assert {path: names for path, names in found.items() if names} == {}


def test_modules_stop_at_300_lines_or_say_why():
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in modules()}

    assert [
        path
        for path, text in texts.items()
        if len(text.splitlines()) > MOST_LINES_OF_A_MODULE and REASON not in " ".join(text.split())
    ] == []


def test_a_long_function_is_found():
    body = "    pass\n" * 60

    assert [*long_functions(f"def f():\n{body}")] == ["f: 61 lines"]
    assert [*long_functions(f"def f():\n    # it is long because\n{body}")] == []


def test_every_module_has_a_test_file_of_its_name():
    missing = []
    for path in sorted((ROOT / "autosplit").rglob("*.py")):
        place = path.relative_to(ROOT / "autosplit")
        if path.name != "__init__.py" and str(place) not in UNTESTED:
            test = ROOT / "tests" / place.parent / f"test_{place.name}"
            missing += [] if test.is_file() else [str(test.relative_to(ROOT))]

    assert missing == []
