"""Cycles of a systolic array: those of SCALE-Sim, and of an array simulated step by step."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from boards import ARRAY, graph, one_layer
from hypothesis import given
from hypothesis import strategies as st

from autosplit.errors import LatencyError
from autosplit.graph.layer import Gemm
from autosplit.hardware.checks import DATAFLOWS
from autosplit.hardware.seconds import MODELS
from autosplit.hardware.systolic import systolic_cycles

# ---- cycles


# Compute cycles that SCALE-Sim 3.0.0 printed, for layers like those of resnet18 (R18) and
# mobilenet_v2 (MBV2) on two arrays.
SCALESIM = Path(__file__).parents[1] / "reference" / "scalesim_cycles.csv"
with SCALESIM.open(newline="") as file:
    ROWS = list(csv.DictReader(file))


@pytest.mark.parametrize("row", ROWS, ids=lambda r: "-".join(list(r.values())[:-1]))
def test_cycles_are_those_of_scale_sim(row):
    sizes = [int(row[key]) for key in list(row)[1:6]]
    assert systolic_cycles(*sizes, row["dataflow"]) == int(row["scalesim_cycles"])


def test_the_scale_sim_numbers_are_all_there():
    assert len(ROWS) == 39
    assert {row["dataflow"] for row in ROWS} == set(DATAFLOWS)


def simulated_output_stationary(left, right, rows, cols):
    """Multiply on an array where operands move right and down one element a cycle."""
    (pixels, depth), filters = left.shape, right.shape[1]
    product, cycles = np.zeros((pixels, filters), int), 0
    for top in range(0, pixels, rows):
        for side in range(0, filters, cols):
            moving_right, moving_down = [np.zeros((rows, cols), int) for _ in range(2)]
            sums, done = np.zeros((rows, cols), int), np.zeros((rows, cols), int)
            cycle = 0
            while done.min() < depth:
                moving_right[:, 1:] = moving_right[:, :-1].copy()
                moving_down[1:] = moving_down[:-1].copy()
                for i in range(rows):  # row i starts i cycles late
                    fed = 0 <= cycle - i < depth and top + i < pixels
                    moving_right[i, 0] = left[top + i, cycle - i] if fed else 0
                for j in range(cols):
                    fed = 0 <= cycle - j < depth and side + j < filters
                    moving_down[0, j] = right[cycle - j, side + j] if fed else 0
                sums += moving_right * moving_down
                i, j = np.indices((rows, cols))
                done += (cycle >= i + j) & (done < depth)
                cycle += 1
            cycles += cycle
            block = product[top : top + rows, side : side + cols]
            block += sums[: block.shape[0], : block.shape[1]]
    return product, cycles


def simulated_weight_stationary(left, right, rows, cols):
    """Multiply on an array that is loaded a row a cycle; then sums move down, inputs right."""
    (pixels, depth), filters = left.shape, right.shape[1]
    product, cycles = np.zeros((pixels, filters), int), 0
    for top in range(0, depth, rows):
        for side in range(0, filters, cols):
            held = np.zeros((rows, cols), int)
            block = right[top : top + rows, side : side + cols]
            held[: block.shape[0], : block.shape[1]] = block
            cycle, taken = rows, 0  # as many cycles as rows to load
            moving_right, sums = [np.zeros((rows, cols), int) for _ in range(2)]
            while taken < pixels * cols:
                moving_right[:, 1:] = moving_right[:, :-1].copy()
                for i in range(rows):
                    at = cycle - rows - i
                    fed = 0 <= at < pixels and top + i < depth
                    moving_right[i, 0] = left[at, top + i] if fed else 0
                sums[1:] = sums[:-1].copy()
                sums[0] = 0
                sums += moving_right * held
                for j in range(cols):
                    at = cycle - rows - (rows - 1) - j
                    if 0 <= at < pixels:
                        taken += 1
                        if side + j < filters:
                            product[at, side + j] += sums[-1, j]
                cycle += 1
            cycles += cycle
    return product, cycles


@given(
    st.integers(1, 7),
    st.integers(1, 7),
    st.integers(1, 7),
    st.integers(1, 4),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_cycles_are_those_of_an_array_simulated_cycle_by_cycle(e, k, n, rows, cols, random):
    left = np.array([[random.randint(-9, 9) for _ in range(k)] for _ in range(e)])
    right = np.array([[random.randint(-9, 9) for _ in range(n)] for _ in range(k)])
    # With the inputs held, the array multiplies the transposed product.
    simulated = {
        "os": simulated_output_stationary(left, right, rows, cols),
        "ws": simulated_weight_stationary(left, right, rows, cols),
        "is": simulated_weight_stationary(right.T, left.T, rows, cols),
    }
    simulated["is"] = simulated["is"][0].T, simulated["is"][1]
    for dataflow, (product, cycles) in simulated.items():
        assert np.array_equal(product, left @ right)
        assert systolic_cycles(e, k, n, rows, cols, dataflow) == cycles - 1


SIZES = st.tuples(*[st.integers(1, 3000)] * 3)


@given(
    SIZES, st.integers(1, 300), st.integers(1, 300), st.sampled_from(DATAFLOWS), st.integers(0, 2)
)
def test_a_larger_product_never_takes_fewer_cycles(sizes, rows, cols, dataflow, grown):
    larger = [size + (i == grown) for i, size in enumerate(sizes)]
    assert systolic_cycles(*larger, rows, cols, dataflow) >= systolic_cycles(
        *sizes, rows, cols, dataflow
    )


@given(SIZES, st.integers(1, 300), st.integers(1, 300), st.sampled_from(DATAFLOWS))
def test_an_array_never_beats_one_product_per_element_and_cycle(sizes, rows, cols, dataflow):
    cycles = systolic_cycles(*sizes, rows, cols, dataflow)
    assert (cycles + 1) * rows * cols >= math.prod(sizes)


def test_numpy_sizes_do_not_overflow():
    size = np.int32(100_000)
    assert systolic_cycles(size, size, size, 1, 1, "os") == 10**10 * 10**5 - 1  # 1 + 1 + K - 2 = K


@pytest.mark.parametrize("name", ["out_pixels", "filter_size", "filters", "rows", "cols"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "2", None, True])
def test_a_wrong_size_is_named(name, value):
    sizes = {"out_pixels": 1, "filter_size": 1, "filters": 1, "rows": 1, "cols": 1, name: value}
    with pytest.raises(LatencyError, match=f"^{name}: must be an integer of at least 1, got "):
        systolic_cycles(**sizes, dataflow="os")


def test_an_unknown_dataflow_is_answered_with_the_nearest():
    with pytest.raises(LatencyError, match=r"dataflow: .*'oss', did you mean 'os'\?"):
        systolic_cycles(1, 1, 1, 1, 1, "oss")


@pytest.mark.parametrize(
    ("bits", "passes"), [(1, 1), (2, 1), (8, 1), (9, 2), (16, 2), (17, 3), (32, 4)]
)
def test_operands_wider_than_the_multipliers_take_several_passes(bits, passes):
    conv = graph().by_name["conv"]
    # os: ceil(16/2) * ceil(3/3) * (2 + 3 + 18 - 2) - 1 = 8 * 21 - 1
    for widths in ((bits, 1), (1, bits), (bits, bits)):
        assert MODELS["systolic"](conv, ARRAY, *widths) == pytest.approx(167 * passes / 1e3)


def test_repeated_products_run_one_after_the_other():
    _, layer = one_layer(kind="conv", gemms=(Gemm(16, 9, 1, repeats=3),))
    # depthwise: 3 * (ceil(16/2) * 1 * (2 + 3 + 9 - 2) - 1) = 3 * 95
    assert MODELS["systolic"](layer, ARRAY, 1, 8) == pytest.approx(285 / 1e3)


def test_several_products_of_a_layer_add_up():
    _, layer = one_layer(kind="lstm", gemms=(Gemm(16, 9, 1), Gemm(2, 1, 3)))
    # 95 + (1 * 1 * (2 + 3 + 1 - 2) - 1) = 95 + 3
    assert MODELS["systolic"](layer, ARRAY, 1, 8) == pytest.approx(98 / 1e3)
