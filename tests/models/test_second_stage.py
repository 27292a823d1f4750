"""The cost of Faster R-CNN's second stage, against a hand count and torch's own counter."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import detection
from torchvision.ops import MultiScaleRoIAlign

from autosplit.capture.capture import capture
from autosplit.models.load import load_model
from autosplit.models.second_stage import proposal_count, second_stage


class Maps(nn.Module):
    out_channels = 4

    def forward(self, images):
        return {"0": images[:, [0, 1, 2, 0], ::8, ::8], "1": images[:, [0, 1, 2, 0], ::16, ::16]}


@pytest.fixture(scope="module")
def detector():
    """Two maps of 4 channels, 3 anchors at a place, crops of 2 x 2, 8 features, 3 classes."""
    return detection.FasterRCNN(
        Maps(),
        rpn_anchor_generator=detection.rpn.AnchorGenerator(((16,), (32,)), ((0.5, 1.0, 2.0),) * 2),
        box_roi_pool=MultiScaleRoIAlign(["0"], output_size=2, sampling_ratio=2),
        box_head=detection.faster_rcnn.TwoMLPHead(16, 8),
        box_predictor=detection.faster_rcnn.FastRCNNPredictor(8, 3),
        rpn_pre_nms_top_n_test=100,
        rpn_post_nms_top_n_test=130,
        min_size=64,
        max_size=64,
    ).eval()


MAPS = [torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 4, 4)]


def test_proposals_are_what_suppression_leaves_at_most(detector):
    # 3 * 64 anchors of the first map, 100 of them looked at; 3 * 16 of the second
    assert proposal_count(detector.rpn, MAPS) == min(130, 100 + 48) == 130
    assert proposal_count(detector.rpn, [one[..., :2] for one in MAPS]) == 3 * 16 + 3 * 8


def test_layers_are_those_of_all_proposals(detector):
    graph = second_stage(detector, MAPS)

    assert graph.inputs == {"second_stage.map0": (4, 8, 8)}  # crops are of the first map alone
    about = [(layer.name.removeprefix("second_stage."), layer.macs) for layer in graph.layers]
    assert about == [
        ("crops", 0),
        ("box_head.fc6", 130 * 16 * 8),
        ("box_head.fc7", 130 * 8 * 8),
        ("box_predictor.cls_score", 130 * 8 * 3),
        ("box_predictor.bbox_pred", 130 * 8 * 12),
    ]
    crops = graph.layers[0]
    assert (crops.kind, crops.kernel, crops.output_shape) == ("crop", (2, 2), (130, 4, 2, 2))
    assert graph.layers[1].inputs == (crops.name,)
    weights = sum(layer.weight_elements + layer.fixed_elements for layer in graph.layers)
    assert weights == sum(one.numel() for one in detector.roi_heads.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("version", ["fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2"])
def test_products_are_those_that_torch_counts(version):
    model = load_model(f"torchvision:{version}", input_size=160)
    program = capture(model.module, (model.example_input,), model.name)
    tail, heads = program.graph.tail, model.heads[0].read._detector.roi_heads
    count = tail.graph.layers[0].output_shape[0]
    crops = torch.zeros(count, *tail.graph.layers[0].output_shape[1:])
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        heads.box_predictor(heads.box_head(crops))

    assert 2 * tail.macs == counter.get_total_flops() > 0
    assert tail.after == program.graph.layers[-1].name
