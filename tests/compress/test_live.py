import prunable
import pytest
import torch
from prunable import live_of
from torch import nn

from autosplit.compress.live import live_network, reloaded, save_program, set_training
from autosplit.errors import CaptureError
from autosplit.models.program_file import read_program


def test_training_is_that_of_the_module():
    network = prunable.plain()
    live = live_of(network)
    x = torch.randn(4, 3, 8, 8)
    set_training(live.module, on=True)
    network.train()

    got, expected = live.module(x)[0], network(x)

    assert torch.equal(got, expected)
    assert torch.equal(live.value("n.running_mean"), network.n.running_mean)
    expected.square().sum().backward()
    got.square().sum().backward()
    assert torch.allclose(live.value("a.weight").grad, network.a.weight.grad)


def test_dropout_drops_in_training_alone():
    live = live_network(nn.Sequential(nn.Linear(4, 50), nn.Dropout(0.5)), torch.ones(1, 4))
    x = torch.ones(2, 4)

    assert not (live.module(x)[0] == 0).any()
    set_training(live.module, on=True)
    assert (live.module(x)[0] == 0).any()
    set_training(live.module, on=False)
    assert not (live.module(x)[0] == 0).any()


def test_the_networks_own_parameters_stay_as_they_are():
    network = prunable.plain()
    before = network.a.weight.clone()
    live = live_of(network)
    with torch.no_grad():
        live.value("a.weight").add_(1)

    assert torch.equal(network.a.weight, before)


def test_a_network_that_is_written_and_read_gives_the_same(tmp_path):
    live = live_of(prunable.divided())
    again, program = reloaded(live)
    save_program(tmp_path / "net.pt2", program)
    x = torch.randn(3, 3, 8, 8)

    read = read_program(tmp_path / "net.pt2").module()

    assert torch.equal(read(x), live.module(x)[0])
    assert torch.equal(again.module(x)[0], live.module(x)[0])
    assert set(again.tensors) == set(live.tensors)


def test_half_precision_is_refused():
    network = nn.Linear(4, 4).half()

    with pytest.raises(CaptureError, match="must be float32"):
        live_network(network, torch.ones(1, 4).half())
