"""Detection networks by name: Darknet's with their weights, and backbones of torchvision's."""

import struct
from dataclasses import replace

import pytest
import torch
import torchvision
from captures import split
from nets import relative_error
from PIL import Image
from safetensors.torch import save_file

from autosplit.capture.capture import capture
from autosplit.data.bundled import DARKNET
from autosplit.distortion.measure import measure
from autosplit.errors import ModelError
from autosplit.graph.memory import crossing_bytes
from autosplit.halves.deployed import deploy
from autosplit.halves.partition import join
from autosplit.hardware.device import load_device
from autosplit.hardware.link import load_link
from autosplit.models.detectors import Backbone
from autosplit.models.load import load_model
from autosplit.models.networks.darknet import build_darknet
from autosplit.models.networks.darknet_cfg import read_darknet_text
from autosplit.models.networks.darknet_weights import weight_places, write_weights
from autosplit.plan.grids import plan_grids
from autosplit.plan.planfile import PlanFile
from autosplit.runs.measuring import picture_input
from autosplit.search.methods import search
from autosplit.search.problem import Problem

CFG = """\
[net]
width=64
height=32
[conv]
filters=14
size=1
stride=8
activation=linear
[yolo]
anchors=1,2, 3,4
classes=2
"""


@pytest.fixture
def cfg(tmp_path):
    path = tmp_path / "my net.cfg"
    path.write_text(CFG)
    return path


def error_of(spec, **options):
    with pytest.raises(ModelError) as error:
        load_model(spec, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_bundled_network_of_the_size_asked_for():
    model = load_model("yolo:yolov3-tiny", input_size=96)

    assert model.name == "yolov3_tiny"
    assert model.example_input.shape == (1, 3, 96, 96)
    assert model.preprocess(Image.new("RGB", (20, 10))).shape == (3, 96, 96)
    assert [head.layer for head in model.heads] == [16, 23]
    assert [model.labels[i] for i in (0, 7, 14, 16, 79)] == [
        "person",
        "truck",
        "bird",
        "dog",
        "toothbrush",
    ]
    assert load_model("yolo:yolov3-tiny").example_input.shape == (1, 3, 416, 416)


def test_random_weights_come_from_the_seed(cfg):
    first, again, other = (load_model(f"yolo:{cfg}", seed=seed) for seed in (1, 1, 2))

    assert first.sha256 == again.sha256 != other.sha256
    assert first.name == "my_net"
    assert first.example_input.shape == (1, 3, 32, 64)
    assert first.labels == ("0", "1")


@pytest.mark.parametrize("suffix", [".weights", ".backup", ".safetensors", ".pt"])
def test_weights_are_read_from_any_kind_of_file(cfg, tmp_path, suffix):
    network = build_darknet(CFG)
    path = tmp_path / f"trained{suffix}"
    if suffix in (".weights", ".backup"):
        write_weights(network, path)
    elif suffix == ".pt":
        torch.save(network.state_dict(), path)
    else:
        save_file(network.state_dict(), path)

    model = load_model(f"yolo:{cfg}", weights=str(path))

    for name, tensor in network.state_dict().items():
        assert torch.equal(model.module.state_dict()[name], tensor)


def test_a_file_of_a_backbone_fills_the_first_layers_and_the_others_stay_random(tmp_path):
    two = CFG.replace("[yolo]", "[conv]\nfilters=14\nsize=1\nactivation=linear\n[yolo]")
    (tmp_path / "net.cfg").write_text(two)
    numbers = struct.pack("<iiiq56f", 0, 2, 0, 0, *range(56))  # 14 biases, 14 x 3 weights
    (tmp_path / "base.conv.1").write_bytes(numbers)

    told = "weights of the first 1 layer alone, the weights of the layers from 1 on are random"
    with pytest.warns(UserWarning, match=told):
        found = load_model(f"yolo:{tmp_path}/net.cfg", weights=f"{tmp_path}/base.conv.1").module
    random = load_model(f"yolo:{tmp_path}/net.cfg").module.state_dict()

    state = found.state_dict()
    assert torch.cat([state["0.bias"], state["0.weight"].flatten()]).tolist() == list(range(56))
    assert torch.equal(state["1.weight"], random["1.weight"])


@pytest.mark.parametrize(
    ("name", "layers", "size"), [("yolov4-tiny", 29, 19_789_716), ("yolov3", 74, 162_482_580)]
)
def test_published_files_of_backbones_have_as_many_numbers_as_the_layers(name, layers, size):
    """Sizes in bytes of yolov4-tiny.conv.29 and darknet53.conv.74 as they were published."""
    with torch.device("meta"):
        network = build_darknet(read_darknet_text(DARKNET / f"{name}.cfg"))

    count = sum(tensor.numel() for _, tensor in weight_places(network, layers))
    assert 20 + 4 * count == size


def test_names_beside_the_file_are_the_labels(cfg):
    cfg.with_suffix(".names").write_text("cat\n\n dog \n")

    assert load_model(f"yolo:{cfg}").labels == ("cat", "dog")

    cfg.with_suffix(".names").write_text("cat\n")
    assert error_of(f"yolo:{cfg}").endswith("my net.names: must name 2 classes, got 1 name")


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("yolo:yolov3-tin", {}, "unknown network 'yolo:yolov3-tin', did you mean 'yolov3-tiny'?"),
        ("yolo:none.cfg", {}, "none.cfg: must be a readable file, No such file or directory"),
        ("yolo:yolov3", {"input_size": 100}, "input size must be a multiple of 32, got 100"),
        (
            "yolo:yolov3-tiny",
            {"weights": "a.onnx"},
            "must be a .weights, .backup, .conv.NUMBER, .safetensors, .pt or .pth file, got the",
        ),
        ("yolo:yolov3-tiny", {"weights": "a.weights"}, "a.weights: must be a Darknet weights file"),
        ("yolo:yolov3-tiny", {"weights": "a.safetensors"}, "there is no such file"),
        ("torchvision-backbone:fasterrcnn", {}, "torchvision has no detector 'fasterrcnn', "),
        (
            "torchvision-backbone:fasterrcnn_resnet50_fpn",
            {"weights": "COCO"},
            "has no weights 'COCO', did you mean 'COCO_V1'?",
        ),
    ],
)
def test_what_cannot_be_loaded_is_refused_in_one_line(spec, options, message):
    assert message in error_of(spec, **options)


def test_weights_of_another_network_are_refused(cfg, tmp_path):
    path = tmp_path / "other.weights"
    write_weights(build_darknet(CFG.replace("size=1", "size=3")), path)

    text = error_of(f"yolo:{cfg}", weights=str(path))

    assert "must hold the 56 numbers of this network, 336 numbers are left over" in text


def test_a_network_of_one_channel_takes_grey_pictures(cfg):
    cfg.write_text(CFG.replace("[conv]", "channels=1\n[conv]"))

    model = load_model(f"yolo:{cfg}")

    grey = model.preprocess(Image.new("RGB", (64, 32), (255, 0, 0)))
    assert model.example_input.shape == (1, 1, 32, 64)
    assert float(grey.mean()) == pytest.approx(76 / 255)  # BT.601: 0.299 of red


def test_a_network_that_takes_neither_rgb_nor_grey_is_refused(cfg):
    cfg.write_text(CFG.replace("[conv]", "channels=4\n[conv]"))

    assert error_of(f"yolo:{cfg}").endswith("[net]: channels must be 3, RGB, or 1, grey, got 4")


@pytest.mark.parametrize(
    ("head", "net", "style"),
    [
        ("", "", "darknet"),
        ("scale_x_y=1.05\n", "", "alexeyab"),
        ("", "mosaic=1\n", "alexeyab"),
        ("scale_x_y=1.05\n", "letter_box=1\n", "darknet"),
        ("", "ema_alpha=0.9998\n", "alexeyab"),
        ("[conv]\ngroups=2\nfilters=2\nactivation=linear\n", "", "darknet"),
        ("[conv]\nfilters=2\nactivation=swish\n", "", "alexeyab"),
        ("[conv]\nfilters=2\nactivation=h_swish\n", "", "ultralytics"),
    ],
)
def test_a_file_says_how_pictures_become_inputs(cfg, head, net, style):
    cfg.write_text(CFG.replace("[conv]", net + "[conv]") + head)

    assert load_model(f"yolo:{cfg}").preprocess.style == style


def test_weights_of_ultralytics_ask_for_its_letterbox(cfg, tmp_path):
    torch.save(build_darknet(CFG).state_dict(), tmp_path / "best.pt")

    model = load_model(f"yolo:{cfg}", weights=str(tmp_path / "best.pt"))

    assert model.preprocess.style == "ultralytics"


def test_weights_of_ultralytics_are_known_by_their_names(cfg, tmp_path):
    state = build_darknet(CFG).state_dict()
    save_file(state, tmp_path / "own.safetensors")
    port = {key.replace("0.", "module_list.0.Conv2d."): value for key, value in state.items()}
    save_file(port, tmp_path / "port.safetensors")

    styles = [
        load_model(f"yolo:{cfg}", weights=f"{tmp_path}/{name}.safetensors").preprocess.style
        for name in ("own", "port")
    ]
    assert styles == ["darknet", "ultralytics"]


@pytest.mark.parametrize(("revision", "style"), [(0, "darknet"), (5, "alexeyab")])
def test_the_header_of_weights_says_whose_program_wrote_them(cfg, tmp_path, revision, style):
    (tmp_path / "a.weights").write_bytes(struct.pack("<iiiq56f", 0, 2, revision, 9, *range(56)))

    model = load_model(f"yolo:{cfg}", weights=f"{tmp_path}/a.weights")
    assert model.preprocess.style == style


def test_the_input_of_a_detector_is_measured_as_a_jpeg_file(cfg):
    model = load_model(f"yolo:{cfg}")
    photo = model.preprocess(Image.effect_noise((64, 32), 40))[None]

    picture = picture_input(model.preprocess, tuple(model.example_input.shape), (90,))
    ((_, (size,)),) = picture.arrivals(photo.numpy())

    assert 500 < size < 64 * 32 * 3


# ---- backbones ----

SIDE = 64


@pytest.fixture(scope="module")
def pyramid():
    """A captured backbone, images, and the float features of the untouched detector."""
    name = "fasterrcnn_resnet50_fpn"
    model = load_model(f"torchvision-backbone:{name}", input_size=SIDE, seed=3)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        inner = torchvision.models.get_model(name, weights=None, weights_backbone=None).backbone
    images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        want = tuple(inner.eval()(images).values())
    return model, capture(model.module, (model.example_input,), model.name), images, want


def test_a_backbone_gives_its_pyramid(pyramid):
    model, program, images, want = pyramid

    got = program.run((images,))

    assert model.name == "fasterrcnn_resnet50_fpn_backbone"
    assert [tuple(w.shape[1:]) for w in want] == [(256, s, s) for s in (16, 8, 4, 2, 1)]
    assert all(relative_error(g, w) < 1e-4 for g, w in zip(got, want, strict=True))


def test_the_halves_of_prefix_cuts_of_a_backbone_give_its_features(pyramid):
    _, program, images, want = pyramid
    several = 0
    for count in range(len(program.graph.layers), -1, -3):
        cut = program.graph.prefix(count)
        edge, cloud = split(program, cut)
        written = edge({program.graph.layers[0].inputs[0]: images[:1]})
        outputs = join(
            {name: value for name, value in written.items() if name.startswith("output:")},
            cloud(written),
        )
        several += len(cut.crossing) > 1
        for got, expected in zip(outputs, want, strict=True):
            assert relative_error(got, expected[:1]) < 1e-4
    assert several > 10


@pytest.mark.slow
def test_a_backbone_is_searched_and_its_plans_run(pyramid):
    """Half of a plan in integers: near the float features, and as many bytes as it says."""
    _, program, images, want = pyramid
    stats = measure(program, lambda: iter([images]))
    links = {name: load_link(name) for name in ("1mbps", "20mbps")}
    devices = load_device("eyeriss"), load_device("tpu_v1")
    problem = Problem(program.graph, stats.distortions, *devices, links, 8 << 20)

    plans = search(problem, ("autosplit", "uniform8"))

    whole = next(plan for plan in plans if plan.method == "uniform8")
    assert {plan.method for plan in plans} == {"autosplit", "uniform8"}
    for plan in (whole, eight_bits(problem, 30), eight_bits(problem, 60)):
        file = PlanFile(plan, *plan_grids(plan, stats), program.graph.name, "")
        outputs, sent = deploy(program, file)(images)
        assert sent == 2 * plan.crossing_bytes
        for got, expected in zip(outputs, want, strict=True):
            noise = float((got - expected).square().mean() / expected.square().mean())
            assert 0 < noise < 0.05


def eight_bits(problem, count):
    """A plan of the first layers at 8 bits, where several tensors cross."""
    cut = next(
        cut
        for cut in map(problem.graph.prefix, range(count, len(problem.graph.layers)))
        if len(cut.crossing) > 1
    )
    weights, activations = problem.uniform(cut, 8)
    return replace(
        search(problem, ("uniform8",))[0],
        edge=cut.edge,
        weight_bits=weights,
        activation_bits=activations,
        crossing_bytes=crossing_bytes(cut, activations),
    )


def test_frozen_batch_norms_are_folded():
    norm = torchvision.ops.FrozenBatchNorm2d(4)
    for tensor in norm.state_dict().values():
        tensor.uniform_(0.5, 2, generator=torch.Generator().manual_seed(len(tensor)))
    conv = torch.nn.Conv2d(3, 4, 3)
    images = torch.rand(1, 3, 8, 8)
    want = norm(conv(images)).detach()

    program = capture(Backbone(torch.nn.Sequential(conv, norm)).eval(), (images,))

    assert [layer.kind for layer in program.graph.layers] == ["conv"]
    assert relative_error(program.run((images,))[0], want) < 1e-5


@pytest.mark.parametrize(
    ("conv", "norm", "epsilon"),
    [("Conv2d", "BatchNorm2d", 1e-4), ("conv_{}", "batch_norm_{}", 1e-5)],
    ids=["ultralytics", "eriklindernoren"],
)
def test_state_dicts_of_ports_are_read_by_their_names(tmp_path, conv, norm, epsilon):
    model = load_model("yolo:yolov3-tiny", input_size=64, seed=3)
    state = {}
    for key, value in model.module.state_dict().items():
        number, *rest = key.split(".")
        part = norm if rest[0] == "norm" else conv
        state[f"module_list.{number}.{part.format(number)}.{rest[-1]}"] = value.clone() + 0.25
    state["module_list.16.anchor_grid"] = torch.zeros(1)
    torch.save({"epoch": 3, "model": state}, tmp_path / "port.pt")

    found = load_model("yolo:yolov3-tiny", weights=str(tmp_path / "port.pt"), input_size=64)
    for key, value in model.module.state_dict().items():
        added = 0.25 if value.is_floating_point() else 0
        assert torch.equal(found.module.state_dict()[key], value + added), key
    assert found.module.get_submodule("0.norm").eps == epsilon
