"""Coded bytes of a finished plan are those that its messages have."""

from dataclasses import replace

import pytest
import torch
from measured import plan_for
from torch import nn

from autosplit.capture.capture import capture
from autosplit.distortion.coded import code_tensors
from autosplit.distortion.measure import measure
from autosplit.grid.grid import WIDTHS
from autosplit.halves.deployed import deploy
from autosplit.halves.recoded import recoded
from autosplit.plan.wire_layout import wire_layout


@pytest.fixture(scope="module")
def made():
    torch.manual_seed(3)
    layers = nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Flatten()
    network = nn.Sequential(*layers, nn.Linear(8 * 14 * 14, 3)).eval()
    program = capture(network, (torch.zeros(1, 1, 16, 16),), "small")
    images = torch.randn(24, 1, 16, 16, generator=torch.Generator().manual_seed(4))
    stats = measure(program, lambda: iter([images]), WIDTHS)
    return program, images, code_tensors(program, lambda: iter([images]), stats)


def coded_plan(made, bits):
    program, images, stats = made
    file = plan_for(program, images, bits, bits, count=2, stats=stats)
    cut = program.graph.prefix(2)
    coded = {at: (one.classes, one.sent) for at, one in stats.coded.items()}
    return replace(file, wire=wire_layout(cut, file.activations, None, coded))


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_the_table_is_the_wire_to_a_byte_a_tensor(made, bits):
    program, images, _ = made
    before = coded_plan(made, bits)
    found = recoded(program, before, [images[:10], images[10:]])

    message, _ = deploy(program, before).edge((images,))
    mean = (len(message.encode()) - message.framing_bytes) / len(images)
    (tensor,) = found.wire.tensors
    assert 0 <= tensor.mean_bytes - mean < 1
    assert tensor.mean_bytes != before.wire.tensors[0].mean_bytes or bits > 2
    assert found.half_sha256 == before.half_sha256


def test_a_packed_plan_stays_as_it_is(made):
    program, images, stats = made
    file = plan_for(program, images, 3, 3, count=2, stats=stats)

    assert recoded(program, file, [images]) is file
    packed = replace(file, wire=wire_layout(program.graph.prefix(2), file.activations))
    assert recoded(program, packed, [images]) is packed
