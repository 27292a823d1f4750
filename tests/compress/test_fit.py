import pytest
import torch
from torch import nn

from autosplit.compress.fit import (
    OPTIMIZERS,
    SCHEDULES,
    Recipe,
    distillation_loss,
    optimizer_of,
    train_step,
)
from autosplit.distortion.divergence import kl_divergence
from autosplit.errors import DataError
from autosplit.runs.declared.choices import OPTIMIZER_NAMES, SCHEDULE_NAMES


def test_the_loss_of_classifiers_is_the_divergence_of_the_search():
    teacher, student = torch.randn(5, 4), torch.randn(5, 4)

    loss = distillation_loss([student], [teacher])

    assert float(loss) == pytest.approx(kl_divergence(teacher, student) / 5, rel=1e-5)


def test_the_loss_of_other_networks_is_relative():
    teacher = torch.full((2, 3, 4), 2.0)

    assert float(distillation_loss([teacher + 1], [teacher])) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("name", "shares"), [("cosine", [1, 0.5, 0]), ("step", [1, 0.1, 0.01]), ("constant", [1, 1, 1])]
)
def test_schedules_at_the_start_the_middle_and_the_end(name, shares):
    assert [SCHEDULES[name](done) for done in (0, 0.5, 1)] == pytest.approx(shares)
    recipe = Recipe(2, 8, 0.1, schedule=name, steps=5)
    assert recipe.rate(5) == pytest.approx(0.1 * shares[1])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_goes_down(name):
    value = nn.Parameter(torch.tensor([3.0]))
    recipe = Recipe(1, 1, 0.1, name, "constant")
    optimizer = optimizer_of([value], recipe)

    for step in range(20):
        train_step(optimizer, value.square().sum(), recipe, step, "")

    assert abs(value.item()) < 2.5


def test_a_loss_that_is_not_finite_stops_and_changes_nothing():
    value = nn.Parameter(torch.tensor([3.0]))
    recipe = Recipe(1, 1, 0.1)
    optimizer = optimizer_of([value], recipe)

    with pytest.raises(DataError, match="got nan at step 7, in layer a; lower --lr"):
        train_step(optimizer, value.sum() * float("nan"), recipe, 7, ", in layer a")
    assert value.item() == 3


def test_options_know_the_names():
    assert tuple(OPTIMIZERS) == OPTIMIZER_NAMES
    assert tuple(SCHEDULES) == SCHEDULE_NAMES
