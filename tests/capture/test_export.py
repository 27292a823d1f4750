"""torch.export of networks, saved programs, and what is said of one that cannot be exported."""

from pathlib import Path

import nets
import pytest
import torch
import torchvision
from captures import IMAGE, conv, program_of, same
from nets import (
    REQUIRED,
    SIDE,
    Net,
    batch_norm,
    captured,
    relative_error,
    required,
)
from torch import nn

from autosplit.capture.batch_axis import BatchLayout
from autosplit.capture.capture import capture
from autosplit.errors import CaptureError
from autosplit.graph.graphfile import graph_to_dict

HERE = Path(__file__)


def saved(tmp_path, network, example, **options):
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(network, example, **options), path)
    return torch.export.load(path)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_a_saved_program_has_the_graph_of_its_module(name, tmp_path):
    found = captured(name)
    batch = torch.export.Dim("batch", min=1, max=9)
    loaded = saved(tmp_path, found.network, (found.images[:2],), dynamic_shapes=({0: batch},))
    program = capture(loaded, (found.images[:1],), name)
    assert graph_to_dict(program.graph) == graph_to_dict(found.program.graph)
    assert relative_error(program.run((found.images,))[0], found.answer) < 1e-4


def tiny_transformer():
    torch.manual_seed(0)
    network = torchvision.models.VisionTransformer(
        image_size=16, patch_size=8, num_layers=2, num_heads=2, hidden_dim=12, mlp_dim=20
    )
    return nets.randomize(network).eval()


@pytest.mark.parametrize("name", ["resnet18", "a transformer"])
def test_a_program_saved_in_core_operators_counts_the_same(name):
    network = required(name) if name in REQUIRED else tiny_transformer()
    image = torch.randn(1, 3, *([SIDE] * 2 if name in REQUIRED else [16] * 2))
    whole = capture(network, (image,))
    core = capture(torch.export.export(network, (image,)).run_decompositions(), (image,))
    assert relative_error(core.run((image,))[0], whole.run((image,))[0]) < 1e-4
    for total in (
        lambda graph: sum(layer.macs for layer in graph.layers),
        lambda graph: sum(layer.weight_elements for layer in graph.layers),
        lambda graph: sum(layer.kind == "norm" for layer in graph.layers),
    ):
        assert total(core.graph) == total(whole.graph)


def test_a_program_saved_with_one_batch_size_runs_that_one(tmp_path):
    network = Net(
        lambda net, x: net.linear(net.bn(net.conv(x)).relu().transpose(0, 1).flatten(2).sum(0)),
        conv=conv(4),
        bn=batch_norm(nn.BatchNorm2d, 4),
        linear=nn.Linear(64, 5),
    )
    images = torch.randn(4, *IMAGE[1:])
    program = capture(saved(tmp_path, network, (images,)), (images,), "net")
    assert program.batch_size == 4
    assert program.graph.inputs == {"x": (3, 8, 8)}
    assert program.graph.by_name["conv"].output_shape == (4, 8, 8)
    assert program.graph.by_name["linear"].macs == 5 * 64
    assert same(program, network, images)


def test_a_saved_batch_that_is_second_is_found(tmp_path):
    network = Net(lambda net, x: net.a(x.transpose(0, 1)).sum(0), a=nn.Linear(6, 5))
    x = torch.randn(4, 8, 6)  # eight is a multiple of four
    program = capture(saved(tmp_path, network, (x,)), (x,), "net")
    assert program.layouts["a"] == BatchLayout(1)
    assert program.graph.by_name["a"].output_shape == (8, 5)
    assert program.graph.by_name["a"].macs == 8 * 6 * 5


def test_a_program_saved_in_training_is_refused(tmp_path):
    network = Net(lambda net, x: net.drop(net.a(x)), a=conv(), drop=nn.Dropout()).train()
    with pytest.raises(CaptureError, match="must be exported in eval mode"):
        capture(saved(tmp_path, network, (torch.randn(IMAGE),)), (torch.randn(IMAGE),))


class Branching(nn.Module):
    def forward(self, x):
        if x.sum() > 0:  # the line that is to blame
            return x
        return x * 2


def test_control_flow_on_data_is_one_line_that_names_the_user_s_line(capfd):
    source = HERE.read_text().splitlines()
    line = next(i for i, text in enumerate(source, 1) if "the line that is to blame" in text)
    with pytest.raises(CaptureError) as refusal:
        program_of(Branching())
    text = str(refusal.value)
    assert text.startswith(
        f"net: torch.export must be able to trace the network, failed at {HERE}:{line} in forward: "
        "the code depends on values of a tensor; write torch.where(condition, a, b) in place of if"
    )
    assert "\n" not in text
    assert len(text) < 400
    assert capfd.readouterr() == ("", "")


class Dot(nn.Module):
    """One number a sample, of a vector."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.ones(6))

    def forward(self, x):
        return (x * self.a).sum()


@pytest.mark.parametrize(
    ("network", "shape"),
    [(nn.Linear(6, 3), (6,)), (nn.Conv2d(3, 4, 3), (3, 16, 16)), (Dot(), (6,))],
)
def test_an_example_without_a_batch_axis_is_one_line(network, shape):
    with pytest.raises(CaptureError) as refusal:
        capture(network.eval(), torch.randn(shape), "n")

    assert str(refusal.value).startswith(
        f"n: the example must have a batch axis, got {shape}; add one with unsqueeze(0), or say"
    )


def test_numbers_that_are_samples_are_a_batch():
    capture(Net(lambda net, x: net.a(x[:, None]), a=nn.Linear(1, 3)), torch.randn(4))


class Packed(nn.Module):
    """A recurrent layer of sequences of their own lengths."""

    def __init__(self):
        super().__init__()
        self.l = nn.GRU(5, 4, batch_first=True)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        return self.l(packed)[1][-1]


def test_packed_sequences_are_named():
    with pytest.raises(CaptureError, match=r"in forward: packed sequences have .*; give the rec"):
        capture(Packed().eval(), (torch.randn(3, 9, 5), torch.tensor([9, 4, 2])))
