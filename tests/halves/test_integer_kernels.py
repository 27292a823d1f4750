"""The arithmetic of integer halves against int64 sums in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autosplit.halves.integer_kernels import (
    EXACT,
    AccumulatedSum,
    IntegerLayer,
    NnpackOff,
    bounds,
    integer_bias,
    requantize_,
    requantize_sum,
)


def test_nnpack_stays_off_until_the_last_of_several_threads_is_done():
    """The first leaves before the second; in the end the flag is what it was."""
    off, before = NnpackOff(), torch._C._get_nnpack_enabled()
    seen = []
    for step in (off.__enter__, off.__enter__, off.__exit__, off.__exit__):
        step()
        seen.append(torch._C._get_nnpack_enabled())

    assert seen == [False, False, False, before]
    with pytest.raises(ValueError, match="broken"), off:
        raise ValueError("broken")
    assert torch._C._get_nnpack_enabled() == before


@pytest.mark.parametrize("shape", [(3, 8, 5, 7), (2, 8, 300, 500), (40_000, 8), (3, 50, 8)])
@pytest.mark.parametrize("layout", ["dense", "permuted", "mixed"])
def test_accumulators_are_requantized_and_added_alike_in_any_layout(shape, layout):
    """In blocks, where memory is in order, or at once: the same as whole arrays in numpy."""
    rng = np.random.default_rng(0)
    axis = 1 if len(shape) == 4 else len(shape) - 1
    x, y = rng.integers(-(2**23), 2**23, shape), rng.integers(-100, 156, shape)
    factor = rng.uniform(1e-6, 1e-4, 8).astype(np.float32)
    along = factor.reshape(-1, *[1] * (len(shape) - axis - 1))
    levels = np.clip(np.round(x.astype(np.float32) * along), -90, 140)
    terms = levels * np.float32(0.7), y.astype(np.float32) * np.float32(1.3)
    want = np.clip(np.round(terms[0] + terms[1]), 0, 200)

    def tensor(values, *, moved):
        dense = torch.tensor(values).float()
        return dense.transpose(0, -1).contiguous().transpose(0, -1) if moved else dense

    one, other = (tensor(v, moved=layout == kind) for v, kind in ((x, "permuted"), (y, "mixed")))
    channels = torch.tensor(factor)
    both = AccumulatedSum(channels, -90, 140, axis, (0.7, 1.3), (0, 200))(one.clone(), other)
    apart = requantize_(one, channels, -90, 140, axis)
    np.testing.assert_array_equal(both.numpy(), want)
    np.testing.assert_array_equal(apart.numpy(), levels)
    np.testing.assert_array_equal(requantize_sum(apart, other, 0.7, 1.3, 0, 200).numpy(), want)


RANGES = ((0, 255), (-255, 0), (-128, 127), (-3, 252), (0, 3))


@st.composite
def rows_near_the_bound(draw):
    """Weight levels (2, K) and an input range; the first row's bound is one step from 2^24."""
    kept = draw(st.sampled_from(RANGES))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    w = rng.integers(128, 256, (2, EXACT // (32 * np.abs(kept).max())))
    w *= np.where(rng.random(w.shape) < draw(st.sampled_from([0, 0.5, 1])), -1, 1)
    count = int(np.argmax(bounds_by_hand(w, kept)[0] >= EXACT))
    every = np.repeat(w[:1, : count + 1], 256, axis=0)
    every[:, -1] = np.arange(256) * np.sign(every[0, -1])
    last = np.searchsorted(bounds_by_hand(every, kept)[:, -1], EXACT) - draw(st.integers(0, 1))
    w[0, count] = every[min(last, 255), -1]
    return w[:, : count + 1], kept


def bounds_by_hand(w, kept):
    """Largest sums of the first products of a row, inputs being free, shape (rows, K)."""
    products = np.stack([0 * w, w * kept[0], w * kept[1]])
    return np.maximum(np.cumsum(products.max(0), 1), np.cumsum(-products.min(0), 1))


class TestExactSums:
    @settings(max_examples=30, deadline=None)
    @given(rows_near_the_bound())
    def test_bounds_are_exact_below_the_limit_and_never_below_it_else(self, case):
        w, kept = case
        want = bounds_by_hand(w, kept)[:, -1]
        got = bounds(torch.tensor(w).float(), kept).numpy()

        np.testing.assert_array_equal(got[want < EXACT], want[want < EXACT])
        assert (got[want >= EXACT] >= EXACT).all()

    @settings(max_examples=30, deadline=None)
    @given(rows_near_the_bound(), st.integers(-3, 3), st.sampled_from([0, 1, 2**20, 2**24, 2**30]))
    def test_the_worst_inputs_of_a_layer_near_the_limit_are_summed_exactly(self, case, step, size):
        w, (low, high) = case
        worst = np.where(w[0] > 0, high, low)
        x = np.stack([worst, np.where(w[0] > 0, low, high), np.sort(worst)])
        b = np.array([size + step, -size + step])
        kernel, (levels, bias) = torch.ops.aten.linear.default, map(torch.tensor, (w, b))
        layer = IntegerLayer.of(kernel, {}, levels.float(), bias.double(), (low, high), "linear")

        np.testing.assert_array_equal(
            layer(torch.tensor(x).float()).numpy(), (x @ w.T + b).astype(np.float32)
        )

    @pytest.mark.parametrize("most", [0, 1, 2**28])
    @pytest.mark.parametrize("channels", [350, 900, 4000])
    def test_sums_beyond_float32_are_exact_in_parts(self, channels, most):
        """255 * 255 * 900 is more than 2^24: float32 alone would lose the last bits."""
        rng = np.random.default_rng(channels)
        x = rng.integers(200, 256, (3, channels, 2, 2))
        w = rng.integers(200, 256, (5, channels, 1, 1))
        b = rng.integers(-most, most + 1, 5)
        kernel = torch.ops.aten.conv2d.default
        levels = torch.tensor(w).float()
        bias = torch.tensor(b).double() if most else None
        layer = IntegerLayer.of(kernel, {}, levels, bias, (0, 255), "conv2d")
        want = np.einsum("nchw,oc->nohw", x, w[:, :, 0, 0]) + b.reshape(1, -1, 1, 1)

        assert np.abs(want).max() > EXACT
        np.testing.assert_array_equal(
            layer(torch.tensor(x).float()).numpy(), want.astype(np.float32)
        )

    def test_biases_that_do_not_fit_are_added_to_their_channels_alone(self):
        rng = np.random.default_rng(0)
        x, w = rng.integers(0, 256, (4, 30)), rng.integers(-255, 256, (6, 30))
        b = np.array([5, 2**24 + 1, -7, -(2**31) + 1, 2**24 - 1, 0])
        levels, bias = torch.tensor(w).float(), torch.tensor(b).double()
        layer = IntegerLayer.of(torch.ops.aten.linear.default, {}, levels, bias, (0, 255), "linear")

        assert layer.outer is not None
        assert layer.outer[0].tolist() == [1, 3, 4]
        np.testing.assert_array_equal(
            layer(torch.tensor(x).float()).numpy(), (x @ w.T + b).astype(np.float32)
        )

    def test_a_single_grouped_channel_beyond_float32_is_summed_in_float64(self):
        x, w = torch.full((1, 2, 20, 20), 255.0), torch.full((2, 1, 20, 20), 251.0)
        kernel = torch.ops.aten.conv2d.default
        layer = IntegerLayer.of(kernel, {"groups": 2}, w, None, (0, 255), "conv2d")

        assert layer(x).flatten().tolist() == [np.float32(255 * 251 * 400)] * 2

    def test_a_bias_is_rounded_to_even_and_kept_inside_32_bits(self):
        bias = torch.tensor([0.5, 1.5, -2.5, 1e30])

        assert integer_bias(bias, torch.ones(4).double()).tolist() == [0, 2, -2, 2**31 - 1]
