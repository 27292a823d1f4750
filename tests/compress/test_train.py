"""Training in float: what is kept, what a killed training leaves, and what two processes give."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from nets import Net
from torch import nn

from autosplit.compress.fit import Recipe
from autosplit.compress.live import live_network
from autosplit.compress.losses import Objective
from autosplit.compress.train import Training, train_network
from autosplit.compress.training_set import TrainingSet
from autosplit.data.images import Images
from autosplit.errors import DataError, StageError
from autosplit.progress import silent


class Shifted:
    """Random samples of two classes, shifted up and down."""

    def __init__(self, count):
        self.values = torch.randn(count, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        self.values += 0.5 - torch.arange(count).view(-1, 1, 1, 1) % 2

    def __iter__(self):
        return self.at(range(len(self.values)))

    def at(self, places):
        return iter([(self.values[place], place % 2) for place in places])

    def raw(self):
        return iter([(v.numpy().tobytes(), place % 2) for place, v in enumerate(self.values)])


def network(norm=True):
    torch.manual_seed(0)
    middle = nn.BatchNorm2d(4) if norm else nn.Identity()
    return Net(
        lambda m, x: m.b(torch.relu(m.n(m.a(x))).flatten(1)),
        a=nn.Conv2d(1, 4, 3, padding=1),
        n=middle,
        b=nn.Linear(64, 2),
    )


def training_of(folder, *, norm=True, epochs=4, batch=16, lr=0.1, **more):
    live = live_network(network(norm), torch.randn(2, 1, 4, 4), "net")
    recipe = Recipe(epochs, batch, lr, more.pop("optimizer", "sgd"))
    samples = TrainingSet(Images(Shifted(96)))
    objective = Objective("classification")
    return Training(live, samples, objective, None, recipe, folder, **more)


def weights_of(training):
    return {k: v.clone() for k, v in training.live.module.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def test_a_trained_network_has_a_smaller_loss_on_samples_that_are_held_out(tmp_path):
    training = training_of(tmp_path)

    found = train_network(training, silent)

    held_out = [row["held_out"] for row in found.rows]
    assert found.best_epoch > 0
    assert held_out[found.best_epoch] == min(held_out) < 0.7 * held_out[0]


def test_a_pull_is_added_to_the_gradients_of_each_step(tmp_path):
    training = training_of(tmp_path, lr=0.01)
    scale = training.live.value("n.weight")

    def pull():
        scale.grad.fill_(1.0)

    train_network(replace(training, pull=pull), silent)

    # 4 epochs of 5 steps, which SGD with momentum makes all downwards.
    assert bool((training.live.value("n.weight") < 1).all())


def test_batch_norms_learn_and_their_statistics_move(tmp_path):
    training = training_of(tmp_path)
    before = weights_of(training)

    train_network(training, silent)

    after = weights_of(training)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved >= {"n.weight", "n.bias", "n.running_mean", "n.running_var", "a.weight"}


def test_the_start_is_kept_where_no_epoch_is_better(tmp_path):
    training = training_of(tmp_path, lr=0.0)
    before = weights_of(training)

    found = train_network(replace(training, recipe=Recipe(1, 16, 0.0)), silent)

    after = weights_of(training)
    assert found.rows[0]["held_out"] <= found.rows[1]["held_out"] or found.best_epoch == 1
    assert torch.equal(before["a.weight"], after["a.weight"])


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_training_that_goes_on_ends_where_one_in_one_go_does(tmp_path, optimizer):
    whole = training_of(tmp_path / "whole", optimizer=optimizer, ema=0.9)
    train_network(whole, silent)

    class StopError(Exception):
        pass

    def stop(row):
        if row["epoch"] == 2:
            raise StopError

    cut = training_of(tmp_path / "cut", optimizer=optimizer, ema=0.9, told=stop)
    with pytest.raises(StopError):
        train_network(cut, silent)
    again = training_of(tmp_path / "cut", optimizer=optimizer, ema=0.9)
    found = train_network(again, silent, resume=True)

    assert len(found.rows) == 5
    assert same(weights_of(whole), weights_of(again))


def test_the_moving_average_is_what_is_kept(tmp_path):
    """With a decay of 1 - 1e-6 the average hardly leaves the start."""
    training = training_of(tmp_path, ema=0.999999, from_scratch=True)
    before = weights_of(training)

    train_network(training, silent)

    assert torch.allclose(before["a.weight"], weights_of(training)["a.weight"], atol=1e-3)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    train_network(training_of(tmp_path, epochs=1, made_of={"lr": 0.1, "seed": 0}), silent)

    with pytest.raises(StageError, match=r"differs in lr; give the same options"):
        train_network(training_of(tmp_path, made_of={"lr": 0.2, "seed": 0}), silent, resume=True)


def test_a_loss_that_is_not_finite_says_step_and_layer_and_keeps_the_checkpoint(tmp_path):
    """Five steps are an epoch of 88 samples in batches of 16."""
    training = training_of(tmp_path)

    def spoil(row):
        if row["epoch"] == 2:
            with torch.no_grad():
                training.live.value("b.weight").fill_(float("nan"))

    with pytest.raises(DataError) as error:
        train_network(replace(training, told=spoil), silent)

    text = str(error.value)
    assert "got nan at step 10, first in layer b; lower --lr" in text
    assert "the checkpoint after epoch 2 is kept in" in text
    saved = json.loads((tmp_path / "checkpoint.json").read_text())
    assert saved["epoch"] == 2
    assert (tmp_path / saved["tensors"]).exists()


PROCESS = """
import json, sys
from pathlib import Path

sys.path.insert(0, {tests!r})
from importlib.util import module_from_spec, spec_from_file_location

spec = spec_from_file_location("here", {file!r})
here = module_from_spec(spec)
spec.loader.exec_module(here)
here.process(Path(sys.argv[1]), sys.argv[2])
"""


def process(folder, kind):
    """What a process of a test does: trains, and writes losses and weights."""
    told = (lambda row: time.sleep(0.3)) if kind == "slow" else (lambda row: None)
    training = training_of(folder, norm=kind != "plain", epochs=6, told=told)
    found = train_network(training, silent, resume=True)
    if found.is_main:
        rows = [{k: v for k, v in row.items() if k != "images_per_s"} for row in found.rows]
        (folder / "rows.json").write_text(json.dumps(rows))
        torch.save(weights_of(training), folder / "weights.pt")


def start(folder, kind, *before):
    folder.mkdir(exist_ok=True)
    code = PROCESS.format(tests=str(Path(__file__).parents[1]), file=__file__)
    script = folder / "script.py"
    script.write_text(code)
    command = [sys.executable, *before, str(script), str(folder), kind]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_weights(tmp_path):
    """Killed with kill -9 as soon as two epochs are done, wherever it is then."""
    whole = training_of(tmp_path, epochs=6)
    train_network(whole, silent)
    folder = tmp_path / "killed"
    running = start(folder, "slow")
    while not list(folder.glob("checkpoint-0000[2-6].safetensors")):
        assert running.poll() is None
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()

    assert start(folder, "once").wait() == 0

    assert same(weights_of(whole), torch.load(folder / "weights.pt"))


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one_with_their_batches_together(tmp_path):
    """Of a network without batch norms; the batch of 16 is two of 8."""
    processes = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert start(tmp_path / "two", "plain", *processes).wait() == 0
    one = train_network(training_of(tmp_path / "one", norm=False, epochs=6), silent)

    two = json.loads((tmp_path / "two" / "rows.json").read_text())

    for name in ("loss", "held_out"):
        expected = [row[name] for row in one.rows if name in row]
        assert [row[name] for row in two if name in row] == pytest.approx(expected, abs=1e-4)
