"""Read and write the project's files: checked coming in, atomic and deterministic going out.

A file that autosplit writes begins with ``schema: autosplit/<kind>/<version>`` (a CSV has a fixed
header instead), sorts its keys, holds no timestamp, and is moved into place only when it is whole.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from autosplit.errors import FileError, did_you_mean
from autosplit.plainfile import open_plain, read_text

MOST_VALUES = 100_000
"""Values that a YAML file with aliases may stand for: an alias repeats those of its anchor."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def sha256_of(data: bytes | str) -> str:
    """Hex SHA-256 of bytes, or of a text as UTF-8."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes.

    Raises:
        FileError: There is no such file, or it is no plain file.
    """
    with open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: to a temporary name beside it, then moved into place.

    Raises:
        FileError: It cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name[:100]}.{os.getpid()}.", suffix=".tmp"
        )
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # else a power cut may leave the name and no bytes
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileError(
            f"{path}: must be a place to write to, {error.strerror or error}"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    write_bytes(path, text.encode())


def write_yaml(path: Path, kind: str, data: Mapping[str, Any], version: int = 1) -> None:
    """Write ``data`` as a YAML file of one kind, ``schema`` first and the other keys sorted."""
    head = f"schema: autosplit/{kind}/{version}\n"
    # a mapping of plain values alone would be put into braces, and the schema stands before it
    style = None if any(isinstance(value, (dict, list)) for value in data.values()) else False
    body = yaml.dump(
        dict(data), Dumper=_DUMPER, sort_keys=True, default_flow_style=style, width=100
    )
    write_text(path, head + body)


def read_yaml(path: Path, kind: str, version: int = 1) -> dict[str, Any]:
    """Read a YAML file of one kind and drop its ``schema`` line.

    Raises:
        FileError: The file is missing, is not YAML, or is of another kind or version.
    """
    return _unwrap(path, kind, version, parse_yaml(path))


def read_yaml_of(path: Path, kind: str, versions: Sequence[int]) -> tuple[int, dict[str, Any]]:
    """Read a YAML file of one kind in any of several versions, and drop its ``schema`` line.

    Returns:
        The version that it has, and what it says.

    Raises:
        FileError: The file is missing, is not YAML, or is of another kind or version.
    """
    data = parse_yaml(path)
    schema = data.get("schema") if isinstance(data, dict) else None
    known = {f"autosplit/{kind}/{version}": version for version in versions}
    version = known.get(schema, max(versions)) if isinstance(schema, str) else max(versions)
    return version, _unwrap(path, kind, version, data)


def parse_yaml(path: Path) -> Any:
    """Read any YAML file without running anything in it.

    Raises:
        FileError: The file is missing, is too large, is not YAML, has a key twice, or has aliases
            that stand for more than ``MOST_VALUES`` values.
    """
    text = read_text(path)
    try:
        loader = _LOADER(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_node(path, node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except FileError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: a date such as 2024-13-01, or an integer of 5,000 digits
        line = str(error).replace("\n", " ")
        raise FileError(f"{path}: must be valid YAML, {line}") from error


def _check_node(path: Path, root: yaml.Node) -> None:
    """Refuse keys that stand twice in one mapping, and aliases that stand for too many values.

    Raises:
        FileError: There are such keys or aliases.
    """
    sizes: dict[int, int] = {}  # node -> values that it stands for; 0 while it is being counted
    left: list[yaml.Node] = [root]
    while left:
        node = left[-1]
        children = [] if isinstance(node, yaml.ScalarNode) else _children(node)
        if id(node) not in sizes:
            sizes[id(node)] = 0
            _check_unique(path, node)
            left += [child for child in children if id(child) not in sizes]
            continue
        left.pop()
        if sizes[id(node)]:
            continue
        counts = [sizes[id(child)] for child in children]
        if 0 in counts:
            raise FileError(f"{path}: an alias must not stand inside its own anchor")
        sizes[id(node)] = 1 + sum(counts)
    if sizes[id(root)] > max(len(sizes), MOST_VALUES):
        raise FileError(
            f"{path}: aliases must stand for at most {MOST_VALUES:,} values in all, they stand for "
            f"{min(sizes[id(root)], 10**18):,}; write the values out"
        )


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)


def _check_unique(path: Path, node: yaml.Node) -> None:
    """Refuse a mapping that has a key twice.

    Raises:
        FileError: It has.
    """
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            if key.value in seen:
                line = key.start_mark.line + 1
                raise FileError(f"{path}: line {line}: key {key.value!r:.60} must stand once")
            seen.add(key.value)


def write_json(path: Path, kind: str, data: Mapping[str, Any], version: int = 1) -> None:
    """Write ``data`` as a JSON file of one kind, ``schema`` first and the other keys sorted."""
    ordered = {"schema": f"autosplit/{kind}/{version}", **dict(sorted(data.items()))}
    write_text(path, json.dumps(ordered, indent=1, allow_nan=False) + "\n")


def read_json(path: Path, kind: str, version: int = 1) -> dict[str, Any]:
    """Read a JSON file of one kind and drop its ``schema`` line.

    Raises:
        FileError: The file is missing, is not JSON (which has no NaN and no key twice), or is of
            another kind or version.
    """
    text = read_text(path)
    try:
        data = json.loads(text, parse_constant=_no_number, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}: must be valid JSON, {error}") from error
    return _unwrap(path, kind, version, data)


def _no_number(name: str) -> Any:
    raise ValueError(f"a number must be finite, got {name}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        twice = next(key for n, (key, _) in enumerate(pairs) if key in dict(pairs[:n]))
        raise ValueError(f"key {twice!r:.60} must stand once")
    return data


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows under a fixed header; a value that is None becomes an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\n", extrasaction="raise")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    write_text(path, text.getvalue())


def read_header(path: Path) -> tuple[str, ...]:
    """Read the header of a CSV file, empty if the file is.

    Raises:
        FileError: The file is missing.
    """
    return tuple(read_text(path).partition("\n")[0].strip().split(","))


def read_csv(path: Path, header: Sequence[str]) -> list[dict[str, str]]:
    """Read the rows of a CSV file that has exactly this header.

    Raises:
        FileError: The file is missing, its header is another one, or a row is longer or shorter.
    """
    try:
        found, *rows = list(csv.reader(io.StringIO(read_text(path)))) or [[]]
    except csv.Error as error:
        raise FileError(f"{path}: must be valid CSV, {error}") from error
    if found != list(header):
        raise FileError(
            f"{path}: header must be {','.join(header)}, got {','.join(found) or 'nothing'}"
        )
    rows = [row for row in rows if row]
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise FileError(f"{path}: row {number} must have {len(header)} fields, got {len(row)}")
    return [dict(zip(header, row, strict=True)) for row in rows]


def check_keys(
    data: Any, required: Iterable[str], optional: Iterable[str] = (), *, where: str
) -> list[str]:
    """List what is wrong with the keys of a mapping: unknown ones and missing ones.

    Returns:
        One line per problem, empty if there is none; all problems at once.
    """
    if not isinstance(data, Mapping):
        return [f"{where}: must be a mapping, got {type(data).__name__}"]
    required = set(required)
    known = required | set(optional)
    problems = [
        f"{where}: unknown key {key!r}{did_you_mean(str(key), known)}"
        for key in sorted(data.keys() - known, key=str)
    ]
    problems += [f"{where}: missing key {key!r}" for key in sorted(required - data.keys())]
    return problems


def _cell(value: Any) -> Any:
    """Text of one CSV field: shortest exact form of a float, nothing for None."""
    return repr(value) if isinstance(value, float) else value


def _unwrap(path: Path, kind: str, version: int, data: Any) -> dict[str, Any]:
    schema = data.get("schema") if isinstance(data, dict) else None
    expected = f"autosplit/{kind}/{version}"
    if schema != expected:
        older = isinstance(schema, str) and schema.startswith(f"autosplit/{kind}/")
        remedy = ", a file of another version of autosplit: make it again" if older else ""
        raise FileError(f"{path}: must begin with 'schema: {expected}', got {schema!r}{remedy}")
    del data["schema"]
    return dict(data)
