"""The archive of a ``.pt2`` file, checked before torch loads it: loading can run what it says.

``torch.export.load`` hands expressions in the archive to a parser that evaluates them, compiles
guards and names, and unpickles objects.  Here every member must be one that ``torch.export.save``
writes, and every text in it of a form that computes sizes and names things.  No torch is needed.
"""

from __future__ import annotations

import io
import json
import math
import pickletools
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autosplit.errors import FileError, ModelError
from autosplit.models.program_text import (
    is_expression,
    is_guard,
    is_label,
    is_name,
    is_operator,
    is_treespec,
)
from autosplit.plainfile import open_plain

MOST_JSON_BYTES = 1 << 27
"""Bytes of the largest description of a program; that of a large network takes a few million."""
_JSON = re.compile(
    r"models/[\w.-]+\.json|data/(weights|constants)/[\w.-]+_config\.json"
    r"|serialized_exported_program\.json"
)
_TENSORS = re.compile(
    r"data/(sample_inputs|weights|constants)/[\w.-]+\.pt"
    r"|serialized_(state_dict|constants|example_inputs)\.pt"
)
_OTHER = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/\w+|(\.format_version)"
    r"|data/weights/weight_\d+|data/constants/tensor_\d+|extra(_files)?/[\w./ -]+"
    r"|\.?pad\w*"
)
_STORED = re.compile(r"(weight|tensor)_\d{1,9}")
_SYMBOL = re.compile(r"[a-z]{1,4}\d{1,6}")
_GLOBALS = frozenset(
    "torch._utils _rebuild_tensor_v2|torch._utils _rebuild_parameter|torch._utils _rebuild_tensor|"
    "collections OrderedDict|torch Size|torch device|torch.storage UntypedStorage|"
    "torch FloatStorage|torch DoubleStorage|torch HalfStorage|torch BFloat16Storage|"
    "torch LongStorage|torch IntStorage|torch ShortStorage|torch CharStorage|torch ByteStorage|"
    "torch BoolStorage|torch ComplexFloatStorage|torch ComplexDoubleStorage|torch Tensor|"
    "torch.nn.parameter Parameter|torch._tensor _rebuild_from_type_v2|__builtin__ set".split("|")
)
_CALLING = {"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"}


def read_archive(path: Path) -> bytes:
    """The bytes of a saved program, which was checked: loading it runs nothing that it says.

    Raises:
        ModelError: The file is missing or no plain file, is no such archive, or a member holds
            more than ``torch.export.save`` writes.
    """
    try:
        with open_plain(path) as file:
            data = file.read()
    except FileError as error:
        raise ModelError(str(error)) from error
    check_archive(path, data)
    return data


def check_archive(path: Path, data: bytes) -> None:
    """Make sure that loading a saved program runs nothing that the file says.

    Args:
        path: Path of the file, for the message.
        data: Bytes of the file.

    Raises:
        ModelError: It is no such archive, or a member holds more than ``torch.export.save`` writes.
    """
    must = f"{path}: must be a saved torch.export program"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_members(must, archive, len(data))
            for info in archive.infolist():
                _check_member(must, archive, info)
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError) as error:
        raise ModelError(f"{must}, got no whole zip file: {error}") from error
    except (RuntimeError, ValueError, RecursionError) as error:  # of an encrypted or broken member
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{must}, got {' '.join(str(error).split())[:200]}") from error


def _inside(name: str) -> str:
    """Name of a member without the folder that torch puts all of them into.

    The format of torch 2.6 and before has no such folder.
    """
    first, slash, rest = name.partition("/")
    return name if not slash or first == "extra_files" else rest


def _check_members(must: str, archive: zipfile.ZipFile, size: int) -> None:
    """Refuse members of two names, in two folders, packed, or larger than the file.

    Raises:
        ModelError: There are such.
    """
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(set(names)) < len(names):
        raise ModelError(f"{must}, got two members of one name")
    folders = {name.partition("/")[0] for name in names if "/" in name}
    if len(folders - {"extra_files"}) > 1:
        raise ModelError(f"{must}, got {len(folders)} folders in it")
    packed = [info.filename for info in infos if info.compress_type != zipfile.ZIP_STORED]
    if packed or sum(info.file_size for info in infos) > size:
        raise ModelError(f"{must}, which packs nothing, got packed members; save it anew")


def _check_member(must: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Check one member.

    Raises:
        ModelError: It holds more than ``torch.export.save`` writes.
    """
    name = _inside(info.filename)
    if _JSON.fullmatch(name):
        if info.file_size > MOST_JSON_BYTES:
            raise ModelError(f"{must}, got {info.file_size:,} bytes in {name}")
        data = json.loads(archive.read(info))
        if not isinstance(data, dict):
            raise ModelError(f"{must}, got {type(data).__name__} in {name}")
        _check_json(must, name, data)
    elif _TENSORS.fullmatch(name):
        _check_tensors(must, name, archive.read(info))
    elif not _OTHER.fullmatch(name) or ".." in name.split("/"):
        raise ModelError(
            f"{must} of tensors and operators alone, got the member {name!r:.80}, which may be code"
        )


def _check_json(must: str, where: str, data: Any) -> None:
    """Check every text and number of a description, each by the key that it stands under.

    Raises:
        ModelError: One is of another form than ``torch.export.save`` writes.
    """
    left: list[tuple[str, Any]] = [("", data)]
    while left:
        key, value = left.pop()
        if isinstance(value, dict):
            rule = _SYMBOL.fullmatch if key == "range_constraints" else is_label
            wrong = [inner for inner in value if not rule(inner)]
            if wrong:
                _refuse(must, where, key, wrong[0])
            loose = key == "metadata" and all(isinstance(text, str) for text in value.values())
            left += [] if loose else value.items()
        elif isinstance(value, list):
            left += [(key, inner) for inner in value]
        elif key in _RULES or isinstance(value, str):
            if not _RULES.get(key, is_label)(value):
                _refuse(must, where, key, value)
        elif isinstance(value, int) and abs(value) >= 1 << 64:
            _refuse(must, where, key, value)


def _refuse(must: str, where: str, key: str, value: Any) -> None:
    """Refuse a value.

    Raises:
        ModelError: In any case.
    """
    raise ModelError(
        f"{must} of sizes, names and operators alone, got {value!r:.80} as {key or 'a key'} in "
        f"{where}, which may be code"
    )


def _is_text(value: Any) -> bool:
    """Any text: torch keeps it as a value, and writes it into source quoted."""
    return isinstance(value, str)


def _is_finite_or_named(value: Any) -> bool:
    return isinstance(value, int | float) or value in {"Infinity", "-Infinity", "NaN"}


def _check_tensors(must: str, where: str, data: bytes) -> None:
    """Make sure that what ``torch.save`` wrote rebuilds tensors and calls nothing else.

    Raises:
        ModelError: It does not.
    """
    if not data:
        return
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise ModelError(f"{must}, got no tensors of torch.save in {where}")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name.endswith(".pkl")]
        if len(set(names)) < len(names) or len(pickles) != 1:
            raise ModelError(f"{must}, got no tensors of torch.save in {where}")
        if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
            raise ModelError(f"{must}, which packs nothing, got packed tensors in {where}")
        for opcode, argument, _ in pickletools.genops(archive.read(pickles[0])):
            calls = opcode.name == "GLOBAL" and argument not in _GLOBALS
            if calls or opcode.name in _CALLING:
                called = argument if calls else "an object"
                raise ModelError(
                    f"{must} of tensors alone, got {called!r:.80} in {where}, which may be code"
                )


_RULES: dict[str, Callable[[Any], bool]] = {
    "expr_str": is_expression,
    "guards_code": is_guard,
    "target": is_operator,
    "as_operator": is_operator,
    "in_spec": is_treespec,
    "out_spec": is_treespec,
    "name": lambda name: name is None or is_name(name) or name == "",
    "as_name": is_name,
    "forward_arg_names": is_name,
    "as_string": _is_text,
    "as_strings": _is_text,
    "as_float": _is_finite_or_named,
    "as_floats": _is_finite_or_named,
    "path_name": lambda name: isinstance(name, str) and bool(_STORED.fullmatch(name)),
    "use_pickle": lambda value: value is False,
    "class_fqn": lambda _: False,
    "index": lambda value: value is None or (type(value) is int and 0 <= value < math.inf),
}
"""Key in a description -> the form that its value must have; any other text is a plain label."""
