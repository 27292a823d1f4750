"""Seeded mutations of files: bytes, lines, numbers, whole files of another kind."""

import os
import re

NUMBERS = (
    *("0", "-1", "1e400", "-1e308", ".nan", "NaN", "Infinity", "1" * 400, "9" * 5001, "1e-320"),
    *("true", "null", "[]", "{}", "'x'", '"x"', "[1, {x: 1}]", "../../x", "4096", "2024-13-01"),
    *("", "0x1F", "1_000", "1:30", "~", "&a [*a]", "99999999999999999999999"),
)
BYTES = (b"\0", b"\xff\xfe", b"\x85", b"\n", b"\t", b'"', b"'", b"{", b"}", b"[", b"]", b":", b",")
WHOLE = (
    *(b"", b"\n", b"[]", b"{}", b"null", b"- 1\n- 2\n", b"\xff\xfe\x00a", b"\0" * 100),
    *(b"[" * 100_000, b"{" * 20_000, b'{"a":' * 20_000, b"a: " * 5_000, b"1" * 70_000),
    b"a: &a [x, x, x, x, x, x, x, x, x]\n"
    + b"".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n".encode()
        for i in range(10)
    ),
)
NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")


def mutate(rng, path):
    """Change a file in one of many ways; says how.

    Args:
        rng: A ``random.Random``.
        path: The file.
    """
    data = path.read_bytes()
    way = rng.choice(list(WAYS))
    changed = WAYS[way](rng, data)
    if changed is not None:
        path.write_bytes(changed)
        return way
    path.unlink()
    if way == "a folder":
        path.mkdir()
    elif way == "a pipe":
        os.mkfifo(path)
    return way


def _flip(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 3) if data else 0):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def _put(rng, data):
    place = rng.randint(0, len(data))
    return data[:place] + rng.choice(BYTES) * rng.choice([1, 2, 50]) + data[place:]


def _cut(rng, data):
    return data[: rng.randint(0, len(data))]


def _number(rng, data):
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    one = rng.choice(found)
    return data[: one.start()] + rng.choice(NUMBERS).encode() + data[one.end() :]


def _near(rng, data):
    """Another number that is as good as the one that was there."""
    found = [one for one in NUMBER.finditer(data) if one[0].isdigit()]
    if not found:
        return data
    one = rng.choice(found)
    other = str(int(one[0][:15]) + rng.choice([1, 2, 10])).encode()
    return data[: one.start()] + other + data[one.end() :]


def _lines(rng, data):
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    place = rng.randrange(len(lines))
    way = rng.choice(["drop", "twice", "swap", "move"])
    if way == "drop":
        del lines[place]
    elif way == "twice":
        lines.insert(place, lines[place])
    elif way == "swap":
        other = rng.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    else:
        lines.append(lines.pop(place))
    return b"".join(lines)


def _value(rng, data):
    """The value after a colon, or a field of a CSV."""
    found = list(re.finditer(rb"(?<=[:,] )[^,\n\]}]+|(?<=,)[^,\n]*(?=[,\n])", data))
    if not found:
        return data
    one = rng.choice(found)
    return data[: one.start()] + rng.choice(NUMBERS).encode() + data[one.end() :]


def _key(rng, data):
    found = list(re.finditer(rb"[\w.]+(?=\"?:)", data))
    if not found:
        return data
    one = rng.choice(found)
    return data[: one.start()] + rng.choice([b"x", b"name", b"schema", b""]) + data[one.end() :]


WAYS = {
    "bytes flipped": _flip,
    "bytes put in": _put,
    "cut": _cut,
    "a number": _number,
    "a near number": _near,
    "lines": _lines,
    "a value": _value,
    "a key": _key,
    "another file": lambda rng, _: rng.choice(WHOLE),
    "UTF-16": lambda _, data: data.decode("latin-1").encode("utf-16"),
    "gone": lambda *_: None,
    "a folder": lambda *_: None,
    "a pipe": lambda *_: None,
}
"""Way of a mutation -> function of a ``random.Random`` and bytes; None: the file goes."""
