"""A device's client as one file: the modules that it imports, in a zip archive that Python runs.

The archive holds autosplit's own modules alone; what else a device needs is ``REQUIREMENTS``.  The
same modules give the same bytes, whichever library compresses elsewhere: nothing is compressed.
"""

from __future__ import annotations

import ast
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import autosplit

MAIN = "autosplit.deploy.device"
"""The module that the archive runs."""
REQUIREMENTS = ("numpy>=1.26", "onnxruntime>=1.27", "pillow>=10.1", "pyyaml>=6.0")
"""Packages of a device."""
FOR_CODED = "zstandard>=0.22"
"""The package that entropy-coded messages need beside these."""
_START = f"import sys\n\nfrom {MAIN} import main\n\nsys.exit(main())\n"
_ROOT = Path(autosplit.__file__).parents[1]
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def client_archive() -> bytes:
    """The archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {**modules_of(MAIN), "__main__.py": _START.encode()}.items():
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), data)
    return file.getvalue()


def modules_of(module: str) -> dict[str, bytes]:
    """A module and all of autosplit's that it imports when it is loaded: path -> text, sorted."""
    found: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if path is None or (key := str(path.relative_to(_ROOT))) in found:
            continue
        found[key] = path.read_bytes()
        waiting += [*_imported(ast.parse(found[key]).body), name.rpartition(".")[0]]
    return dict(sorted(found.items()))


def _path(name: str) -> Path | None:
    """File of a module of autosplit; None of another name."""
    place = _ROOT.joinpath(*name.split("."))
    files = (place / "__init__.py", place.with_suffix(".py"))
    return next((one for one in files if name and one.is_file()), None)


def _imported(body: list[ast.stmt]) -> Iterator[str]:
    """Names that may be modules of autosplit, of the imports that run when a module is loaded."""
    for one in body:
        if isinstance(one, ast.Import):
            yield from (each.name for each in one.names)
        elif isinstance(one, ast.ImportFrom) and (one.module or "").startswith("autosplit"):
            yield str(one.module)
            yield from (f"{one.module}.{each.name}" for each in one.names)
