from dataclasses import replace

import numpy as np
import pytest
import torch
from measured import plan_for
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.compress.quantized_run import QuantizedRun
from autosplit.halves.deployed import deploy


@pytest.fixture(scope="module")
def program():
    torch.manual_seed(0)
    network = Net(
        lambda m, x: m.c(torch.relu(m.b(torch.relu(m.a(x)))).flatten(1)),
        a=nn.Conv2d(1, 4, 3, padding=1, bias=False),
        b=nn.Conv2d(4, 4, 3, padding=1),
        c=nn.Linear(144, 5),
    )
    return capture(network, torch.randn(2, 1, 6, 6), "net")


@pytest.fixture(scope="module")
def images():
    return torch.randn(16, 1, 6, 6, generator=torch.Generator().manual_seed(1))


def finished_plan_of(program, images):
    """A plan whose codes are not the nearest ones, and with biases of its own."""
    file = plan_for(program, images, 4, 6)
    codes = {}
    for name, grid in file.weights.items():
        steps = program.weight(name).numpy() / grid.scale.reshape(-1, *[1] * 0)[0]
        random = np.random.default_rng(0).integers(0, 16, steps.shape)
        codes[name] = random.astype(np.uint8)
    biases = {
        name: np.full(len(grid.scale), 0.25, np.float32) for name, grid in file.weights.items()
    }
    return replace(file, codes=codes, biases=biases)


@pytest.mark.parametrize("quantizer", ["lsq", "dorefa"])
def test_training_starts_from_the_plan_as_it_was_finished(program, images, quantizer):
    file = finished_plan_of(program, images)
    for name, grid in file.weights.items():  # a channel of zeros
        file.codes[name][0] = grid.zero_point[0]

    got = QuantizedRun(program, file, quantizer).plan()

    for name in file.weights:
        assert (got.codes[name] == file.codes[name]).all()
        assert got.biases[name] == pytest.approx(file.biases[name], rel=1e-6)
        assert got.weights[name].scale == pytest.approx(file.weights[name].scale, rel=1e-6)


def test_it_answers_as_the_deployed_plan_does(program, images):
    file = finished_plan_of(program, images)

    with torch.no_grad():
        got = QuantizedRun(program, file)(images)[0]

    expected = deploy(program, file)(images)[0][0]
    assert float((got - expected).abs().max()) < 0.05 * float(expected.abs().max())


def test_everything_that_is_learned_gets_a_gradient(program, images):
    run = QuantizedRun(program, finished_plan_of(program, images))

    run(images)[0].square().sum().backward()

    grads = {name: p.grad for name, p in run.named_parameters()}
    assert all(g is not None and g.isfinite().all() for g in grads.values())
    assert len([name for name in grads if name.startswith("biases")]) == 3
    assert all(float(g.abs().sum()) > 0 for name, g in grads.items() if name.startswith("latent"))


def test_a_trained_step_and_weight_are_in_the_plan(program, images):
    file = finished_plan_of(program, images)
    run = QuantizedRun(program, file)
    with torch.no_grad():
        for step in run.steps.values():
            step.add_(0.5)

    got = run.plan()

    for part in ("weights", "activations"):
        for name, grid in getattr(file, part).items():
            expected = grid.scale * np.exp(0.5)
            assert getattr(got, part)[name].scale == pytest.approx(expected, rel=1e-5)


def test_the_first_tensor_that_is_not_finite_is_named(program, images):
    run = QuantizedRun(program, finished_plan_of(program, images))

    assert run.first_not_finite(images) == ""
    with torch.no_grad():
        run.biases[run._keys["b"]][0] = float("nan")
    assert run.first_not_finite(images) == "b"


def test_no_weight_starts_near_another_code(program, images):
    """A tenth of a step in any direction changes no code, however the plan was rounded."""
    file = finished_plan_of(program, images)
    run = QuantizedRun(program, file)
    with torch.no_grad():
        for place, latent in enumerate(run.latent.values()):
            latent.add_(0.1 if place % 2 else -0.1)

    got = run.plan()

    assert all((got.codes[name] == file.codes[name]).all() for name in file.weights)


def test_every_parameter_is_in_one_group_and_weights_learn_faster(program, images):
    run = QuantizedRun(program, finished_plan_of(program, images))

    groups = run.groups()

    numbers = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(numbers) == sorted(map(id, run.parameters()))
    assert [group["share"] for group in groups] == [5.0, 1.0, 1.0]
