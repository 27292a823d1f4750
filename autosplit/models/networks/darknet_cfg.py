"""Darknet's ``.cfg`` files -> checked sections.

A file is a list of sections, ``[net]`` first; every later section is one layer, numbered from 0.
An unknown option is an error: a misspelt one would silently have its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autosplit.errors import FileError, ModelError, did_you_mean
from autosplit.plainfile import read_text


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a file.

    Attributes:
        kind: Name of the section, abbreviations spelled out.
        number: Number of the layer; -1 for ``[net]``.
        where: File, line and name of the section, for errors.
        options: Key -> text.
    """

    kind: str
    number: int
    where: str
    options: Mapping[str, str]

    def integer(self, key: str, default: int | None = None, least: int = 0) -> int:
        """Read a whole number of at least ``least``.

        Raises:
            ModelError: The option is missing and has no default, or is no such number.
        """
        return self._one(self.integers(key, None if default is None else (default,)), key, least)

    def integers(self, key: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Read whole numbers separated by commas.

        Raises:
            ModelError: The option is missing and has no default, or holds other text.
        """
        if key not in self.options and default is not None:
            return default
        words = self._words(key)
        try:
            return tuple(int(word) for word in words)
        except ValueError as error:
            raise self.error(f"{key} must be whole numbers, got {self.options[key]!r}") from error

    def numbers(self, key: str, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        """Read numbers separated by commas.

        Raises:
            ModelError: The option is missing and has no default, or holds other text.
        """
        if key not in self.options and default is not None:
            return default
        words = self._words(key)
        try:
            return tuple(float(word) for word in words)
        except ValueError as error:
            raise self.error(f"{key} must be numbers, got {self.options[key]!r}") from error

    def error(self, text: str) -> ModelError:
        """Make an error that names this section."""
        return ModelError(f"{self.where}: {text}")

    def _one(self, values: tuple[int, ...], key: str, least: int) -> int:
        if len(values) != 1 or values[0] < least:
            found = self.options.get(key, values)
            raise self.error(f"{key} must be a whole number of at least {least}, got {found!r}")
        return values[0]

    def _words(self, key: str) -> list[str]:
        if key not in self.options:
            raise self.error(f"must have the option {key!r}")
        return [word for word in self.options[key].replace(" ", "").split(",") if word]


def read_darknet_text(path: Path) -> str:
    """Read a text file of Darknet: a ``.cfg`` file or a list of names.

    Raises:
        ModelError: There is no such file, or it is no plain text file.
    """
    try:
        return read_text(path)
    except FileError as error:
        raise ModelError(str(error)) from error


def parse_cfg(text: str, name: str) -> tuple[Section, ...]:
    """Split the text of a ``.cfg`` file into sections and check them.

    Args:
        text: Text of the file.
        name: Name of the file in errors.

    Returns:
        ``[net]``, then the layers in order.

    Raises:
        ModelError: A line is no section, option or comment; a section or an option is unknown.
    """
    sections: list[Section] = []
    options: dict[str, str] = {}
    for place, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].partition(";")[0].strip()
        if line.startswith("["):
            options = {}
            sections.append(_section(line, len(sections) - 1, f"{name}:{place}", options))
        elif line:
            key, equals, value = (part.strip() for part in line.partition("="))
            if not sections or not equals or not key or not value:
                raise ModelError(f"{name}:{place}: must be [section] or option=value, got {line!r}")
            _check_option(sections[-1], key, f"{name}:{place}")
            options[key] = value
    if not sections or sections[0].kind != "net":
        found = f"[{sections[0].kind}]" if sections else "no section"
        raise ModelError(f"{name}: must begin with the section [net], got {found}")
    if len(sections) == 1:
        raise ModelError(f"{name}: must have layers after [net], has none")
    return tuple(sections)


def _section(line: str, number: int, where: str, options: dict[str, str]) -> Section:
    word = line.strip("[]").strip()
    kind = _SHORT.get(word, word)
    if kind not in _OPTIONS or (kind == "net") != (number == -1):
        known = {"net"} if number == -1 else _OPTIONS.keys() - {"net"}
        raise ModelError(f"{where}: unknown section {line!r}{did_you_mean(kind, known)}")
    layer = "" if number < 0 else f" of layer {number}"
    return Section(kind, number, f"{where}: [{kind}]{layer}", options)


def _check_option(section: Section, key: str, where: str) -> None:
    known = _OPTIONS[section.kind]
    if section.kind != "net" and key not in known | _TRAINING:
        raise ModelError(
            f"{where}: [{section.kind}] unknown option {key!r}{did_you_mean(key, known)}"
        )


_SHORT = {
    "network": "net",
    "conv": "convolutional",
    "max": "maxpool",
    "avg": "avgpool",
    "soft": "softmax",
}
_OPTIONS: dict[str, frozenset[str]] = {
    "net": frozenset(),  # mostly options of training; only the size of the input is read
    "convolutional": frozenset(
        "batch_normalize filters size stride pad padding groups activation dilation".split()
    ),
    "maxpool": frozenset("size stride padding".split()),
    "avgpool": frozenset(),
    "upsample": frozenset(["stride"]),
    "route": frozenset("layers groups group_id".split()),
    "shortcut": frozenset("from activation".split()),
    "yolo": frozenset("mask anchors classes num scale_x_y".split()),
    "dropout": frozenset(["probability"]),
    "softmax": frozenset("groups temperature".split()),
}
"""Section -> the options that decide what it computes."""
_TRAINING = frozenset(
    "jitter ignore_thresh truth_thresh random cls_normalizer iou_normalizer obj_normalizer "
    "delta_normalizer iou_loss iou_thresh iou_thresh_kind nms_kind beta_nms max max_delta resize "
    "map label_smooth_eps objectness_smooth counters_per_class focal_loss max_batches "
    "stopbackward dontload dontloadscales learning_rate burnin_update train_only_bn".split()
)
"""Options of any layer that only training or Darknet's own loader reads; they are ignored."""
