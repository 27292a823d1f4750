"""What every kind of name shares: seeded weights, checks of the input size, names of files."""

import pytest
import torch

from autosplit.errors import ModelError
from autosplit.models.asked_model import (
    AskedModel,
    check_example_size,
    check_fixed_size,
    random_weights,
    safe_name,
)


def draw_and_fail(seed):
    with random_weights(seed):
        torch.rand(1)
        raise KeyError


def drawn(seed):
    with random_weights(seed):
        return torch.rand(3)


def test_numbers_drawn_inside_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = drawn(7)
    torch.manual_seed(2)

    assert torch.equal(first, drawn(7))
    assert not torch.equal(first, drawn(8))


def test_an_error_inside_leaves_the_callers_generator_as_it_was():
    torch.manual_seed(5)
    expected = torch.rand(3)

    torch.manual_seed(5)
    with pytest.raises(KeyError):
        draw_and_fail(9)

    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("size", "right"), [(None, True), (28, True), (27, False), (56, False)])
def test_a_network_of_one_size_takes_that_size_or_none(size, right):
    asked = AskedModel("net", input_size=size)

    if right:
        check_fixed_size(asked, 28)
    else:
        with pytest.raises(ModelError, match=f"^net: input size must be 28, got {size}$"):
            check_fixed_size(asked, 28)


@pytest.mark.parametrize(("size", "right"), [(None, True), (10, True), (12, True), (3, False)])
def test_the_size_asked_for_is_a_side_of_the_example_never_its_channels(size, right):
    asked = AskedModel("net", input_size=size)
    example = torch.zeros(1, 3, 10, 12)

    if right:
        check_example_size(asked, example)
    else:
        with pytest.raises(ModelError, match=r"shape \(1, 3, 10, 12\), got input size 3$"):
            check_example_size(asked, example)


def test_a_name_becomes_safe_for_files():
    assert safe_name("a/../b c-1.5") == "a_b_c_1_5"
