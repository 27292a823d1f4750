"""Names: no two modules define the same public name, but for a few with a reason."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent / "autosplit"
ALLOWED = {
    # name -> why more than one module has it
    "BLOCK": "each algorithm has a block size of its own",
    "HELD_OUT": "each search keeps a share of the samples of its own",
    "REACH": "each is the reach of its own algorithm",
    **dict.fromkeys(
        ("capture", "evaluate", "load_data", "measure", "run", "search"),
        "the interface names a function as the stage or the step that it calls",
    ),
    "main": "each program has one",
    "Problem": "the interface makes the record of its name",
}


def public_names(path):
    """Public names that a module defines at its top level."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def test_a_public_name_is_defined_in_one_module():
    found = defaultdict(set)
    for path in sorted(ROOT.rglob("*.py")):
        if path.name != "__init__.py":
            for name in public_names(path):
                found[name].add(str(path.relative_to(ROOT)))

    twice = {name: sorted(paths) for name, paths in found.items() if len(paths) > 1}
    assert {name: twice[name] for name in twice.keys() - ALLOWED.keys()} == {}
