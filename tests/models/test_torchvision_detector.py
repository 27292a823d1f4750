"""torchvision's detectors in two parts: together they find what the whole finds."""

import math

import pytest
import torch
from spread import spread_detector
from torchvision.models import detection

from autosplit.capture.capture import capture
from autosplit.errors import ModelError
from autosplit.models.load import load_model
from autosplit.models.networks.suppression import IOU
from autosplit.models.networks.yolo_decode import detect_objects
from autosplit.models.torchvision_detector import detector_names

SMALL = ("ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn")
LARGE = tuple(name for name in detector_names() if name not in SMALL)


def parts_and_whole(name, side):
    """What the parts find in a picture of the size of the input, and what torchvision finds."""
    model = load_model(f"torchvision:{name}", input_size=side)
    size = model.preprocess.size
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(1))
    whole = spread_detector(model, image[None])
    program = capture(model.module, (model.example_input,), model.name)
    mine = detect_objects(program.run((image[None],)), model.heads, size, 0.05)[0]
    with torch.no_grad():
        (theirs,) = whole([image])
    names = detection.FasterRCNN_ResNet50_FPN_Weights.DEFAULT.meta["categories"]
    known = {label: number for number, label in enumerate(model.labels)}
    numbers = torch.tensor([known.get(names[i], -1) for i in theirs["labels"].tolist()])
    return mine, (theirs["boxes"], theirs["scores"], numbers)


def check(name, side):
    mine, (boxes, scores, numbers) = parts_and_whole(name, side)
    real = numbers >= 0

    assert len(mine) == int(real.sum()) > 0
    # boxes of one score are in any order
    alike = (mine.boxes[:, None] - boxes[real]).abs().amax(2) < 0.1
    alike &= (mine.scores[:, None] - scores[real]).abs() < 1e-3
    alike &= mine.classes[:, None] == numbers[real]
    assert alike.any(0).all()
    assert alike.any(1).all()


@pytest.mark.parametrize("name", SMALL[:1])
def test_the_parts_find_what_the_whole_finds(name):
    check(name, None)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SMALL[1:], *LARGE])
def test_the_parts_of_every_detector_find_what_the_whole_finds(name):
    check(name, None if name.startswith("ssd") else 320)


def test_classes_are_the_eighty_of_coco():
    model = load_model(f"torchvision:{SMALL[0]}")

    assert len(model.labels) == model.heads[0].classes == 80
    assert (model.labels[0], model.labels[-1]) == ("person", "toothbrush")


@pytest.mark.parametrize(
    ("name", "side", "problem"),
    [
        ("ssd300_vgg16", 320, "input size must be 300, got 320"),
        ("fcos_resnet50_fpn", 100, "must be a multiple of 32, got 100"),
    ],
)
def test_a_wrong_size_is_refused(name, side, problem):
    with pytest.raises(ModelError, match=problem):
        load_model(f"torchvision:{name}", input_size=side)


@pytest.fixture(scope="module")
def small():
    return load_model(f"torchvision:{SMALL[0]}")


def found(model, scores, shift, confidence, iou):
    """Scores of the persons that are read where two anchors see one and no other anchor anything.

    The anchors are squares of 64 pixels, 16 apart; the second box is moved by ``shift`` more.
    """
    offsets, classes = torch.zeros(1, 3234, 4), torch.full((1, 3234, 91), -40.0)
    classes[:, :, 0] = 0  # the background
    cells = [6 * (20 * 10 + 5), 6 * (20 * 10 + 6)]
    for cell, score in zip(cells, scores, strict=True):
        classes[0, cell, 1] = math.log(score / (1 - score))
    offsets[0, cells[1], 0] = 10 * shift / 64
    (boxes,) = model.heads[0].read((offsets, classes), confidence, iou)
    return pytest.approx(boxes.scores.tolist(), rel=1e-3)


def test_boxes_above_the_score_that_is_asked_for_are_read(small):
    assert found(small, (0.9, 0.2), 16, 0.1, IOU) == [0.9, 0.2]
    assert found(small, (0.9, 0.2), 16, 0.3, IOU) == [0.9]


def test_the_worse_of_two_boxes_is_dropped_by_the_overlap_that_is_asked_for(small):
    half = 64 / 3 - 16  # 64 / 3 apart they share (64 - 64 / 3) / (64 + 64 / 3), a half

    assert found(small, (0.9, 0.8), half, 0.1, 0.4) == [0.9]
    assert found(small, (0.9, 0.8), half, 0.1, 0.51) == [0.9, 0.8]
    assert found(small, (0.9, 0.8), half, 0.1, IOU) == [0.9, 0.8]  # its own is 0.55
    assert found(small, (0.9, 0.8), 0, 0.1, IOU) == [0.9]  # 16 apart: (64 - 16) / (64 + 16)


@pytest.mark.parametrize(("name", "style"), [(SMALL[0], "alexeyab"), (SMALL[1], "ultralytics")])
def test_ssd_sees_stretched_pictures_and_others_letterboxed_ones(name, style):
    assert load_model(f"torchvision:{name}").preprocess.style == style


def test_a_checkpoint_of_the_whole_fills_it(small, tmp_path):
    other = load_model(f"torchvision:{SMALL[0]}", seed=1)
    whole = other.heads[0].read._detector
    torch.save(whole.state_dict(), tmp_path / "a.pt")

    filled = load_model(f"torchvision:{SMALL[0]}", checkpoint=tmp_path / "a.pt")

    for network in (filled.module, filled.heads[0].read._detector):
        theirs = other.module if network is filled.module else whole
        own = network.state_dict()
        assert all(torch.equal(own[key], value) for key, value in theirs.state_dict().items())
    assert len({small.sha256, other.sha256, filled.sha256}) == 3
    torch.save({"head": torch.zeros(1)}, tmp_path / "b.pt")
    with pytest.raises(ModelError, match=r"b\.pt: must hold the weights of this network, got"):
        load_model(f"torchvision:{SMALL[0]}", checkpoint=tmp_path / "b.pt")
