"""What the value of an option must be, whatever the rest of a Darknet file says; without torch."""

from __future__ import annotations

from autosplit.errors import ModelError
from autosplit.models.networks.darknet_options import (
    COUNTS,
    LISTS,
    POSITIVE,
    SECTION_OPTIONS,
    WORDS,
)
from autosplit.models.networks.darknet_section import Section


def wrong_values(section: Section) -> dict[str, ModelError]:
    """Find the options of a layer that cannot have their values.

    Activations are checked where they are made, because their names are known there.

    Returns:
        Option -> what is the matter with it.
    """
    found: dict[str, ModelError] = {}
    for key in section.options:
        if key in SECTION_OPTIONS.get(section.kind, ()):
            try:
                _read(section, key)
            except ModelError as error:
                found[key] = error
    return found


def anchor_sides(section: Section) -> tuple[float, ...]:
    """Read the widths and heights of all anchors.

    Raises:
        ModelError: They are no pairs of numbers that are at least 0.
    """
    sides = section.numbers("anchors", ())
    below = [side for side in sides if side < 0]
    if len(sides) % 2 or below:
        found = f"{len(sides)} numbers" if len(sides) % 2 else f"{below[0]:g}"
        raise section.error(f"anchors must be pairs of pixels, got {found}", "anchors")
    return sides


def _read(section: Section, key: str) -> None:
    """Read one option as what it must be."""
    if key == "anchors":
        anchor_sides(section)
    elif key in LISTS:
        section.integers(key)
    elif key in COUNTS:
        section.integer(key, None, COUNTS[key])
    elif key in POSITIVE:
        section.positive(key, 1)
    elif key in WORDS:
        section.choice(key, WORDS[key], WORDS[key][0])
    elif key == "scale":
        section.number_of(key, 1)
