"""Measured numbers against numpy on the concatenated data, on a hand-built program."""

import gc
import tracemalloc

import numpy as np
import pytest
import torch
from tape import FUNCTIONS, SHAPE, Tape, expected_stats, samples, split
from torch import nn

from autosplit.capture.capture import capture
from autosplit.distortion.measure import measure
from autosplit.errors import DataError, PlanError
from autosplit.grid.grid import WIDTHS
from autosplit.quantize.affine import fake_quantize


@pytest.mark.parametrize("sizes", [[50], [16, 16, 16, 2], [1] * 50, [49, 1]])
def test_moments_equal_numpy_on_the_concatenated_data(sizes):
    data = samples(50)
    stats = measure(Tape(FUNCTIONS), split(data, sizes))

    assert stats.samples == 50
    assert set(stats.tensors) == {"input", *FUNCTIONS}
    for name, function in {"input": lambda x: x, **FUNCTIONS}.items():
        found = stats.tensors[name]
        for key, value in expected_stats(function(data)).items():
            assert getattr(found, key) == pytest.approx(value, rel=1e-5, abs=0), (name, key)
        assert found.shape == tuple(function(data).shape[1:])
        assert found.elements == int(np.prod(found.shape))


def test_distortion_is_the_exact_error_at_the_clip_found():
    """Within 0.5 % of quantizing every element; the histogram of "outlier" is in two parts."""
    data = samples(200, seed=3)
    names = ["relu", "silu", "offset", "outlier", "sparse", "huge", "minute", "channels last"]
    tape = Tape({name: FUNCTIONS[name] for name in names})
    stats = measure(tape, split(data, 64))

    for name in names:
        x = FUNCTIONS[name](data).double()
        for bits in WIDTHS:
            found = stats.distortions[name, "activation", bits]
            grid = stats.grids[name, "activation", bits]
            exact = float((fake_quantize(x, grid) - x).square().mean())
            assert found.mse == pytest.approx(exact, rel=5e-3), (name, bits)
            assert found.distortion == pytest.approx(found.mse / float(x.square().mean()))


def test_an_outlier_does_not_blur_the_histogram_of_the_rest():
    """A hundred thousand normal values and one of 300: clip far below it at 8 bits or pay."""
    data = samples(100, seed=5)
    data[0, 0, 0, 0] = 2000.0
    found = measure(Tape({"relu": torch.relu}), split(data, 30))

    for bits in WIDTHS:
        for name, x in (("input", data.double()), ("relu", torch.relu(data).double())):
            grid = found.grids[name, "activation", bits]
            exact = float((fake_quantize(x, grid) - x).square().mean())
            mse = found.distortions[name, "activation", bits].mse
            assert mse == pytest.approx(exact, rel=2e-3), (name, bits)


@pytest.mark.parametrize("unit", [1e-22, 1e18])
def test_the_unit_of_the_data_does_not_matter(unit, denormals):
    """The same zero points, steps in proportion, the same noise over signal."""
    data = samples(40, seed=3)
    names = ["relu", "silu", "outlier"]
    tape = Tape({name: FUNCTIONS[name] for name in names})
    plain = measure(tape, split(data, 16))
    other = Tape({name: (lambda x, f=FUNCTIONS[name]: f(x / unit) * unit) for name in names})
    found = measure(other, split(data * unit, 16))

    for key, one in plain.distortions.items():
        assert found.distortions[key].distortion == pytest.approx(one.distortion, rel=1e-3), key
        (step, zero), (scaled, same) = (stats.grids[key].per_tensor for stats in (plain, found))
        assert scaled / unit == pytest.approx(step, rel=1e-3), key
        assert zero == same, key


def test_constant_and_zero_tensors_have_no_distortion():
    tape = Tape({"zero": lambda x: 0 * x, "constant": lambda x: 0 * x - 0.7})
    stats = measure(tape, split(samples(5), 2))

    for name, value in (("zero", 0.0), ("constant", float(np.float32(-0.7)))):
        found = stats.tensors[name]
        assert (found.min, found.max, found.mean, found.std, found.b) == (value,) * 3 + (0, 0)
        for bits in WIDTHS:
            distortion = stats.distortions[name, "activation", bits]
            assert 0 <= distortion.distortion < 1e-12
            grid = stats.activation_grids[name, bits]
            assert grid.low[0] - 1e-7 <= value <= grid.high[0] + 1e-7


def test_weights_are_measured_per_output_channel():
    weight = torch.randn(4, 6, 3, 3) * torch.tensor([1.0, 10.0, 0.0, 0.1])[:, None, None, None]
    layers = {"conv": torch.relu, "transposed": torch.relu, "dead": torch.relu}
    stored = {
        "conv": (weight, 0),
        "transposed": (weight.transpose(0, 1), 1),
        "dead": (0 * weight, 0),
    }
    stats = measure(Tape(layers, stored), split(samples(2), 2))

    for bits in WIDTHS:
        found = stats.distortions["conv", "weight", bits]
        grid = stats.grids["conv", "weight", bits]
        error = fake_quantize(weight, grid, axis=0).double() - weight.double()
        assert found.mse == pytest.approx(float(error.square().mean()), rel=1e-3)
        assert found.distortion == pytest.approx(found.mse / float(weight.double().square().mean()))
        assert stats.distortions["transposed", "weight", bits].mse == pytest.approx(found.mse)
        assert stats.distortions["dead", "weight", bits].distortion == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_value_that_is_not_finite_names_tensor_and_batch(bad):
    def breaks(x):
        return torch.where(x > 3.5, bad, x)

    data = samples(12).clamp_(max=3)
    data[9, 1, 2, 3] = 4.0

    with pytest.raises(DataError, match=r"^breaks: .*batch 2$"):
        measure(Tape({"fine": torch.relu, "breaks": breaks, "later": breaks}), split(data, 4))


def test_no_samples_is_refused():
    with pytest.raises(DataError, match="at least one sample"):
        measure(Tape({"relu": torch.relu}), lambda: iter(()))


def test_a_second_pass_of_other_length_is_refused():
    passes = iter([4, 3])

    with pytest.raises(DataError, match="same samples"):
        measure(Tape({"relu": torch.relu}), lambda: iter([samples(next(passes))]))


def test_only_the_widths_asked_for_are_measured():
    tape = Tape({"relu": torch.relu}, {"relu": (torch.randn(2, 3), 0)})
    stats = measure(tape, split(samples(2), 2), widths=(3, 5))

    assert {bits for _, _, bits in stats.distortions} == {3, 5}
    assert set(stats.weight_grids) == {("relu", 3), ("relu", 5)}


def test_threads_and_batches_do_not_change_the_result():
    tape, data = Tape({"relu": torch.relu}), samples(40)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append(measure(tape, split(data, 7)))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)

    for key, value in results[0].distortions.items():
        assert results[1].distortions[key].mse == pytest.approx(value.mse, rel=1e-6)


@pytest.fixture
def only_new_objects():
    """The collector looks only at what is made from here on, which is much faster."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def test_memory_does_not_grow_with_the_number_of_batches(only_new_objects):
    """What lives between batches is counted: tensors that survive one, and Python's own peak."""
    alive = []

    def batches(count):
        """Count before each batch is made, and once more behind the last."""
        for i in range(count):
            if i:
                alive.append(living())
            yield samples(8, i)
        alive.append(living())

    def living():
        gc.collect()
        return sum(x.numel() for x in gc.get_objects() if type(x) is torch.Tensor)

    peaks = []
    for count in (4, 16):
        tracemalloc.start()
        measure(
            Tape({"relu": torch.relu, "silu": nn.functional.silu}),
            lambda n=count: batches(n),
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert max(alive) <= min(alive) + 8 * np.prod(SHAPE)
    assert peaks[1] < 1.2 * peaks[0]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        return self.head(torch.relu(self.norm(self.conv(x))).mean((2, 3)))


def test_captured_network_is_measured_whole():
    torch.manual_seed(0)
    data = samples(11)
    program = capture(Net().eval(), (data[:1],), "net")
    values = {}

    def keep(name, value):
        values.setdefault(name, []).append(program.samples(name, value).clone())

    for part in torch.split(data, 4):
        program.run((part,), keep)
    stats = measure(program, split(data, 4))

    assert set(stats.tensors) == set(program.graph.tensors)
    for name, parts in values.items():
        for key, value in expected_stats(torch.cat(parts)).items():
            assert getattr(stats.tensors[name], key) == pytest.approx(value, rel=1e-5), (name, key)
    assert {name for name, role, _ in stats.distortions if role == "weight"} == set(program.weights)
    assert len(stats.distortions) == 8 * (len(stats.tensors) + len(program.weights))


def test_an_error_inside_a_captured_network_names_the_layer():
    data = samples(4)
    program = capture(Net().eval(), (data[:1],), "net")
    data[3] = 1e38

    with pytest.raises(DataError, match="batch 1"):
        measure(program, split(data, 2))


def test_the_clipping_rule_is_obeyed_but_for_the_answers():
    """Values 0..7 in a batch: min-max keeps them all at 2 bits, the least error does not."""
    network = nn.Sequential(nn.ReLU(), nn.Linear(8, 8))
    program = capture(network.eval(), (torch.zeros(1, 8),))
    images = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    relu, answer = program.graph.layers[0].name, program.graph.outputs[0]

    whole = measure(program, lambda: iter([images]), clipping="minmax")
    best = measure(program, lambda: iter([images]))

    greatest = whole.tensors[relu].max
    kept = whole.activation_grids[relu, 2]
    assert (kept.low[0], kept.high[0]) == (0.0, pytest.approx(greatest))
    assert best.activation_grids[relu, 2].high[0] < 0.9 * greatest
    for stats in (whole, best):
        grid = stats.activation_grids[answer, 2]
        length = stats.tensors[answer].max - stats.tensors[answer].min
        assert grid.high[0] - grid.low[0] == pytest.approx(length)


def test_an_unknown_clipping_rule_is_refused_before_anything_runs():
    program = capture(nn.Sequential(nn.ReLU()).eval(), (torch.zeros(1, 8),))

    with pytest.raises(PlanError, match="clipping: unknown rule 'best', choose from: average"):
        measure(program, lambda: iter([]), clipping="best")


class Step(nn.Module):
    """A layer that a whole number scales."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 2)

    def forward(self, x, t):
        return self.a(x) * t[:, None]


def test_integers_that_the_example_left_no_room_for_are_refused():
    """The example has 9, which takes 8 bits with room of 4: up to 255."""
    program = capture(Step().eval(), (torch.randn(2, 4), torch.tensor([9, 9])))
    x, t = torch.randn(2, 4), torch.tensor([60, 848])

    with pytest.raises(DataError, match=r"^t: integers must be 0\.\.255 of 8 bits, got 60\.\.848;"):
        measure(program, lambda: iter([(x, t)]), widths=(8,))
