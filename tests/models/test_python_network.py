"""A function of the user's own file builds the network."""

import pytest
import torch
from loaded import model_error, noise

from autosplit.data.preprocess import NoImages
from autosplit.errors import ModelError
from autosplit.models.load import load_model
from autosplit.runs.network import capture_network, input_spec

NETS = """
import torch
from torch import nn
from neighbour import CHANNELS

def build():
    return nn.Conv2d(3, CHANNELS, 3)

def build_gray():
    return nn.Conv2d(1, 2, 3), torch.zeros(1, 1, 28, 28)

def build_half():
    return nn.Conv2d(3, 2, 3).half(), torch.zeros(1, 3, 8, 8).half()

def build_flat():
    return nn.Linear(7, 2), torch.zeros(1, 7)

class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 3)
    def forward(self, x):
        return self.a(x)

def no_example():
    return Flat()

def wrong():
    return "a network"

def breaks():
    raise KeyError("no weights here")
"""


@pytest.fixture
def nets(tmp_path):
    (tmp_path / "neighbour.py").write_text("CHANNELS = 5\n")
    path = tmp_path / "my-nets.py"
    path.write_text(NETS)
    return path


def test_a_function_of_a_python_file_builds_the_network(nets):
    model = load_model(f"{nets}:build", input_size=64)

    assert model.name == "build"
    assert model.module.out_channels == 5
    assert model.example_input.shape == (1, 3, 64, 64)
    assert model.preprocess(noise(100, 80)).shape == (3, 64, 64)


def test_an_example_input_sets_size_and_channels(nets):
    model = load_model(f"{nets}:build_gray")

    assert model.example_input.shape == (1, 1, 28, 28)
    assert model.preprocess(noise(28, 28)).shape == (1, 28, 28)


def test_half_precision_stays_what_it_is(nets):
    model = load_model(f"{nets}:build_half")

    assert {value.dtype for value in model.module.state_dict().values()} == {torch.float16}
    assert model.example_input.dtype == torch.float16


def test_a_network_of_flat_tensors_takes_no_images(nets):
    model = load_model(f"{nets}:build_flat")

    assert model.preprocess == NoImages((1, 7))
    with pytest.raises(ModelError, match=r"give its data as path/to/file\.py:function"):
        model.preprocess(noise(8, 8))


def test_editing_the_file_changes_the_hash(nets):
    before = load_model(f"{nets}:build").sha256

    nets.write_text(NETS + "\n# edited\n")

    assert load_model(f"{nets}:build").sha256 != before


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("biuld", "{path}: has no function 'biuld', did you mean 'build'?"),
        (
            "wrong",
            "{path}:wrong: must return a torch.nn.Module, or one and an example input, got str",
        ),
        (
            "no_example",
            (
                "{path}:no_example: must return the network and an example input, for without one "
                "an image of the shape (1, 3, 224, 224) is assumed, which gives: mat1 and mat2 "
                "shapes cannot be multiplied (672x224 and 6x3)"
            ),
        ),
        ("breaks", "{path}:32: must run without an error, got KeyError: 'no weights here'"),
    ],
)
def test_a_function_that_builds_nothing_is_one_line(nets, function, expected):
    assert model_error(f"{nets}:{function}") == expected.format(path=nets)


def test_an_input_size_against_the_example_is_refused(nets):
    assert model_error(f"{nets}:build_gray", input_size=32).endswith(
        "takes inputs of shape (1, 1, 28, 28), got input size 32"
    )


NESTED = """
import torch
from torch import nn


class Two(nn.Module):
    def forward(self, ids, mask=None, scale=1.0):
        return ids.float() * mask * scale


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, steps):
        return self.layer(steps).sum(0)


def by_name():
    return Two(), {"ids": torch.arange(6).reshape(2, 3), "mask": torch.ones(2, 3)}


def in_order():
    return Two(), [torch.arange(6).reshape(2, 3), torch.ones(2, 3)]


def second():
    return Recurrent(), torch.randn(5, 2, 3), 1


def odd_axis():
    return Recurrent(), torch.randn(5, 2, 3), "first"


def nothing():
    return Recurrent(), {"steps": 3}
"""


@pytest.mark.parametrize("function", ["by_name", "in_order"])
def test_an_example_may_nest(tmp_path, function):
    (tmp_path / "nested.py").write_text(NESTED)
    model = load_model(f"{tmp_path}/nested.py:{function}")
    program = capture_network(model, equalized=False)

    assert list(program.graph.inputs) == ["ids", "mask"]
    assert isinstance(model.preprocess, NoImages)


def test_the_axis_of_the_batch_stands_behind_the_example(tmp_path):
    (tmp_path / "nested.py").write_text(NESTED)
    program = capture_network(load_model(f"{tmp_path}/nested.py:second"), equalized=False)

    assert program.graph.inputs == {"steps": (5, 3)}
    assert input_spec(program).axes == (1,)
    assert program.run((torch.zeros(5, 7, 3),))[0].shape == (7, 2)


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        ("odd_axis", "the batch axis must be a whole number, or one for each input, got 'first'"),
        ("nothing", "must be a tensor, or a tuple or a dictionary of tensors, got dict"),
    ],
)
def test_an_example_that_is_none_is_told(tmp_path, function, problem):
    (tmp_path / "nested.py").write_text(NESTED)
    with pytest.raises(ModelError, match=problem):
        load_model(f"{tmp_path}/nested.py:{function}")
