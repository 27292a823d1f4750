import copy

import torch
from prunable import live_of, plain

from autosplit.compress.checkpoint_files import read_checkpoint, write_checkpoint
from autosplit.compress.training_now import (
    TrainingNow,
    copied_state,
    load_state,
    move_average,
    restore_training,
    saved_training,
)


def begun(module):
    optimizer = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    now = copied_state(module)
    return TrainingNow(optimizer, dict(now), now, [{"epoch": 0, "held_out": float("inf")}])


def test_what_is_saved_is_restored(tmp_path):
    module = live_of(plain()).module
    state = begun(module)
    module(torch.randn(2, 3, 8, 8))[0].square().sum().backward()
    state.optimizer.step()
    move_average(state.average, module, 0.5)
    state.epoch, state.best_epoch = 3, 2
    momentum = copy.deepcopy(state.optimizer.state_dict()["state"])

    write_checkpoint(tmp_path, saved_training(module, state, {"a": 1}))
    other = live_of(plain()).module
    again = begun(other)
    restore_training(other, again, read_checkpoint(tmp_path, {"a": 1}))

    for wanted, found in (
        (copied_state(module), copied_state(other)),
        (state.average, again.average),
    ):
        assert all(torch.equal(wanted[name], found[name]) for name in wanted)
    assert (again.epoch, again.best_epoch, again.rows) == (3, 2, state.rows)
    for place, values in again.optimizer.state_dict()["state"].items():
        assert torch.equal(values["momentum_buffer"], momentum[place]["momentum_buffer"])


def test_an_average_moves_by_its_decay():
    module = live_of(plain()).module
    average = {name: torch.zeros_like(value) for name, value in copied_state(module).items()}

    move_average(average, module, 0.75)

    torch.testing.assert_close(
        average["a.weight"], 0.25 * module.get_parameter("a.weight").detach()
    )
    load_state(module, average)
    torch.testing.assert_close(copied_state(module)["a.weight"], average["a.weight"])
