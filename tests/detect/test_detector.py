"""A detector is captured, with the halves of a plan, and decodes boxes into pixels of a picture."""

from dataclasses import replace

import pytest
import torch
from red_cells import plan_of

from autosplit.detect.detector import make_detector, network_text
from autosplit.errors import DataError, ModelError, PlanError
from autosplit.graph.graph import Tail
from autosplit.models.load import load_model
from autosplit.plan.planfile import write_plan


def test_a_network_that_is_no_detector_is_refused():
    with pytest.raises(ModelError, match=r"must be a detector, such as yolo:.*--decode"):
        make_detector(load_model("fashion-resnet"))


def test_without_a_plan_there_are_no_halves(model):
    detector = make_detector(model)

    assert (detector.plan, detector.deployed) == ("", None)
    assert detector.labels == ("blue thing", "red thing")


def test_a_second_stage_is_counted_apart_and_its_seconds_are_said_to_be_those_of_boxes(model):
    program = make_detector(model).program
    graph = replace(program.graph, tail=Tail(program.graph.layers[-1].name, program.graph))
    behind = f"{graph.tail.parameters:,} parameters, {graph.tail.macs:,} multiply-accumulates"

    text = network_text(model, replace(program, graph=graph), None)
    told = f"; then in float on the machine that ran the last layer: {behind}, timed with boxes"
    assert f"{told} and suppression" in text
    assert "timed" not in network_text(model, program, None)


def test_a_plan_may_be_given_or_read_from_its_file(model, place):
    plan = plan_of(make_detector(model).program, 4)
    write_plan(place / "half.yaml", plan)
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    outputs = []
    for given in (plan, place / "half.yaml"):
        detector = make_detector(model, given)
        assert detector.plan == "half"
        found, sent = detector.deployed(x)
        assert sent == 6  # 3 x 2 x 2 numbers of 4 bits
        outputs.append(found[0])
    assert torch.equal(*outputs)


def test_a_plan_of_equalized_weights_runs_the_equalized_network(model):
    program = make_detector(model).program
    detector = make_detector(model, replace(plan_of(program, 4), equalized=True))

    assert detector.program.graph.equalized
    assert not program.graph.equalized


def test_a_plan_of_another_network_is_refused(model, place):
    path = place / "half.yaml"
    write_plan(path, plan_of(make_detector(model).program, 4))
    path.write_text(path.read_text().replace("edge: ['0']", "edge: [nowhere]"))

    with pytest.raises(PlanError, match="nowhere"):
        make_detector(model, path)


def test_boxes_are_in_pixels_of_the_picture(model):
    """The cell on the top right is red; its box is the anchor in the middle of the cell."""
    detector = make_detector(model)
    x = torch.zeros(1, 3, 64, 64)
    x[:, 0, :32, 32:] = 1
    found = detector.boxes(detector.program.run((x,)), (128, 128))

    # the middle is at 48, 16 of 64 pixels, the anchor 16 x 8
    assert found.boxes.tolist() == [[80.0, 24.0, 112.0, 40.0]]
    assert found.classes.tolist() == [1]


@pytest.mark.parametrize("about", [{"score": 1.5}, {"score": -0.1}, {"iou": 2.0}])
def test_a_threshold_out_of_range_is_refused(model, about):
    (name,) = about

    with pytest.raises(DataError, match=f"detect: {name} must be 0 to 1, got"):
        make_detector(model, **about)
