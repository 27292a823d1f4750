"""Names in double backticks of docstrings and comments are there."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2] / "autosplit"
ELSEWHERE = {
    # name -> whose it is
    "fnmatch": "Python",
    "PackedSequence": "torch",
    "ModelInferRequest": "the Open Inference Protocol",
    "ASM1": "bytes of a message",
    "InferenceService": "KServe",
    "uniformN": "stands for uniform2 and its like",
    "max_latency": "the key of max_latency_s",
}
OTHERS = ("data", "models")
"""Packages that name functions of Darknet, OpenCV and torchvision, whose results they repeat."""


@cache
def known_words():
    """Every word that the code defines, uses, or has in a short text."""
    words = {part for path in ROOT.rglob("*") for part in (*path.parts, path.stem)}
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                words.add(node.name)
            elif isinstance(node, ast.alias):
                words |= set(node.name.split("."))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                words |= set(re.findall(r"\w+", node.value)) if len(node.value) < 60 else set()
            else:
                found = [getattr(node, part, None) for part in ("id", "arg", "attr")]
                words |= {name for name in found if isinstance(name, str)}
    return words


def test_names_in_docstrings_are_there():
    missing = set()
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] in OTHERS:
            continue
        for name in re.findall(r"``([A-Za-z_][\w.]*)``", path.read_text()):
            if not known_words() & set(name.split(".")) and name not in ELSEWHERE:
                missing.add((str(path.relative_to(ROOT)), name))

    assert missing == set()
