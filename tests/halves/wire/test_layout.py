"""A wire layout as a record and as a file holds it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosplit.errors import DataError
from autosplit.halves.wire.layout import (
    WireLayout,
    WireTensor,
    layout_from_list,
    layout_to_list,
)

FEATURES = WireTensor("features.5", (32, 28, 28), 4)
SCORES = WireTensor("scores", (10,), 16, "none")
PICTURE = WireTensor("x", (3, 8, 16), 8, "jpeg", quality=75)


def test_bytes_of_a_sample_are_counted_without_gaps_and_rounded_up():
    assert WireTensor("a", (3, 5), 3).sample_bytes == 6  # 45 bits
    assert FEATURES.sample_bytes == 32 * 28 * 28 // 2
    assert SCORES.sample_bytes == 20
    assert WireLayout((FEATURES, SCORES)).sample_bytes == 12_544 + 20


def test_bytes_of_a_picture_are_not_known_beforehand():
    assert PICTURE.sample_bytes is None
    assert WireLayout((PICTURE,)).sample_bytes is None


def test_a_layout_without_tensors_has_no_bytes():
    assert WireLayout().sample_bytes == 0


def test_the_order_is_that_of_the_shape_unless_another_is_given():
    assert FEATURES.order == (0, 1, 2)
    assert replace(FEATURES, order=(1, 2, 0)).order == (1, 2, 0)


def test_a_file_holds_every_value():
    assert layout_to_list(WireLayout((FEATURES, PICTURE))) == [
        {
            "name": "features.5",
            "shape": [32, 28, 28],
            "bits": 4,
            "order": [0, 1, 2],
            "coding": "packed",
        },
        {
            "name": "x",
            "shape": [3, 8, 16],
            "bits": 8,
            "order": [0, 1, 2],
            "coding": "jpeg",
            "quality": 75,
        },
    ]


@st.composite
def wire_tensors(draw):
    """Any tensor of coding ``packed`` or ``none``."""
    shape = tuple(draw(st.lists(st.integers(1, 5), max_size=4)))
    order = tuple(draw(st.permutations(range(len(shape)))))
    coding = draw(st.sampled_from(["packed", "none"]))
    bits = draw(st.integers(1, 16) if coding == "packed" else st.sampled_from([16, 32]))
    return WireTensor(
        draw(st.sampled_from(["x", "features.5", "0", "a/b"])), shape, bits, coding, order
    )


@given(st.lists(wire_tensors(), max_size=4, unique_by=lambda tensor: tensor.name))
def test_a_layout_is_read_back_as_it_was_written(tensors):
    layout = WireLayout(tuple(tensors))

    assert layout_from_list(layout_to_list(layout)) == layout


def test_any_change_changes_the_digest():
    layouts = [
        (),
        (FEATURES,),
        (replace(FEATURES, name="other"),),
        (replace(FEATURES, bits=5),),
        (replace(FEATURES, shape=(28, 32, 28)),),
        (replace(FEATURES, order=(0, 2, 1)),),
        (FEATURES, SCORES),
        (SCORES, FEATURES),
        (PICTURE,),
        (replace(PICTURE, quality=76),),
    ]
    assert len({WireLayout(tensors).digest for tensors in layouts}) == len(layouts)


WRONG = {
    "bits must be one of 1, 2, .* for coding packed, got 0": {"bits": 0},
    "bits must be one of .*, 32 for coding packed, got 33": {"bits": 33},
    "bits must be one of 16, 32 for coding none, got 8": {"coding": "none", "bits": 8},
    "coding must be one of none, packed, jpeg, entropy, got 'zip'": {"coding": "zip"},
    r"order must name each of 3 axes once, got \[0, 0, 1\]": {"order": (0, 0, 1)},
    r"shape must be whole numbers > 0, got \[0, 1, 1\]": {"shape": (0, 1, 1)},
    "quality must be left out for coding packed, got 3": {"quality": 3},
    "coding jpeg must have .* quality None": {"coding": "jpeg", "bits": 8, "shape": (3, 2, 2)},
    "coding jpeg .* quality 96": {"coding": "jpeg", "bits": 8, "shape": (3, 2, 2), "quality": 96},
    r"coding jpeg .* shape \[2, 2, 2\]": {
        "coding": "jpeg",
        "bits": 8,
        "shape": (2, 2, 2),
        "quality": 5,
    },
}


@pytest.mark.parametrize("message", WRONG)
def test_a_value_that_is_wrong_is_named(message):
    with pytest.raises(DataError, match=f"^features.5: {message}"):
        replace(FEATURES, **WRONG[message])


def test_a_tensor_that_is_listed_twice_is_refused():
    with pytest.raises(DataError, match="must list each tensor once, got x, x"):
        WireLayout((PICTURE, PICTURE))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 3}, "wire: entry 0: name must be text, got 3"),
        ({"bits": "4"}, "wire: entry 0: bits must be a whole number, got '4'"),
        ({"bits": True}, "wire: entry 0: bits must be a whole number, got True"),
        ({"shape": 7}, "wire: entry 0: shape must be a list of whole numbers, got 7"),
        ({"order": [0, 1, 2.0]}, "wire: entry 0: order must be a list of whole numbers"),
        ({"colour": "red"}, "wire: entry 0: must have the keys bits, coding, name, order, shape"),
        ({"bits": 99}, "wire: features.5: bits must be one of"),
    ],
)
def test_a_file_that_is_wrong_says_where(change, message):
    (entry,) = layout_to_list(WireLayout((FEATURES,)))

    with pytest.raises(DataError, match=message):
        layout_from_list([{**entry, **change}])


@pytest.mark.parametrize("data", [None, {}, "text", 5])
def test_what_is_no_list_is_refused(data):
    with pytest.raises(DataError, match="wire: must be a list of tensors"):
        layout_from_list(data)


def test_every_problem_of_a_file_is_told_at_once():
    (entry,) = layout_to_list(WireLayout((FEATURES,)))

    with pytest.raises(DataError, match=r"entry 0.*entry 1.*features\.5"):
        layout_from_list([5, {**entry, "name": 1}, {**entry, "bits": 0}])
