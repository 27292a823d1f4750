import pytest
import torch
from measured import plan_for
from torch import nn

from autosplit.capture.capture import capture
from autosplit.distortion.measure import measure
from autosplit.distortion.metrics import sensitivity
from autosplit.halves.deployed import deploy
from autosplit.quantize.weight_grids import weight_grids


class Reader(nn.Module):
    """m09: a recurrent layer, and a linear layer on what is picked of it."""

    def __init__(self, rnn, pick, width):
        super().__init__()
        self.rnn, self.fc, self.pick = rnn, nn.Linear(width, 6), pick

    def forward(self, x):
        return self.fc(self.pick(self.rnn(x)))


class Cell(nn.Module):
    """A cell that is called step by step."""

    def __init__(self):
        super().__init__()
        self.cell, self.fc = nn.GRUCell(20, 8), nn.Linear(8, 6)

    def forward(self, x):
        h = x.new_zeros(x.shape[0], 8)
        for step in range(3):
            h = self.cell(x[:, step], h)
        return self.fc(h)


def last(found):
    return found[1][0][-1]


OPTIONS = {"batch_first": True}
# steps x (inputs + units) x gates x units, for each layer and direction
NETWORKS = {
    "lstm, h_n": (nn.LSTM(20, 32, **OPTIONS), last, 32, 15 * (20 + 32) * 4 * 32),
    "lstm, outputs": (nn.LSTM(20, 32, **OPTIONS), lambda f: f[0][:, -1], 32, 15 * 52 * 128),
    "lstm of two layers": (nn.LSTM(20, 8, 2, **OPTIONS), last, 8, 15 * 32 * ((20 + 8) + (8 + 8))),
    "lstm of both directions": (
        nn.LSTM(20, 8, bidirectional=True, **OPTIONS),
        lambda f: f[0].mean(1),
        16,
        2 * 15 * 32 * 28,
    ),
    "gru": (nn.GRU(20, 8, **OPTIONS), lambda f: f[1][-1], 8, 15 * 28 * 24),
    "gru of two layers without biases": (
        nn.GRU(20, 8, 2, bias=False, **OPTIONS),
        lambda f: f[0][:, -1] + f[1][0],
        8,
        15 * 24 * (28 + 16),
    ),
    "rnn": (nn.RNN(20, 8, nonlinearity="relu", **OPTIONS), lambda f: f[0].mean(1), 8, 15 * 28 * 8),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_products_and_weights_are_those_of_all_gates(name):
    rnn, pick, width, macs = NETWORKS[name]
    network = Reader(rnn, pick, width).eval()
    x = torch.randn(3, 15, 20)

    program = capture(network, x[:2])

    layers = program.graph.layers
    assert sum(layer.macs for layer in layers) == macs + width * 6
    stored = sum(layer.weight_elements for layer in layers if layer.owns_weight)
    matrices = sum(p.numel() for p in network.parameters() if p.dim() == 2)
    assert stored == matrices
    assert sum(layer.fixed_elements for layer in layers) + stored == sum(
        p.numel() for p in network.parameters()
    )
    assert torch.allclose(program.run((x,))[0], network(x), atol=1e-5)


def test_a_row_of_a_gate_has_one_scale():
    torch.manual_seed(0)
    network = Reader(nn.LSTM(20, 32, batch_first=True), last, 32).eval()
    program = capture(network, torch.randn(2, 15, 20))

    layer = program.graph.by_name["rnn"]
    assert (layer.weight_elements, layer.weight_channels) == (6656, 128)
    (grid,) = weight_grids(program.weight("rnn"), program.weights["rnn"].axis, (8,)).values()
    assert grid.grid.scale.shape == (128,)


def test_halves_of_a_recurrent_network_answer_as_it_does():
    torch.manual_seed(0)
    x = torch.randn(16, 15, 20)
    program = capture(Reader(nn.LSTM(20, 32, batch_first=True), last, 32).eval(), x[:2])
    (want,) = program.run((x,))

    for count, sent in ((0, 15 * 20), (1, 32)):
        (got,), found = deploy(program, plan_for(program, x, 8, count=count))(x)
        assert found == sent * 16
        assert (want - got).square().sum() < 1e-3 * want.square().sum()  # 30 dB


def test_steps_of_a_cell_share_one_weight():
    network = Cell().eval()
    program = capture(network, torch.randn(2, 3, 20))

    cells = [layer for layer in program.graph.layers if layer.kind == "recurrent"]
    assert [layer.macs for layer in cells] == [(20 + 8) * 24] * 3
    assert [layer.owns_weight for layer in cells] == [True, False, False]


def test_the_weight_of_a_recurrent_layer_moves_the_output_the_more_the_narrower_it_is():
    torch.manual_seed(0)
    x = torch.randn(8, 15, 20)
    program = capture(Reader(nn.LSTM(20, 8, batch_first=True), last, 8).eval(), x[:2])

    stats = sensitivity(program, lambda: iter([x]), measure(program, lambda: iter([x])))

    found = [stats.distortions["rnn", "weight", bits].distortion for bits in (2, 4, 8)]
    assert found[0] > found[1] > found[2] > 0
