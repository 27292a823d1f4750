"""A function of the user's own file gives the images."""

import pytest
from loaded import RGB, everything

from autosplit.data.datasets import load_data
from autosplit.errors import DataError

LOADERS = """
import torch

IMAGES = torch.arange(10 * 3 * 2 * 2).reshape(10, 3, 2, 2).float()
LABELS = torch.arange(10)

def lists():
    return [(IMAGES[:4], LABELS[:4]), (IMAGES[4:], LABELS[4:])]

def generator():
    for start in range(0, 10, 3):
        yield IMAGES[start : start + 3], LABELS[start : start + 3]

def loader():
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(IMAGES, LABELS), 3)

def one_batch():
    return IMAGES, LABELS

def unlabelled():
    return [IMAGES[:4], IMAGES[4:]]

def both():
    return {"calibration": [IMAGES[:2]], "evaluation": generator()}

def pair():
    return [IMAGES[:2]], [(IMAGES, LABELS)]

def drawn():
    return [(torch.rand(4, 3, 2, 2), [0, 1, 2, 3])]

def half_a_dictionary():
    return {"calibration": [IMAGES]}

def number():
    return 3

def strings():
    return ["image"]

def short_labels():
    return [(IMAGES, LABELS[:3])]

def empty():
    return []

def uneven():
    return [IMAGES, IMAGES[:, :, :1]]

def broken():
    images = IMAGES.clone()
    images[5, 0, 0, 0] = float("nan")
    return [images[:4], images[4:]]

def breaks_on_the_way():
    yield IMAGES
    raise KeyError("no such picture")

def leaves_on_the_way():
    yield IMAGES
    raise SystemExit(3)

class Broken:
    def __len__(self):
        return 1

    def __getitem__(self, place):
        raise OSError("disk")

def set_that_breaks():
    return torch.utils.data.DataLoader(Broken(), 1)
"""


@pytest.fixture
def loaders(tmp_path):
    path = tmp_path / "loaders.py"
    path.write_text(LOADERS)
    return path


@pytest.mark.parametrize("function", ["lists", "generator", "loader", "one_batch"])
def test_batches_of_any_kind_are_cut_anew_and_can_be_read_twice(loaders, function):
    data = load_data(f"{loaders}:{function}", RGB)

    for _ in range(2):
        images, labels = everything(data.evaluation)
        assert images.flatten().tolist() == list(range(120))
        assert labels == list(range(10))
    assert (len(data.calibration), data.classes, data.name) == (10, None, function)


def test_a_function_may_give_images_alone(loaders):
    images, labels = everything(load_data(f"{loaders}:unlabelled", RGB).evaluation, 4)

    assert labels is None
    assert len(images) == 10


@pytest.mark.parametrize("function", ["both", "pair"])
def test_a_function_may_give_calibration_and_evaluation(loaders, function):
    data = load_data(f"{loaders}:{function}", RGB, evaluation_images=6)

    assert len(data.calibration) == 2
    assert not data.calibration.has_labels
    assert everything(data.evaluation, 4)[1] == [0, 1, 2, 3, 4, 5]


def test_what_a_function_draws_depends_on_the_seed_alone(loaders):
    first, second, third = (
        load_data(f"{loaders}:drawn", RGB, seed=seed).evaluation.sha256 for seed in (1, 1, 2)
    )

    assert first == second
    assert first != third


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("lits", "has no function 'lits', did you mean 'lists'?"),
        ("half_a_dictionary", "must return calibration and evaluation, lacks evaluation"),
        ("number", "must return batches of samples, got int"),
        ("strings", "must give batches of tensors, got str"),
        (
            "short_labels",
            (
                "must give a label for each of 10 samples, got shape (3,); if the batch is not the "
                "first axis, say which: the third value of the network's function"
            ),
        ),
        ("empty", "must hold images for calibration, there are none"),
        ("broken", ":broken: batch 1: input: must be finite, got NaN"),
        ("uneven", "samples must all have one shape, got (3, 1, 2) and (3, 2, 2)"),
    ],
)
def test_a_function_that_gives_no_images_is_one_line(loaders, function, expected):
    with pytest.raises(DataError) as caught:
        everything(load_data(f"{loaders}:{function}", RGB).evaluation, 20)

    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("function", "line", "problem"),
    [
        ("breaks_on_the_way", 'raise KeyError("no such picture")', "KeyError: 'no such picture'"),
        ("leaves_on_the_way", "raise SystemExit(3)", "SystemExit: 3"),
        ("set_that_breaks", 'raise OSError("disk")', "OSError: disk"),
    ],
)
def test_an_error_on_the_way_names_the_line_of_the_file(loaders, function, line, problem):
    lines = [text.strip() for text in loaders.read_text().splitlines()]

    with pytest.raises(DataError) as caught:
        load_data(f"{loaders}:{function}", RGB)

    number = 1 + lines.index(line)
    assert str(caught.value) == f"{loaders}:{number}: must run without an error, got {problem}"
