"""Clipping rules: one conformance test for all, and each against a count or a known value."""

import math

import numpy as np
import pytest

from autosplit.errors import PlanError
from autosplit.grid.clipping import CLIPPING, Observed, aciq_gauss, aciq_laplace, clipped_grids
from autosplit.grid.grid import Grid


def bins_of(values):
    """Fine bins over most of the values; what lies far out has bins as fine around it."""
    middle = np.median(values)
    reach = 40 * np.median(np.abs(values - middle))
    far = values[np.abs(values - middle) > reach]
    if not reach or not len(far):
        return 4096
    fine = np.linspace(middle - reach, middle + reach, 4096)
    return np.unique(np.concatenate([fine, far - 0.01, far + 0.01]))


def observe(values, samples=8):
    """What the measurement would say of these values."""
    values = np.asarray(values, dtype=float)
    rows = values.reshape(samples, -1)
    counts, edges = np.histogram(values, bins=bins_of(values))
    return Observed(
        min=values.min(),
        max=values.max(),
        avg_min=rows.min(1).mean(),
        avg_max=rows.max(1).mean(),
        mean=values.mean(),
        std=values.std(),
        b=np.abs(values - values.mean()).mean(),
        counts=counts.astype(float),
        edges=edges,
    )


RNG = np.random.default_rng(0)
SPREAD = RNG.laplace(0, 1, 40_000)
DATA = {
    "laplace": SPREAD,
    "normal": RNG.normal(1, 2, 40_000),
    "rectified": np.maximum(SPREAD, 0),
    "negative": -np.abs(SPREAD),
    "outlier": np.append(SPREAD[:-1], 1e6),
    "constant": np.full(80, 3.0),
    "zeros": np.zeros(80),
    "few": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
}


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("rule", CLIPPING)
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_every_rule_gives_a_grid_that_holds_zero_and_its_true_error(rule, data, bits):
    values = DATA[data]
    found = clipped_grids(observe(values), rule, (bits,))[bits]
    scale, zero = found.grid.per_tensor
    levels = np.clip(np.round(values / scale), -zero, 2**bits - 1 - zero)
    error = np.mean((levels * scale - values) ** 2)

    assert found.grid.low[0] <= 0 <= found.grid.high[0]
    assert found.mse[0] == pytest.approx(error, rel=0.02, abs=1e-6)


@pytest.mark.parametrize("rule", CLIPPING)
def test_a_one_sided_tensor_gets_a_one_sided_range(rule):
    assert clipped_grids(observe(DATA["rectified"]), rule, (4,))[4].grid.low[0] == 0
    assert clipped_grids(observe(DATA["negative"]), rule, (4,))[4].grid.high[0] == 0


@pytest.mark.parametrize("data", ["laplace", "normal", "rectified", "negative"])
@pytest.mark.parametrize("rule", CLIPPING)
def test_no_rule_errs_less_than_the_one_of_least_error(rule, data):
    observed = observe(DATA[data])

    for bits, found in clipped_grids(observed, rule).items():
        assert clipped_grids(observed, "mse", (bits,))[bits].mse <= found.mse * 1.001


def test_min_max_and_average_are_what_they_say():
    observed = observe([0.0, 1.0, -1.0, 3.0], samples=2)

    assert CLIPPING["minmax"](observed, 4) == (-1, 3)
    assert CLIPPING["average"](observed, 4) == (-0.5, 2)


def test_the_percentile_drops_one_value_in_ten_thousand():
    low, high = CLIPPING["percentile"](observe(np.linspace(-1, 1, 40_000)), 8)

    assert (low, high) == (pytest.approx(-0.9999, abs=1e-5), pytest.approx(0.9999, abs=1e-5))


@pytest.mark.parametrize(("bits", "reach"), [(2, 2.83), (3, 3.89), (4, 5.03)])
def test_laplace_reaches_are_those_of_the_paper(bits, reach):
    """Banner et al. 2019, section 3.1: 2.83 b, 3.89 b and 5.03 b."""
    observed = Observed(-1e3, 1e3, -1e3, 1e3, 0, math.sqrt(2), 1, np.ones(2), np.arange(3.0))

    assert aciq_laplace(observed, bits) == (
        pytest.approx(-reach, abs=0.01),
        pytest.approx(reach, abs=0.01),
    )


@pytest.mark.parametrize(("bits", "reach"), [(2, 1.71), (3, 2.15), (4, 2.55)])
def test_gauss_reaches_are_those_of_the_paper(bits, reach):
    """Banner et al. 2019: 1.71, 2.15 and 2.55 standard deviations."""
    observed = Observed(-1e3, 1e3, -1e3, 1e3, 0, 1, 0.8, np.ones(2), np.arange(3.0))

    assert aciq_gauss(observed, bits)[1] == pytest.approx(reach, abs=0.01)


@pytest.mark.parametrize(("bits", "reach"), [(1, 2.83), (2, 3.89), (3, 5.03)])
def test_exponential_data_is_clipped_as_laplace_data_with_one_more_bit(bits, reach):
    """A rectified Laplace variable with b = 1 has mean 1 and deviation 1 above zero."""
    observed = Observed(0, 1e3, 0, 1e3, 1, 1, 1, np.ones(2), np.arange(3.0))

    assert aciq_laplace(observed, bits) == (0, pytest.approx(reach, abs=0.01))


@pytest.mark.parametrize(("bits", "reach"), [(1, 1.71), (2, 2.15), (3, 2.55)])
def test_half_normal_data_is_clipped_as_normal_data_with_one_more_bit(bits, reach):
    """The magnitude of a standard normal variable has mean sqrt(2/pi) and mean square 1."""
    mean = -math.sqrt(2 / math.pi)
    std = math.sqrt(1 - mean**2)
    observed = Observed(-1e3, 0, -1e3, 0, mean, std, 0.5, np.ones(2), np.arange(3.0))

    assert aciq_gauss(observed, bits) == (pytest.approx(-reach, abs=0.01), 0)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_the_p_norm_rule_has_the_least_norm_of_all_scaled_ranges(bits):
    """Of 200 ranges, each the whole one scaled about zero; p is 2.4."""
    values = DATA["laplace"]

    def norm(low, high):
        scale, zero = Grid.from_range(low, high, bits).per_tensor
        levels = np.clip(np.round(values / scale), -zero, 2**bits - 1 - zero)
        return np.mean(np.abs(levels * scale - values) ** 2.4)

    found = CLIPPING["norm"](observe(values), bits)

    tried = [norm(f * values.min(), f * values.max()) for f in np.linspace(0.005, 1, 200)]
    assert norm(*found) <= 1.01 * min(tried)


def test_the_zeros_that_a_rectifier_leaves_move_no_reach():
    half = np.abs(SPREAD)
    padded = np.concatenate([half, np.zeros(len(half))])

    for rule in (aciq_laplace, aciq_gauss):
        assert rule(observe(half), 3)[1] == pytest.approx(rule(observe(padded), 3)[1])


def test_laplace_is_near_the_best_on_laplace_data_and_gauss_on_normal_data():
    for rule, data in (("laplace", DATA["laplace"]), ("gauss", DATA["normal"] - 1)):
        found = clipped_grids(observe(data), rule, (3,))[3]

        assert found.mse < 1.1 * clipped_grids(observe(data), "mse", (3,))[3].mse


def test_an_unknown_rule_is_refused_by_name():
    with pytest.raises(PlanError, match=r"clipping: unknown rule 'mze', did you mean 'mse'\?"):
        clipped_grids(observe(SPREAD), "mze")
