"""What ``stats`` says of inputs and task, and keeps."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from autosplit.data.coco import Truth
from autosplit.data.datasets import DataSet
from autosplit.data.images import Images
from autosplit.data.photos import Photos
from autosplit.data.preprocess import Letterbox
from autosplit.errors import AutoSplitWarning, DataError, OptionError
from autosplit.evaluate.average_precision import FoundBoxes
from autosplit.evaluate.chance import NO_BOXES, ONLY_CROWDS
from autosplit.evaluate.judge import Judge
from autosplit.evaluate.task import CLASSIFICATION, DETECTION, REGRESSION
from autosplit.evaluate.tasks.detection import BoxAnswers, BoxRecord
from autosplit.runs.inputs import (
    INPUTS_FILE,
    boxes_text,
    chance_text,
    float_text,
    shares_samples,
    write_left_out,
)
from autosplit.runs.stages.run import run

FILE = """
import torch
from torch import nn


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear({size}, 4)), torch.zeros(1, *{shape})


def data():
    inputs = torch.randn({count}, *{shape})
    return [(inputs, {labels})]
"""


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Write a network with data of its own; gives what runs its stages and what is told."""
    monkeypatch.chdir(tmp_path)

    def write(labels, shape=(1, 2, 2), count=40, **more):
        (tmp_path / "own.py").write_text(
            FILE.format(size=4, shape=shape, labels=labels, count=count)
        )
        given = {"model": "own.py:net", "data": "own.py:data", "links": ("3mbps",)} | more
        given |= {"effort": "none", "memory_bytes": 10**6, "max_drop": None}

        def stages(count, **again):
            told = []

            def progress(what, total):
                told.append((what, total))
                return nullcontext(lambda _: None)

            outcomes = run(tmp_path / "run", given, progress=progress, **again)
            for _ in range(count):
                next(outcomes)
            return told

        return stages

    return write


LEARNED = "net()[0](inputs).argmax(1)"


def test_the_first_line_says_what_goes_in_and_the_second_what_is_scored(asked, tmp_path):
    told = asked(LEARNED)(1)

    assert told[0] == (
        (
            "input: input_1 1x2x2 float32, as own.py:data gives it\ntask: classification (labels "
            "are numbers of classes); float network: top-1 100.0 % on 40 samples"
        ),
        -1,
    )
    kept = json.loads((tmp_path / "run" / INPUTS_FILE).read_text())
    assert kept["inputs"] == {"input_1": "float32"}
    assert (kept["task"], kept["outputs"], kept["shared"]) == ("classification", ["output"], True)
    assert shares_samples(tmp_path / "run")
    assert not shares_samples(tmp_path)


def test_pictures_are_prepared_as_asked_and_the_run_folder_says_so(asked, tmp_path):
    told = asked(LEARNED, data="fashion-mnist", mean=(0.5,), shape=(1, 28, 28))
    (tmp_path / "own.py").write_text(
        FILE.format(size=784, shape=(1, 28, 28), labels=LEARNED, count=40).replace(
            "4)), ", "10)), "
        )
    )
    with pytest.warns(AutoSplitWarning, match="must do better than guessing"):
        line = told(1)[0][0]

    assert line.startswith(
        "input: grey pictures resized to 28x28 (bilinear), cropped to 28x28, mean 0.5, std 1\n"
    )
    kept = json.loads((tmp_path / "run" / INPUTS_FILE).read_text())
    assert (kept["prepared"]["mean"], kept["shared"]) == ([0.5], False)


def test_a_network_that_guesses_ends_the_run_before_a_plan_is_run(asked, tmp_path):
    stages = asked("torch.arange(60) % 4", seed=3, count=60)
    with (
        pytest.warns(AutoSplitWarning, match="float network: must do better than guessing"),
        pytest.raises(
            DataError,
            match=r"right 1 time in 4; look at how inputs are prepared, .*; to go on .*: --force",
        ),
    ):
        stages(5)
    assert sorted(path.name for path in (tmp_path / "run/stages/scores").iterdir()) == [
        "float.json"
    ]

    with pytest.warns(AutoSplitWarning, match="float network: must do better than guessing"):
        stages(5, force=True)
    assert (tmp_path / "run" / "pick.yaml").exists()


def test_of_few_samples_a_guess_is_told_and_no_more(asked, tmp_path):
    stages = asked("torch.arange(40) % 4", seed=3)
    with pytest.warns(AutoSplitWarning, match="float network: must do better than guessing"):
        stages(5)

    assert (tmp_path / "run" / "pick.yaml").exists()


@pytest.mark.parametrize(
    ("given", "error", "problem"),
    [
        ({"task": "regression"}, DataError, "labels of shape"),
        ({"task": "clasification"}, OptionError, "--task: unknown task"),
        ({"output": "head"}, OptionError, "--output: unknown output 'head'"),
        ({"mean": (1.0, 2.0)}, OptionError, "--mean: must be 1 or 1 numbers, got 2"),
    ],
)
def test_what_does_not_suit_is_told_before_anything_is_measured(
    asked, tmp_path, given, error, problem
):
    stages = asked(LEARNED, **given)
    with pytest.raises(error, match=problem):
        stages(1)

    assert not (tmp_path / "run" / "graph.json").exists()


TRAINED = """
import torch
from torch import nn


def net():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10)
    )
    torch.manual_seed(0)
    for _ in range(40):  # trained on pixels of mean 0.286 and deviation 0.353, normalized
        network((torch.rand(32, 1, 28, 28) - 0.5) * 3.4)
    return network.eval(), torch.zeros(1, 1, 28, 28)


def data():
    return [torch.rand(32, 1, 28, 28)]
"""


def test_images_unlike_those_of_the_first_batch_norm_name_what_to_change(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(TRAINED)
    given = {"model": "own.py:net", "data": "own.py:data", "metric": "mse"}
    with pytest.warns(AutoSplitWarning, match=r"a mean .* off; change how own.py:data prepares"):
        next(run(tmp_path / "run", given))


def test_a_guess_is_told_with_what_to_look_at():
    guess = "0 of 9 are right"
    photos = Images(Photos((), Letterbox((9, 9))))
    assert "--mean, --std, --channels" in chance_text(guess, CLASSIFICATION, photos)
    of_own = chance_text(guess, CLASSIFICATION, None)
    assert "prepared, at the order of the classes, at the weights" in of_own
    assert "prepared, at the weights" in chance_text(guess, REGRESSION, None)
    assert chance_text(ONLY_CROWDS, DETECTION, None).endswith("(iscrowd); annotate single objects")
    assert chance_text(NO_BOXES, DETECTION, None) == (
        "float network: must have an AP, has none, no picture has an annotated box; look at where "
        "annotations are looked for"
    )
    undefined = chance_text("R2 is undefined, all labels are 2", REGRESSION, None)
    assert undefined == (
        "float network: R2 is undefined, all labels are 2; give labels that differ"
    )
    text = chance_text("its AP is 0.00", DETECTION, None)
    assert "(--preprocess) and outputs become boxes (--decode), at the names" in text


def test_what_is_left_out_is_written_whole_and_an_older_list_goes(tmp_path):
    left_out = tuple(f"a.txt:{line}: wrong" for line in range(1, 9))

    assert write_left_out(tmp_path, left_out) == ("left_out.csv",)
    lines = (tmp_path / "left_out.csv").read_text().splitlines()
    assert lines == ["entry", *left_out]

    assert write_left_out(tmp_path, ()) == ()
    assert not list(tmp_path.iterdir())


def test_the_line_on_boxes_says_where_the_list_is(tmp_path):
    (tmp_path / "a.png").touch()
    photos = Images(Photos(((tmp_path / "a.png", Truth(9, 9)),), Letterbox((9, 9))))
    text = boxes_text(DataSet("a", photos, photos, 1, ("x",), left_out=("one", "two")))

    assert text.endswith("; 2 entries are left out, see left_out.csv\n")


@pytest.mark.parametrize(("most", "told"), [(2, "the first 2 of 3 samples"), (9, "3 samples")])
def test_the_ap_of_some_of_the_pictures_is_told_as_such(monkeypatch, most, told):
    """The network finds the one box of each picture, so AP is 100 %."""
    box = (1.0, 1.0, 40.0, 40.0)
    there = Truth(64, 64, (box,), (0,), (1600.0,), (False,))
    found = FoundBoxes(np.array([box]), np.array([0.9]), np.array([0]))
    inputs = [(np.zeros((1, 3, 8, 8), np.float32), None)] * 3

    class Pictures:
        axes = (0,)

        def __len__(self):
            return len(inputs)

        def batches(self, _):
            return iter(inputs)

    judge = Judge(
        lambda *_: BoxAnswers([found], (there,)), lambda: BoxRecord(labels=("a",)), compares=False
    )
    monkeypatch.setattr("autosplit.runs.inputs.FLOAT_SAMPLES", most)
    monkeypatch.setattr("autosplit.evaluate.outputs.float_outputs", lambda *_: ())
    monkeypatch.setattr("autosplit.data.images.count_of", lambda *_: 1)
    choice = SimpleNamespace(task=DETECTION, classes=1)
    program = SimpleNamespace(batch_size=None, step=1)

    text = float_text(program, SimpleNamespace(evaluation=Pictures()), choice, judge)

    assert text == f"float network: AP 100.0 % on {told}"
