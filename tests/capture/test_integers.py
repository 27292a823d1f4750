import pytest
import torch
from measured import plan_for
from torch import nn

from autosplit.capture.capture import capture
from autosplit.errors import DataError
from autosplit.graph.integers import Integers
from autosplit.halves.deployed import deploy


class Threshold(nn.Module):
    """m01: a comparison inside, its result used once."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 16), nn.Linear(16, 5)

    def forward(self, x):
        y = self.a(x)
        return self.b(torch.where(y > 0, y, y * 0.1))


class Assigned(Threshold):
    """The same, as people write it: y[y < 0] = 0."""

    def forward(self, x):
        y = self.a(x)
        y[y < 0] = 0
        return self.b(y)


class Ids(nn.Module):
    """m04: token ids, and a mask of positions that count."""

    def __init__(self, rows=1000, wide=16):
        super().__init__()
        self.e, self.h = nn.Embedding(rows, wide), nn.Linear(wide, 5)

    def forward(self, ids, mask=None):
        y = self.e(ids)
        if mask is None:
            return self.h(y.mean(1))
        kept = mask.unsqueeze(-1).float()
        return self.h((y * kept).sum(1) / kept.sum(1))


class Pixels(nn.Module):
    """Pixels of 8 bits that are scaled inside."""

    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.c((x.float() / 255 - 0.5) / 0.25).mean((2, 3))


class Lookup(nn.Module):
    """A code book: the place of the largest product chooses a row."""

    def __init__(self):
        super().__init__()
        self.a, self.e, self.h = nn.Linear(8, 12), nn.Embedding(12, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.h(self.e(self.a(x).argmax(-1)))


def prepared(kind, example, **options):
    torch.manual_seed(0)
    return capture(kind().eval(), example, **options)


def outcome(program, inputs, count=None):
    """The float answer, that of the halves at 8 bits, and the bytes of one sample."""
    plan = plan_for(program, inputs, 8, count=count)
    deployed = deploy(program, plan)
    flat = program.flatten(inputs)
    got, sent = deployed(*flat)
    return program.run(flat)[0], got[0], sent // program.count(flat)


@pytest.mark.parametrize("kind", [Threshold, Assigned])
def test_a_mask_inside_keeps_its_values_and_costs_one_bit(kind):
    program = prepared(kind, torch.randn(2, 20))
    (mask,) = program.graph.integers

    want, got, _ = outcome(program, torch.randn(64, 20))
    assert program.graph.integers[mask] == Integers(1)
    assert (want.argmax(1) == got.argmax(1)).float().mean() > 0.95
    rank = program.graph.rank[mask] + 1
    crossing = program.graph.prefix(rank).crossing
    _, _, sent = outcome(program, torch.randn(8, 20), rank)
    assert sent == sum(2 if name == mask else program.graph.elements(name) for name in crossing)


@pytest.mark.parametrize(("rows", "bits"), [(1000, 10), (30_522, 15), (1024, 10), (131_073, 18)])
def test_ids_cross_exactly_at_the_bits_that_the_table_needs(rows, bits):
    torch.manual_seed(0)
    ids = torch.randint(0, rows, (8, 12))
    program = capture(Ids(rows, 2).eval(), ids[:2])

    want, got, sent = outcome(program, ids, 0)

    assert sent == -(-12 * bits // 8)
    assert torch.equal(want, got)


def test_a_mask_of_integers_beside_ids_costs_one_bit():
    ids = torch.randint(0, 1000, (8, 12))
    mask = (torch.arange(12) < torch.randint(3, 12, (8, 1))).long()
    program = prepared(Ids, (ids, mask))

    assert program.graph.integers == {"ids": Integers(10), "mask": Integers(1)}
    want, got, sent = outcome(program, (ids, mask), 1)  # the table's rows and the mask
    assert sent == 12 * 16 + 2
    assert torch.allclose(want, got, atol=0.02)


def test_pixels_stay_pixels_until_they_are_multiplied():
    pixels = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    program = prepared(Pixels, pixels)

    assert [layer.kind for layer in program.graph.layers] == ["conv", "reduce"]
    assert program.graph.integers == {"x": Integers(8)}
    want, got, sent = outcome(program, pixels, 0)
    assert sent == 3 * 8 * 8
    assert torch.equal(want, got)


def test_the_place_of_the_largest_value_is_kept():
    program = prepared(Lookup, torch.randn(2, 8))

    assert list(program.graph.integers.values()) == [Integers(4)]  # twelve places


def test_every_sample_of_the_example_shows_what_integers_an_input_takes():
    class Steps(nn.Module):
        def __init__(self):
            super().__init__()
            self.h = nn.Linear(3, 5)

        def forward(self, x, step):
            return self.h(x) * step[:, None].float()

    example = (torch.randn(2, 3), torch.tensor([0, 9]))  # nine needs more than the bit of 0 and 1

    program = capture(Steps().eval(), example)

    assert program.graph.integers["step"] == Integers(8)


def test_integers_beyond_those_of_the_example_are_refused():
    ids, mask = torch.randint(0, 1000, (8, 12)), torch.ones(8, 12, dtype=torch.long)
    program = prepared(Ids, (ids, mask))
    deployed = deploy(program, plan_for(program, (ids, mask), 8, count=0))

    with pytest.raises(DataError, match=r"mask: integers must be 0\.\.1 of 1 bits, got 1\.\.3"):
        deployed(ids, mask + torch.tensor([2] + [0] * 11))
