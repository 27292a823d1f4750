"""Checkpoints fill a network or say how they differ; objects are never unpickled."""

import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from loaded import Bomb, model_error
from safetensors.torch import save_file
from torch import nn

from autosplit.errors import ModelError
from autosplit.models.checkpoint import load_checkpoint, port_epsilon
from autosplit.models.load import load_model


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", ["squeezenet1_1", "mnasnet0_5"])
def test_a_checkpoint_gives_the_weights(tmp_path, suffix, name):
    path = tmp_path / f"weights{suffix}"
    state = load_model(f"torchvision:{name}", seed=8).module.state_dict()
    if suffix == ".pth":
        torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}}, path)
    else:
        save_file(state, path)

    found = load_model(f"torchvision:{name}", checkpoint=path, seed=1).module.state_dict()

    assert all(torch.equal(found[key], value) for key, value in state.items())


def test_a_checkpoint_of_another_network_names_what_differs(tmp_path):
    path = tmp_path / "other.safetensors"
    state = load_model("fashion-resnet").module.state_dict()
    del state["classifier.bias"]
    state["classifier.weight"] = torch.zeros(5, 80)
    state["extra"] = torch.zeros(1)
    state["more"] = torch.zeros(1)
    save_file(state, path)

    assert model_error("fashion-resnet", checkpoint=path) == (
        f"{path}: must hold the weights of this network, got 1 missing (first: classifier.bias); "
        "2 unexpected (first: extra, more); 1 of another shape (first: classifier.weight)"
    )


def test_a_pickled_object_is_never_unpickled(tmp_path):
    path = tmp_path / "network.pt"
    torch.save({"state_dict": Bomb(tmp_path / "exploded")}, path)

    assert "must be a state dict of tensors" in model_error("fashion-resnet", checkpoint=path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path, suffix):
    path = tmp_path / f"notes{suffix}"
    path.write_text("not weights at all")

    assert model_error("fashion-resnet", checkpoint=path).startswith(f"{path}: must be a ")
    missing = model_error("fashion-resnet", checkpoint=tmp_path / f"gone{suffix}")
    assert missing.endswith("must be a checkpoint, there is no such file")


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_a_state_dict_is_found_under_the_usual_keys(tmp_path, key):
    path = tmp_path / "weights.pt"
    net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    torch.save({key: other.state_dict(), "epoch": 3}, path)

    load_checkpoint(net, path)

    assert torch.equal(net.weight, other.weight)


@pytest.mark.parametrize(
    "fitness",
    [np.array([0.4]), np.float64(0.4), np.float32(1), np.array([[1, 2]]), np.array(["a"])],
    ids=str,
)
@pytest.mark.parametrize("core", [b"numpy._core", b"numpy.core"])
def test_numbers_of_numpy_beside_the_weights_are_read(tmp_path, fitness, core):
    """last.pt of ultralytics' archive has them; NumPy 1 wrote another name of its module."""
    path, old = tmp_path / "last.pt", tmp_path / "old.pt"
    torch.save({"best_fitness": fitness, "model": {"weight": torch.ones(2, 3)}}, old)
    with zipfile.ZipFile(old) as read, zipfile.ZipFile(path, "w") as written:
        for name in read.namelist():
            content = read.read(name)
            assert not name.endswith("data.pkl") or b"numpy._core" in content
            written.writestr(name, content.replace(b"numpy._core", core))
    linear = nn.Linear(3, 2, bias=False)

    load_checkpoint(linear, path)
    assert linear.weight.tolist() == [[1] * 3] * 2


def test_an_array_of_objects_is_never_unpickled(tmp_path):
    path = tmp_path / "last.pt"
    bombs = np.array([Bomb(tmp_path / "exploded")], object)
    torch.save({"best_fitness": bombs, "model": {"weight": torch.ones(2)}}, path)

    assert "must be a state dict of tensors" in model_error("fashion-resnet", checkpoint=path)
    assert not (tmp_path / "exploded").exists()


def test_counters_of_batch_norms_may_be_missing(tmp_path):
    net = nn.BatchNorm2d(2)
    state = {key: value + 1 for key, value in net.state_dict().items() if "tracked" not in key}
    save_file(state, tmp_path / "old.safetensors")

    load_checkpoint(net, tmp_path / "old.safetensors")

    assert net.running_mean.tolist() == [1, 1]
    assert net.num_batches_tracked == 0


def test_keys_to_ignore_are_those_that_begin_so(tmp_path):
    net = nn.Linear(3, 2)
    state = {**net.state_dict(), "aux1.bias": torch.zeros(1)}
    save_file(state, tmp_path / "net.safetensors")

    load_checkpoint(net, tmp_path / "net.safetensors", ignored=("aux1.",))

    with pytest.raises(ModelError, match=r"got 1 unexpected \(first: aux1\.bias\)$"):
        load_checkpoint(net, tmp_path / "net.safetensors", ignored=("aux2.",))


def test_a_file_of_other_things_than_tensors_is_refused(tmp_path):
    torch.save({"weight": 3}, tmp_path / "numbers.pt")

    with pytest.raises(ModelError, match=r"must be a state dict of tensors, got dict$"):
        load_checkpoint(nn.Linear(3, 2), tmp_path / "numbers.pt")


@pytest.mark.parametrize(
    ("conv", "norm", "epsilon"),
    [("Conv2d", "BatchNorm2d", 1e-4), ("conv_0", "batch_norm_0", 1e-5)],
    ids=["ultralytics", "eriklindernoren"],
)
def test_a_port_of_darknet_has_names_and_an_epsilon_of_its_own(tmp_path, conv, norm, epsilon):
    path = tmp_path / "port.pt"
    net = nn.Sequential(nn.Sequential(OrderedDict(norm=nn.BatchNorm2d(2))), nn.Conv2d(2, 3, 1))
    state = {
        f"module_list.0.{norm}.{key}": value + 1 for key, value in net[0].norm.state_dict().items()
    }
    state |= {
        f"module_list.1.{conv}.{key}": value + 1 for key, value in net[1].state_dict().items()
    }
    want = {key: value + 1 for key, value in net.state_dict().items()}
    torch.save(state | {"module_list.2.anchor_grid": torch.zeros(1)}, path)

    load_checkpoint(net, path)

    assert all(torch.equal(net.state_dict()[key], value) for key, value in want.items())
    assert port_epsilon(path) == epsilon


def test_a_file_that_is_of_no_port_has_no_epsilon(tmp_path):
    torch.save(nn.BatchNorm2d(2).state_dict(), tmp_path / "net.pt")

    assert port_epsilon(tmp_path / "net.pt") is None
