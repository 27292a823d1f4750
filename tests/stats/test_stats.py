"""The record of what was measured."""

from dataclasses import replace

from autosplit.grid.grid import Grid
from autosplit.stats.stats import CodedBytes, Stats, TensorStats

WEIGHT = Grid.of(2, (0.1, 0.2), (1, 2))


def test_weights_and_activations_have_their_grids_under_one_kind_of_key():
    """A range of 3 is 3 steps at 2 bits; zero is the second of the levels -1, 0, 1, 2."""
    stats = Stats(1, {}, {}, {("x", 2): Grid.from_range(-1.0, 2.0, 2)}, {("conv", 2): WEIGHT})

    assert stats.grids == {
        ("conv", "weight", 2): WEIGHT,
        ("x", "activation", 2): Grid.of(2, 1.0, 1),
    }


def test_the_weight_and_the_output_of_one_layer_are_kept_apart():
    stats = Stats(1, {}, {}, {("conv", 2): Grid.from_range(-1.0, 2.0, 2)}, {("conv", 2): WEIGHT})

    assert len(stats.grids) == 2


def test_another_range_gives_another_grid():
    stats = Stats(1, {}, {}, {("x", 2): Grid.from_range(-1.0, 2.0, 2)}, {})
    assert stats.grids["x", "activation", 2].per_tensor == (1.0, 1)

    wider = replace(stats, activation_grids={("x", 2): Grid.from_range(-2.0, 4.0, 2)})
    assert wider.grids["x", "activation", 2].per_tensor == (2.0, 1)


def test_coding_counts_where_its_bytes_rounded_up_are_fewer_than_packed_ones():
    """Eight elements at 4 bits are 4 bytes packed; 2.1 bytes on average are 3, and 3.1 are 4."""
    tensors = {name: TensorStats(0, 1, 0, 1, 0, 1, 1, (8,), 8) for name in "abc"}
    means = {"a": 2.1, "b": 3.0, "c": 3.1}
    coded = {(name, 4): CodedBytes((0,) * 8, mean, mean) for name, mean in means.items()}
    stats = Stats(1, tensors, {}, {}, {}, coded=coded)

    assert stats.sent("entropy") == {("a", 4): 3, ("b", 4): 3}
    assert stats.sent("packed") == {}


def test_without_a_coding_each_element_takes_whole_bytes():
    tensors = {name: TensorStats(0, 1, 0, 1, 0, 1, 1, (5,), 5) for name in "ab"}
    stats = Stats(1, tensors, {}, {}, {}, coded={("a", 4): CodedBytes((0,) * 5, 1.0, 1.0)})
    sent = stats.sent("none")

    assert [sent["a", bits] for bits in (1, 4, 8, 9, 16, 17, 32)] == [5, 5, 5, 10, 10, 20, 20]
    assert sent["b", 2] == 5
    assert stats.tables("none") == {}
