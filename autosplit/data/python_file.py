"""``path/to/file.py:function`` -> what that function returns."""

import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from autosplit.errors import AutoSplitError, did_you_mean

_PREFIX = "autosplit_user_"
"""Beginning of the names that the user's files have as modules."""


def is_python_spec(spec: str) -> bool:
    """Tell whether a name is that of a Python file, with or without a function.

    >>> is_python_spec("nets/mine.py:build"), is_python_spec("fashion-resnet")
    (True, False)
    """
    return re.search(r"\.py(:\w*)?$", spec) is not None


def split_python_spec(spec: str, error: type[AutoSplitError]) -> tuple[Path, str]:
    """Split ``file.py:function`` into the two.

    Raises:
        AutoSplitError: As ``error``, when the function or the file is missing.
    """
    file, _, function = spec.rpartition(":") if not spec.endswith(".py") else (spec, "", "")
    if not function:
        raise error(f"{spec}: must name a function of the file, as in {Path(file).name}:build")
    if not Path(file).is_file():
        raise error(f"{file}: must be a Python file, there is none")
    return Path(file), function


def call_function(spec: str, error: type[AutoSplitError], seed: int) -> Any:
    """Run a Python file, call one of its functions without arguments and return what it returns.

    The file can import its neighbours, as it could when run by ``python file.py``.  What it draws
    from torch's random generator depends on ``seed`` alone, and the caller's generator is left as
    it was.

    Args:
        spec: ``path/to/file.py:function``.
        error: Type of the error to raise: ``ModelError`` or ``DataError``.
        seed: Seed of torch's random generator inside the file.

    Raises:
        AutoSplitError: As ``error``, when there is no such file or function, or when it raises.
    """
    return _with_function(spec, error, seed, lambda function: function())


def load_function(spec: str, error: type[AutoSplitError], seed: int) -> Callable[..., Any]:
    """Run a Python file and return one of its functions, which is not called.

    Args:
        spec: ``path/to/file.py:function``.
        error: Type of the error to raise.
        seed: Seed of torch's random generator while the file runs.

    Raises:
        AutoSplitError: As ``error``, when there is no such file or function, or the file raises.
    """
    function: Callable[..., Any] = _with_function(spec, error, seed, lambda function: function)
    return function


def _with_function(
    spec: str, error: type[AutoSplitError], seed: int, use: Callable[[Callable[..., Any]], Any]
) -> Any:
    """Run a file, and use one of its functions while the file's neighbours can be imported."""
    path, name = split_python_spec(spec, error)
    folder = path.resolve().parent
    _forget_namesakes(folder)
    _forget_changed()
    sys.path.insert(0, str(folder))
    known, compiled = set(sys.modules), sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # Python takes a compiled file for new for a whole second
    try:
        with person_code(path, error), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = _run(path)
            function = getattr(module, name, None)
            if callable(function):
                return use(function)
    finally:
        sys.dont_write_bytecode = compiled
        sys.path.remove(str(folder))
        _remember_beside(folder, known)
    choices = (key for key, value in vars(module).items() if _defined_in(value, module))
    raise error(f"{path}: has no function {name!r}{did_you_mean(name, choices)}")


@contextmanager
def person_code(path: Path, error: type[AutoSplitError]) -> Iterator[None]:
    """Say at which line of a person's file an error arises.

    Raises:
        AutoSplitError: As ``error``, in one line, for whatever is raised inside.
    """
    try:
        yield
    except (Exception, SystemExit) as problem:
        text = " ".join(f"{type(problem).__name__}: {problem}".split())
        raise error(
            f"{error_place(problem, path)}: must run without an error, got {text}"
        ) from problem


def _run(path: Path) -> ModuleType:
    """Run a file as a module of its own, which classes defined in it can find by its name."""
    spec = importlib.util.spec_from_file_location(_PREFIX + path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _forget_namesakes(folder: Path) -> None:
    """Forget what files in other folders imported from beside them, where names are the same here.

    Two files in two folders may each have their own ``utils.py``.  Python would give the second
    file the first one's.
    """
    files = (getattr(module, "__file__", None) for name, module in _modules(_PREFIX))
    others = {Path(file).resolve().parent for file in files if file} - {folder}
    tops = {name.partition(".")[0] for name in sys.modules}
    here = {top for top in tops if (folder / top).exists() or (folder / f"{top}.py").exists()}
    for name, module in _modules(""):
        file, top = getattr(module, "__file__", None), name.partition(".")[0]
        if file is None or top not in here:
            continue
        places = [other / place for other in others for place in (top, f"{top}.py")]
        if any(Path(file).resolve().is_relative_to(place) for place in places):
            del sys.modules[name]


def _remember_beside(folder: Path, known: set[str]) -> None:
    """Keep which modules a file newly imported from beside it, and how their files are."""
    for name in set(sys.modules) - known:
        file = getattr(sys.modules[name], "__file__", None)
        if file is None or name.startswith(_PREFIX):
            continue
        if Path(file).resolve().is_relative_to(folder):
            _beside[name] = (str(file), _state_of(str(file)))


def _forget_changed() -> None:
    """Forget all modules that were imported from beside a file, if one of them has changed."""
    importlib.invalidate_caches()
    if all(_state_of(file) == state for file, state in _beside.values()):
        return
    for name in _beside:
        sys.modules.pop(name, None)
    _beside.clear()


def _state_of(file: str) -> tuple[int, int]:
    """Size and time of a file, zeros if it is gone."""
    try:
        found = Path(file).stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


_beside: dict[str, tuple[str, tuple[int, int]]] = {}
"""Module that a person's file imported from beside it -> its file, with size and time."""


def _modules(prefix: str) -> list[tuple[str, ModuleType]]:
    return [(name, module) for name, module in sys.modules.items() if name.startswith(prefix)]


def _defined_in(value: object, module: ModuleType) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module.__name__


def error_place(problem: BaseException, path: Path) -> str:
    """Return ``file:line`` of the deepest line of the user's file that led to the problem."""
    if isinstance(problem, SyntaxError) and problem.filename == str(path):
        return f"{path}:{problem.lineno}"
    frames = traceback.extract_tb(problem.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == path]
    return f"{path}:{lines[-1]}" if lines else str(path)
