"""What a detector learns from a teacher, by hand on small maps."""

import pytest
import torch
from torch.nn.functional import kl_div
from yolo_maps import LARGE, SMALL, loss_of, maps, put, truth

from autosplit.compress.distillation import (
    STRATEGIES,
    TAUGHT_PARTS,
    BoxDistillation,
    giving_features,
    parts_of,
)
from autosplit.compress.live import live_network
from autosplit.errors import OptionError
from autosplit.models.load import load_model
from autosplit.runs.declared.choices import DISTILLATION_NAMES

OBJECT = (truth((2, 8, 8, 4), classes=(1,)),)
"""8 x 4 pixels about (6, 10): the middle of cell 1 across and 2 down, the second anchor."""


def learned(name, student, teacher):
    """A part alone: the loss of a batch less that of the labels, over its weight."""
    loss = loss_of(heads=(SMALL, LARGE)[: 1 if len(student) < 4 else 2])
    of_labels = loss(student[: len(loss.heads)], OBJECT, 0.0)
    found = BoxDistillation(loss, (name,))(student, OBJECT, teacher)
    return float(found - of_labels) / TAUGHT_PARTS[name][0]


def answers(numbers, features=None):
    (output,) = maps(SMALL)
    put(output, SMALL, 1, 2, 1, numbers)
    generator = torch.Generator().manual_seed(0)
    return [output, torch.rand(1, 3, 4, 4, generator=generator) if features is None else features]


RIGHT = [0.0, 0.0, 0.0, 0.0, 20.0, -20.0, 20.0]
WIDE = [0.0, 0.0, 2.0, 0.0, 20.0, -20.0, 20.0]
"""Width e^2 times too large: a squared error of 4."""


@pytest.mark.parametrize("name", TAUGHT_PARTS)
def test_who_answers_as_the_teacher_has_nothing_to_learn_but_its_errors(name):
    same = answers(RIGHT)

    assert learned(name, same, same) == pytest.approx(0, abs=1e-2)


@pytest.mark.parametrize(("name", "first"), [("logits", 0), ("classes", 4)])
def test_answers_are_softened_by_the_temperature(name, first):
    student, teacher = answers([1.0, -2.0, 0.5, 0.0, 1.0, 2.0, -1.0]), answers(WIDE)

    one, two = (
        torch.tensor(x)[first:].div(3) for x in ([1.0, -2.0, 0.5, 0.0, 1.0, 2.0, -1.0], WIDE)
    )
    expected = 9 * kl_div(one.log_softmax(0), two.softmax(0), reduction="sum")
    assert learned(name, student, teacher) == pytest.approx(float(expected), rel=1e-2)


def test_boxes_are_learned_from_a_teacher_or_from_the_object_where_it_is_better():
    right, wide = answers(RIGHT), answers(WIDE)

    assert learned("direct", wide, right) == pytest.approx(4, rel=1e-3)
    assert learned("direct", right, wide) == pytest.approx(4, rel=1e-3)
    assert learned("bounded", wide, right) == pytest.approx(4, rel=1e-3)
    assert learned("bounded", right, wide) == pytest.approx(0, abs=1e-2)


def test_features_count_everywhere_or_near_objects():
    """The object covers columns 0 to 2 of 4 pixels (2 to 10) and rows 2 and 3 (8 to 12)."""
    teacher = answers(RIGHT)
    far, near = teacher[1].clone(), teacher[1].clone()
    far[0, :, 0, 3] += 5
    near[0, :, 2, 1] += 5

    for changed, wanted in ((far, False), (near, True)):
        student = answers(RIGHT, changed)
        one, two = (x[1].sum(1).flatten(1) / 3 for x in (student, teacher))
        expected = 9 * kl_div(one.log_softmax(1), two.softmax(1), reduction="sum")
        assert learned("features", student, teacher) == pytest.approx(float(expected), rel=1e-2)
        assert (learned("near-objects", student, teacher) > 1) == wanted


def test_channels_of_the_teacher_may_be_others_and_places_not():
    student = answers(RIGHT)
    more = [student[0], torch.rand(1, 7, 4, 4)]
    assert learned("features", student, more) > 0

    with pytest.raises(OptionError, match="must have the places of the network's"):
        learned("features", student, [student[0], torch.rand(1, 3, 2, 2)])


def test_strategies_are_sums_of_parts_and_all_names_can_be_asked_for():
    assert (*STRATEGIES, *TAUGHT_PARTS) == DISTILLATION_NAMES
    assert parts_of(["4", "features", "logits"]) == ("classes", "direct", "features", "logits")
    assert set(parts_of(list(STRATEGIES))) == set(TAUGHT_PARTS)


def test_a_network_gives_what_its_heads_read_and_then_its_outputs_alone():
    model = load_model("scenes-yolo")
    live = live_network(model.module, model.example_input, model.name, model.batch_axis)
    inputs = live.example
    plain = live.module(*inputs)

    with giving_features(live):
        found = live.module(*inputs)
        assert len(found) == 2 * len(plain)
        for output, read in zip(plain, found[len(plain) :], strict=True):
            assert output.shape[2:] == read.shape[2:]
    assert len(live.module(*inputs)) == len(plain)
