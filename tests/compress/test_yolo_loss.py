"""The loss of YOLO heads, by hand on small maps."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from yolo_maps import LARGE, SMALL, loss_of, maps, put, truth

from autosplit.compress.yolo_loss import BOX_LOSSES
from autosplit.errors import OptionError
from autosplit.models.networks.yolo_heads import YoloHead
from autosplit.runs.declared.choices import BOX_LOSS_NAMES


@pytest.mark.parametrize("boxes", BOX_LOSS_NAMES)
def test_a_right_answer_has_no_loss(boxes):
    # An object of 8 x 4 about (6, 10): cell 1 across and 2 down, in its middle; the second anchor.
    (output,) = maps(SMALL)
    put(output, SMALL, 1, 2, 1, [0.0, 0.0, 0.0, 0.0, 20.0, -20.0, 20.0])

    loss = loss_of(boxes)([output], (truth((2, 8, 8, 4), classes=(1,)),), 0.0)

    assert float(loss) == pytest.approx(0, abs=1e-5)


def test_objectness_and_classes_by_hand():
    (output,) = maps(SMALL)
    put(output, SMALL, 1, 2, 1, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0])

    loss = loss_of()([output], (truth((2, 8, 8, 4), classes=(1,)),), 0.0)

    # ln 2 for the objectness, ln(1 + e) for class 0 that is not there, ln 2 for class 1.
    assert float(loss) == pytest.approx(2 * math.log(2) + math.log(1 + math.e), abs=1e-5)


def test_the_squared_error_by_hand():
    (output,) = maps(SMALL)
    put(output, SMALL, 1, 2, 1, [1.0, -1.0, 0.5, 0.25, 20.0, 20.0, -20.0])

    loss = loss_of("squared")([output], (truth((3, 7, 4, 6)),), 0.0)

    # Centre (5, 10) is in cell 1, 2 at 0.25 and 0.5; of 4 x 6 the anchor 8 x 4 has the IoU 16 / 40,
    # 4 x 4 has 16 / 24: the first anchor is trained.
    def logistic(x):
        return 1 / (1 + math.exp(-x))

    centre = (0.5 - 0.25) ** 2 + (0.5 - 0.5) ** 2
    size = math.log(1.0) ** 2 + math.log(6 / 4) ** 2
    wrong = (2 - 24 / 256) * (centre + size)
    objectness = cross_entropy(torch.tensor(-20.0), torch.tensor(1.0))
    classes = cross_entropy(torch.tensor([-20.0, -20.0]), torch.tensor([1.0, 0.0]), reduction="sum")
    # The second anchor is sure of a box about (1.73, 2.27) x 4 that overlaps the object: 13.19 x
    # 5.14 about (6.92, 9.08) against 4 x 6, an IoU of 0.29, so that its 20 counts.
    assert logistic(1.0) == pytest.approx(0.731, abs=1e-3)
    assert float(loss) == pytest.approx(wrong + float(objectness) + float(classes) + 20, abs=1e-4)


def test_a_box_that_overlaps_an_object_much_has_no_objectness_to_learn():
    quiet, loud = maps(SMALL)[0], maps(SMALL)[0]
    for output in (quiet, loud):
        put(output, SMALL, 1, 2, 1, [0.0, 0.0, 0.0, 0.0, 20.0, 20.0, -20.0])
    # 8 x 4 at the left edge of the next cell, about (8, 10): IoU 6 / 10 with 8 x 4 about (6, 10).
    put(loud, SMALL, 1, 2, 2, [-6.0, 0.0, 0.0, 0.0, 20.0, -20.0, -20.0])
    asked = (truth((2, 8, 8, 4)),)

    assert float(loss_of()([loud], asked, 0.0)) == pytest.approx(
        float(loss_of()([quiet], asked, 0.0)), abs=1e-5
    )
    # A cell further away it overlaps by 2 / 14, and its 20 counts.
    put(loud, SMALL, 1, 2, 2, [6.0, 0.0, 0.0, 0.0, 20.0, -20.0, -20.0])
    assert float(loss_of()([loud], asked, 0.0)) == pytest.approx(20, abs=1e-3)


def test_an_object_trains_one_head():
    outputs = maps(SMALL, LARGE)
    put(outputs[1], LARGE, 0, 1, 1, [0.0, 0.0, 0.0, 0.0, 20.0, 20.0, -20.0])

    # 12 x 12 is nearer to 16 x 16 than to 8 x 4; its centre (6, 6) is in the middle of cell 1, 1.
    loss = loss_of("squared", (SMALL, LARGE))(outputs, (truth((0, 0, 12, 12)),), 0.0)

    expected = (2 - 144 / 256) * 2 * math.log(12 / 16) ** 2
    assert float(loss) == pytest.approx(expected, abs=1e-4)


def test_boxes_of_a_picture_are_moved_to_the_input():
    (output,) = maps(SMALL)
    put(output, SMALL, 1, 2, 1, [0.0, 0.0, 0.0, 0.0, 20.0, 20.0, -20.0])

    # A picture of 32 x 16 takes 16 x 8 in the input, 4 down: (4, 8) becomes (2, 8).
    loss = loss_of(place=lambda _width, _height: (0, 4, 16, 8))(
        [output], (truth((4, 8, 16, 8), size=(32, 16)),), 0.0
    )

    assert float(loss) == pytest.approx(0, abs=1e-5)


def test_pictures_without_objects_and_crowds_train_objectness_alone():
    (output,) = maps(SMALL, low=0.0)
    crowd = truth((2, 8, 8, 4), crowds=(True,))

    for asked in (truth(), crowd):
        loss = loss_of()([output], (asked,), 0.0)

        assert float(loss) == pytest.approx(2 * 16 * math.log(2), rel=1e-5)


def test_the_complete_iou_loss_by_hand():
    (output,) = maps(SMALL)
    put(output, SMALL, 1, 2, 1, [0.0, 0.0, 0.0, 0.0, 20.0, 20.0, -20.0])

    loss = loss_of()([output], (truth((3, 8, 8, 4)),), 0.0)

    # Boxes of 8 x 4 about (6, 10) and (7, 10): IoU 28 / 36; the centres are 1 apart, and the box
    # about both is 9 x 4; both have one shape.
    assert float(loss) == pytest.approx(3 * (1 - 28 / 36 + 1 / (81 + 16)), abs=1e-4)


def test_gradients_are_those_of_finite_differences():
    """Not of the complete IoU: the paper takes the weight of its third term as constant."""
    torch.manual_seed(0)
    raw = torch.randn(2, 14, 2, 2, dtype=torch.float64, requires_grad=True)
    asked = (truth((2, 8, 6, 5)), truth((1, 1, 3, 4), (9, 9, 6, 3), classes=(1, 0)))

    assert torch.autograd.gradcheck(lambda x: loss_of("squared")([x], asked, 0.0), (raw,))


def test_a_detector_whose_numbers_are_no_logits_is_refused():
    with pytest.raises(OptionError, match="this detector has new_coords"):
        loss_of(heads=(YoloHead(1, ((4.0, 4.0),), 2, coding="new_coords"),))
    scaled = YoloHead(1, ((4.0, 4.0),), 2, coding="scaled")
    loss, asked = loss_of("squared", (scaled,)), (truth((2, 8, 8, 4)),)
    with pytest.raises(OptionError, match="--box-loss squared: suits sizes that are exponentials"):
        loss(maps(scaled), asked, 0.0)


def test_the_names_are_those_that_can_be_asked_for():
    assert tuple(BOX_LOSSES) == BOX_LOSS_NAMES
