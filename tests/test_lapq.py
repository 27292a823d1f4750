"""Clips that are moved together: never worse on samples kept aside, and few evaluations."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from autosplit.answers import change
from autosplit.capture import capture
from autosplit.effort import EFFORTS, Finishing
from autosplit.evaluate import deploy
from autosplit.finishing import finish
from autosplit.lapq import REACH, clip_jointly, scaled
from autosplit.plan import Quantizer
from tests.nets import Net
from tests.test_recover import plan_for

IMAGES = torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(0))
FRESH = torch.randn(200, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def case():
    """A network whose activations are clipped at three times what suits them."""
    torch.manual_seed(0)
    net = Net(
        lambda net, x: net.fc(net.b(net.a(x).relu()).relu().flatten(1)),
        a=nn.Conv2d(3, 8, 3),
        b=nn.Conv2d(8, 8, 3),
        fc=nn.Linear(128, 10),
    )
    program = capture(net, (IMAGES[:1],))
    file, fine = plan_for(program, IMAGES, 8, 3), plan_for(program, IMAGES, 8)
    exact = {name: fine.activations[name] for name in ("x", "fc")}
    file = replace(file, activations={**file.activations, **exact})
    wide = {n: scaled(q, 1.9) if n in ("a", "b") else q for n, q in file.activations.items()}
    return program, replace(file, activations=wide)


def loss(program, file):
    return change(program.run((FRESH,)), deploy(program, file)(FRESH)[0]) / len(FRESH)


def test_ranges_that_are_too_long_are_made_shorter(case):
    program, file = case
    found = clip_jointly(program, file, lambda: iter(IMAGES.split(16)), 80)

    assert loss(program, found) < 0.8 * loss(program, file)
    for name in ("a", "b"):
        ratio = found.activations[name].scale[0] / file.activations[name].scale[0]
        assert 1 / REACH * 0.99 <= ratio < 1


def test_inputs_answers_zero_points_and_widths_stay(case):
    program, file = case
    found = clip_jointly(program, file, lambda: iter([IMAGES]), 30)

    for name in ("x", "fc"):
        assert found.activations[name] == file.activations[name]
    for name, integers in found.activations.items():
        assert integers.zero_point == file.activations[name].zero_point
        assert integers.bits == file.activations[name].bits


@pytest.mark.parametrize("evaluations", [0, 1, 7])
def test_no_more_runs_than_allowed(case, evaluations):
    program, file = case
    told = []
    clip_jointly(program, file, lambda: iter([IMAGES]), evaluations, told.append)

    assert sum(told) <= evaluations


def test_one_sample_leaves_the_plan_as_it_was(case):
    program, file = case

    assert clip_jointly(program, file, lambda: iter([IMAGES[:1]]), 20) is file


def test_what_only_suits_the_samples_searched_on_is_not_taken(case, monkeypatch):
    """A search that ends at a bad place is found out on the samples that were kept aside."""
    program, file = case

    def bad(loss, start, **_):
        loss.best = (-1.0, start + 10)

    monkeypatch.setattr("autosplit.lapq.minimize", bad)

    assert clip_jointly(program, file, lambda: iter([IMAGES]), 5) is file


def test_a_longer_range_has_the_same_zero():
    assert scaled(Quantizer(4, (0.5,), (3,)), 1.5) == Quantizer(4, (0.75,), (3,))


class TestFinishing:
    def test_clips_that_moved_are_followed_by_another_finish_of_the_weights(self, case):
        program, file = case
        told = []
        finishing = Finishing(EFFORTS["fast"], 40)
        done = finish(program, file, lambda: iter([IMAGES]), finishing, told.append)

        assert sum(told) <= finishing.steps(file) == 2 * 3 + 40
        assert done.activations != file.activations
        assert set(done.codes) == {"a", "b", "fc"}
        assert loss(program, done) < loss(program, file)
