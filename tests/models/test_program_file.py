"""Saved programs are loaded without unpickling objects."""

import io
import os
import pickle
import zipfile

import pytest
import torch
from loaded import Bomb, model_error, noise
from torch import nn

from autosplit.capture.capture import capture
from autosplit.models.load import load_model
from autosplit.models.program_file import program_input, read_program


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "small.v2.pt2"
    batch = torch.export.Dim("batch", min=1, max=64)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()).eval()
    exported = torch.export.export(
        net, (torch.ones(2, 3, 10, 12),), dynamic_shapes=({0: batch},), strict=False
    )
    torch.export.save(exported, path)
    return path, net


def test_a_saved_program_brings_its_network_and_input(program):
    path, net = program
    model = load_model(str(path))

    assert model.name == "small_v2"
    assert model.program is not None
    assert model.example_input.shape == (1, 3, 10, 12)
    images = torch.rand(5, 3, 10, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(model.module(images), net(images))
    assert model.preprocess(noise(50, 40)).shape == (3, 10, 12)


def test_a_saved_program_takes_no_checkpoint(program):
    path, _ = program

    assert model_error(str(path), checkpoint=path).endswith(
        "holds its weights, takes no checkpoint"
    )


class Sum(nn.Module):
    def forward(self, a, b):
        return a + 2 * b


@pytest.mark.parametrize("by_name", [False, True])
def test_a_program_of_two_inputs_has_both_as_they_were_saved(tmp_path, by_name):
    path = tmp_path / "sum.pt2"
    given = torch.zeros(1, 2), torch.ones(1, 2)
    named = {"a": given[0], "b": given[1]}
    exported = torch.export.export(Sum(), () if by_name else given, named if by_name else None)
    torch.export.save(exported, path)

    model = load_model(str(path))
    program = capture(model.program, model.example_input)

    assert list(program.graph.inputs) == ["a", "b"]
    assert program.run(given)[0].tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_program_in_half_precision_is_loaded(tmp_path, dtype):
    path = tmp_path / "half.pt2"
    half = nn.Linear(3, 2).to(dtype)
    torch.export.save(torch.export.export(half, (torch.ones(1, 3, dtype=dtype),)), path)
    model = load_model(str(path))

    program = capture(model.program, (model.example_input,))

    want = half.weight.detach().float().sum(1) + half.bias.detach().float()
    assert torch.allclose(program.run((torch.ones(1, 3),))[0][0], want)


def test_a_file_that_is_no_program_is_one_line(tmp_path):
    path = tmp_path / "notes.pt2"
    path.write_text("not a program")

    assert model_error(str(path)).startswith(f"{path}: must be a saved torch.export program, got ")


def test_a_program_with_pickled_objects_is_refused(program, tmp_path):
    path, _ = program
    evil = tmp_path / "evil.pt2"
    pickled = io.BytesIO()
    torch.save(Bomb(tmp_path / "exploded"), pickled, pickle_module=pickle)
    changed = 0
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(evil, "w") as target:
        for name in source.namelist():
            sample = "sample_inputs" in name and name.endswith(".pt")
            changed += sample
            target.writestr(name, pickled.getvalue() if sample else source.read(name))

    assert changed == 1
    assert model_error(str(evil)).startswith(f"{evil}: must be a saved torch.export program")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("before", [None, "0"])
def test_the_environment_is_left_as_it_was(program, monkeypatch, before):
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    monkeypatch.delenv(name, raising=False)
    if before is not None:
        monkeypatch.setenv(name, before)

    read_program(program[0])

    assert os.environ.get(name) == before


@pytest.mark.parametrize("fixed", [True, False])
def test_an_open_batch_is_one_image_and_a_fixed_one_stays(tmp_path, fixed):
    shapes = None if fixed else ({0: torch.export.Dim("batch", min=1, max=64)},)
    exported = torch.export.export(nn.Linear(3, 2), (torch.ones(4, 3),), dynamic_shapes=shapes)

    example = program_input(tmp_path, exported)

    assert torch.equal(example, torch.ones(4 if fixed else 1, 3))
