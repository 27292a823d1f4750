"""A plan finished step by step: what is done, in which order, and what it says of itself."""

from dataclasses import replace

import numpy as np
import pytest
from clips import IMAGES, loss, too_wide

from autosplit.finish import finish as module
from autosplit.finish.effort import EFFORTS, Finishing
from autosplit.finish.finish import finish
from autosplit.finish.lapq import scaled
from autosplit.finish.layerwise import recover


@pytest.fixture(scope="module")
def case():
    return too_wide()


def batches():
    return iter([IMAGES])


def test_clips_are_moved_within_the_steps_that_are_told(case):
    program, file = case
    told = []
    finishing = Finishing(EFFORTS["fast"], 40)
    done = finish(program, file, batches, finishing, told.append)

    assert sum(told) <= finishing.steps(file) == 2 * 3 + 40
    assert done.activations != file.activations
    assert loss(program, done) < loss(program, file)


def test_clips_that_moved_are_followed_by_another_finish_of_the_weights(case, monkeypatch):
    """The codes are those of the plan with the moved clips, not of the plan as it was."""
    program, file = case
    shorter = {**file.activations, "a": scaled(file.activations["a"], 0.55)}
    seen = []

    def move(program, plan, *rest):
        seen.append(plan)
        return replace(plan, activations=shorter)

    monkeypatch.setattr(module, "clip_jointly", move)
    done = finish(program, file, batches, Finishing(EFFORTS["good"], 40))
    plans = [replace(file, activations=each) for each in (file.activations, shorter)]
    before, want = (recover(program, plan, batches, EFFORTS["good"]) for plan in plans)

    assert done.activations == shorter
    assert all(np.array_equal(seen[0].codes[name], before.codes[name]) for name in want.codes)
    assert all(np.array_equal(done.codes[name], want.codes[name]) for name in want.codes)
    assert any(not np.array_equal(done.codes[name], before.codes[name]) for name in want.codes)


def test_without_runs_for_the_clips_a_plan_is_recovered_once(case, monkeypatch):
    program, file = case
    monkeypatch.setattr(module, "clip_jointly", None)  # it is not called
    done = finish(program, file, batches, Finishing(EFFORTS["fast"]))
    want = recover(program, file, batches, EFFORTS["fast"])

    assert done.activations == file.activations
    for name, codes in want.codes.items():
        np.testing.assert_array_equal(done.codes[name], codes)
        np.testing.assert_array_equal(done.biases[name], want.biases[name])


def test_clips_that_stay_leave_the_plan_as_it_was_finished(case, monkeypatch):
    program, file = case
    finished = []
    monkeypatch.setattr(
        module, "clip_jointly", lambda _, plan, *rest: finished.append(plan) or plan
    )
    done = finish(program, file, batches, Finishing(EFFORTS["fast"], 5))

    assert done is finished[0]


@pytest.mark.parametrize("evaluations", [0, 20])
def test_a_finished_plan_names_the_weights(case, evaluations):
    program, file = case
    done = finish(program, file, batches, Finishing(EFFORTS["fast"], evaluations))

    assert done.weights_sha256 == program.weights_sha256
