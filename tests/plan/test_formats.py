"""Grids as numbers of a plan file: nothing of a float32 is lost, and the digest stays."""

import hashlib

import numpy as np
import pytest

from autosplit.grid.grid import Grid, Unquantized
from autosplit.plan.formats import digest_text, format_from_dict, formats_to_dict, shortest

RANDOM = np.random.default_rng(0).uniform(1e-30, 1e30, 50).astype(np.float32)
STEPS = np.concatenate([RANDOM, np.float32([1e-38, 1e-45, 3.4e38, 1 / 3, 0.1])])


@pytest.mark.parametrize("decimal", [shortest, float])
def test_scales_of_a_float32_survive_exactly(decimal):
    grid = Grid(8, STEPS, np.arange(len(STEPS)))

    entry = formats_to_dict({"a": grid}, decimal)["a"]

    assert format_from_dict(entry) == grid
    assert {type(step) for step in entry["scale"]} == {float}
    assert {type(zero) for zero in entry["zero_point"]} == {int}


def test_the_shortest_number_has_the_digits_that_a_float32_needs():
    assert [shortest(step) for step in np.float32([0.1, 1 / 3, 2])] == [0.1, 0.33333334, 2.0]


@pytest.mark.parametrize("bits", [16, 32])
def test_floats_have_neither_scale_nor_zero_point(bits):
    entry = formats_to_dict({"a": Unquantized(bits)}, float)["a"]

    assert entry == {"bits": bits, "scale": [], "zero_point": []}
    assert format_from_dict(entry) == Unquantized(bits)


def test_the_digest_is_of_the_text_that_the_first_version_had():
    formats = {"b": Unquantized(16), "a": Grid.of(4, (0.1, 0.5), (15, 0))}

    assert digest_text(formats, shortest) == (
        "[('a', Quantizer(bits=4, scale=(0.1, 0.5), zero_point=(15, 0))), "
        "('b', Quantizer(bits=16, scale=(), zero_point=()))]"
    )
    assert digest_text({"a": Grid.of(8, 0.1, 3)}, float) == (
        "[('a', Quantizer(bits=8, scale=(0.10000000149011612,), zero_point=(3,)))]"
    )


def test_the_order_of_the_tensors_changes_no_digest():
    a, b = Grid.of(4, 0.1, 15), Grid.of(4, 0.2, 15)

    texts = {digest_text(formats, float) for formats in ({"a": a, "b": b}, {"b": b, "a": a})}
    assert len({hashlib.sha256(text.encode()).hexdigest() for text in texts}) == 1
