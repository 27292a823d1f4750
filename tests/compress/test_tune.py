import numpy as np
import pytest
import torch
from measured import plan_for
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.compress.fit import Recipe
from autosplit.compress.quantized_run import QuantizedRun
from autosplit.compress.training_set import TrainingSet
from autosplit.compress.tune import held_out_loss, tune_plan
from autosplit.data.images import Images
from autosplit.errors import DataError
from autosplit.progress import silent


class Random:
    """Random samples without classes."""

    def __init__(self, count):
        self.values = torch.randn(count, 1, 4, 4, generator=torch.Generator().manual_seed(0))

    def __iter__(self):
        return self.at(range(len(self.values)))

    def at(self, places):
        return iter([(self.values[place], None) for place in places])

    def raw(self):
        return iter([(value.numpy().tobytes(), None) for value in self.values])


@pytest.fixture(scope="module")
def asked():
    torch.manual_seed(0)
    network = Net(
        lambda m, x: m.b(torch.relu(m.a(x)).flatten(1)),
        a=nn.Conv2d(1, 4, 3, padding=1),
        b=nn.Linear(64, 3),
    )
    source = Random(96)
    program = capture(network, torch.randn(2, 1, 4, 4), "net")
    return program, plan_for(program, source.values, 2, 3), TrainingSet(Images(source))


def teacher_of(program):
    return lambda inputs: program.run((inputs,))


def test_a_trained_plan_answers_nearer_to_the_teacher(asked):
    program, file, samples = asked

    found = tune_plan(program, file, samples, teacher_of(program), Recipe(3, 16, 0.02), silent)

    assert found.best > 0
    assert found.losses[found.best] < 0.9 * found.losses[0]
    again = held_out_loss(QuantizedRun(program, found.file), samples, teacher_of(program), 16)
    assert again == pytest.approx(found.losses[found.best], rel=0.02)


def test_the_plan_stays_as_it_was_where_no_epoch_is_better(asked):
    program, file, samples = asked

    found = tune_plan(program, file, samples, teacher_of(program), Recipe(2, 16, 9.0), silent)

    assert found.best == 0
    assert found.file is file


def test_the_same_seed_gives_the_same_plan(asked):
    program, file, samples = asked

    first, second = (
        tune_plan(program, file, samples, teacher_of(program), Recipe(1, 16, 0.02), silent)
        for _ in range(2)
    )

    assert first.file.half_sha256 == second.file.half_sha256


def test_a_loss_that_is_not_finite_says_step_and_layer(asked):
    program, file, samples = asked
    calls = []

    def broken(inputs):
        calls.append(1)
        answers = program.run((inputs,))
        return tuple(y * float("nan") for y in answers) if len(calls) == 4 else answers

    with pytest.raises(DataError, match="the loss must be finite, got nan at step 2"):
        tune_plan(program, file, samples, broken, Recipe(1, 16, 0.02), silent)


def test_steps_of_a_plan_trained_with_powers_of_two_are_powers_of_two(asked):
    """Also where no epoch is better than the start, which is another plan then."""
    program, file, samples = asked

    for lr in (0.02, 0.0):
        recipe = Recipe(1, 16, lr)
        found = tune_plan(
            program, file, samples, teacher_of(program), recipe, silent, quantizer="pot"
        )

        for grids in (found.file.weights, found.file.activations):
            for grid in grids.values():
                exponents = np.log2(grid.scale)
                assert (exponents == exponents.round()).all()
