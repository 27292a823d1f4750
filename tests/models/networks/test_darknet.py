"""Darknet networks: their outputs, the published totals, and what is refused."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from autosplit.capture.capture import capture
from autosplit.data.bundled import DARKNET
from autosplit.errors import AutoSplitWarning, ModelError
from autosplit.models.networks.darknet import build_darknet, load_darknet

NET = "[net]\nwidth=64\nheight=64\nchannels=3\n"
CONV = "[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=linear\n"


def build(layers, net=NET):
    torch.manual_seed(0)
    return build_darknet(net + layers, "a.cfg").eval()


def error_of(layers, net=NET):
    with pytest.raises(ModelError) as error:
        build_darknet(net + layers, "a.cfg", pictures=True)
    assert "\n" not in str(error.value)
    return str(error.value)


YOLO = "[yolo]\nmask=1\nanchors=1,2, 3,4\nclasses=2\nnum=2\nscale_x_y=1.05\njitter=.3\n"
SEVEN = CONV.replace("=4", "=7")


def test_the_outputs_are_what_the_yolo_sections_read():
    network = build(SEVEN + YOLO + "[route]\nlayers=-2\n" + SEVEN + YOLO)
    images = torch.randn(1, 3, 64, 64)

    first, second = network(images)

    head = network.heads[1]
    assert [h.layer for h in network.heads] == [1, 4]
    assert (head.anchors, head.classes, head.scale_x_y) == (((3.0, 4.0),), 2, 1.05)
    torch.testing.assert_close(first, getattr(network, "0")(images))
    torch.testing.assert_close(second, getattr(network, "3")(first))


def test_random_weights_neither_die_nor_explode():
    torch.manual_seed(0)
    network = load_darknet(DARKNET / "yolov3.cfg", 64).eval()

    with torch.no_grad():
        outputs = network(torch.rand(1, 3, 64, 64))

    assert all(0.01 < float(output.std()) < 100 for output in outputs)


# ---- the published networks ----

# Sizes of the published weights files: a header of 20 bytes, then 4 bytes a number.
FILES = {
    "yolov3-tiny": 35_434_956,
    "yolov3": 248_007_048,
    "yolov3-spp": 252_209_544,
    "yolov4-tiny": 24_251_276,
}
# Layers; billions of operations at a size, two for each multiply-accumulate, as Darknet prints.
PUBLISHED = {
    "yolov3-tiny": (24, 416, 5.56),
    "yolov3": (107, 416, 65.86),
    "yolov3-spp": (114, 608, 141.45),
    "yolov4-tiny": (38, 416, 6.91),
}


def on_meta(name, size):
    with torch.device("meta"):
        return load_darknet(DARKNET / f"{name}.cfg", size).eval()


@pytest.mark.parametrize("name", FILES)
def test_a_published_network_has_the_numbers_of_its_weights_file(name):
    network = on_meta(name, 416)

    weights = sum(p.numel() for p in network.parameters())
    statistics = sum(b.numel() for k, b in network.named_buffers() if "running" in k)

    assert 20 + 4 * (weights + statistics) == FILES[name]
    assert len(network.shapes) == PUBLISHED[name][0]


@pytest.mark.parametrize("name", FILES)
def test_a_published_network_costs_what_is_published(name):
    _, size, operations = PUBLISHED[name]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        outputs = on_meta(name, size)(torch.zeros(1, 3, size, size, device="meta"))

    assert counter.get_total_flops() / 1e9 == pytest.approx(operations, rel=0.005)
    strides = [32, 16, 8][: len(outputs)]
    assert [o.shape for o in outputs] == [(1, 255, size // s, size // s) for s in strides]


@pytest.mark.parametrize(
    "name",
    [
        "yolov3-tiny",
        "yolov4-tiny",
        pytest.param("yolov3", marks=pytest.mark.slow),
        pytest.param("yolov3-spp", marks=pytest.mark.slow),
    ],
)
def test_a_captured_network_has_the_same_totals(name):
    network = load_darknet(DARKNET / f"{name}.cfg", 416).eval()
    graph = capture(network, (torch.rand(1, 3, 416, 416),), name).graph
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        on_meta(name, 416)(torch.zeros(1, 3, 416, 416, device="meta"))

    weights = sum(p.numel() for p in network.parameters() if p.dim() == 4)
    assert 2 * sum(layer.macs for layer in graph.layers) == counter.get_total_flops()
    assert sum(layer.weight_elements for layer in graph.layers) == weights
    for layer in graph.layers:  # every activation is part of its convolution, named by number
        assert layer.name.isdecimal()
        assert "batch_norm" not in layer.operators
        assert ("leaky_relu" in layer.operators) <= (layer.kind == "conv")


@pytest.mark.parametrize("size", [416, 512, 608])
def test_the_first_anchors_are_the_largest(size):
    heads = on_meta("yolov3", size).heads

    assert [h.layer for h in heads] == [82, 94, 106]
    assert [h.anchors[0] for h in heads] == [(116, 90), (30, 61), (10, 13)]
    assert on_meta("yolov4-tiny", size).heads[0].scale_x_y == 1.05


# ---- errors ----


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("[route]\nlayers=0\n", "layers must name earlier layers, 0 to -1, got 0"),
        (
            CONV + "[route]\nlayers=-3\n",
            "[route] of layer 1: layers must name earlier layers, 0 to 0, got -3, which is be",
        ),
        (CONV + "[shortcut]\nfrom=7\n", "from must name earlier layers, 0 to 0, got 7"),
        (CONV + "[route]\n", "[route] of layer 1: must have the option 'layers'"),
        (CONV + "[route]\nlayers=,\n", "layers must name a layer, names none"),
        (CONV + CONV + "[sam]\nfrom=0,1\n", "from must name one layer, got 2"),
        (
            CONV + "[maxpool]\nstride=2\n[upsample]\nstride=4\n[shortcut]\nfrom=0\n",
            "must add layers of one height and width, got 4x128x128 and 4x64x64",
        ),
        (
            CONV + "[maxpool]\nstride=2\nsize=2\n[route]\nlayers=0,1\n",
            "layers must have one height and width, got 4x64x64 and 4x32x32",
        ),
        (SEVEN + "[route]\nlayers=0\ngroups=2\n", "must be a multiple of groups=2, got 7"),
        (CONV + "[route]\nlayers=0\ngroups=2\ngroup_id=2\n", "must be below groups=2, got 2"),
        (CONV + "groups=2\n", "must be multiples of groups=2, got 3 channels and 4 filters"),
        (
            CONV + YOLO,
            "[yolo] of layer 1: must read 7 channels, 1 anchor of 5 + 2, got 4 from layer 0",
        ),
        (SEVEN + YOLO.replace("mask=1", "mask=2"), "mask must be anchors 0 to 1, got (2,)"),
        (SEVEN + YOLO.replace("3,4", "3"), "anchors must be pairs of pixels, got 3 numbers"),
        (SEVEN + YOLO.replace("1.05", "0"), "scale_x_y must be above 0, got 0"),
        (CONV.replace("linear", "laeky"), "unknown activation 'laeky', did you mean 'leaky'?"),
        ("[conv]\nsize=65\nactivation=linear\n", "must leave at least one pixel, got 1x0x0"),
        (
            "[conv]\nfilters=999999999\n",  # 3 weights and a bias each, 64 x 64 pixels
            "must have at most 536,870,912 weights and outputs, has 3,999,999,996 and 4,",
        ),
    ],
)
def test_what_cannot_be_carried_out_is_refused_in_one_line(layers, message):
    assert message in error_of(layers)


@pytest.mark.parametrize("size", [100, 417, 31])
def test_an_input_size_that_the_strides_do_not_divide_is_refused(size):
    with pytest.raises(ModelError) as error:
        load_darknet(DARKNET / "yolov3-tiny.cfg", size)

    assert str(error.value).endswith(f"[net]: input size must be a multiple of 32, got {size}")


def test_an_input_that_no_machine_holds_is_refused():
    with pytest.raises(ModelError, match=r"cfg:2: \[net\]: width must be at most 16,384 pixels, "):
        build_darknet("[net]\nwidth=99999999\nheight=64\n[conv]\n")


FAULTS = """[net]
width=64x
height=64
channels=4
[convolutional]
filters=4
size=0
stride=2
activation=leeky
[route]
layers=99,-9
[zzz]
[yolo]
mask=0
anchors=1,2,3
classes=0
scale_x_y=-1
"""
"""One of each kind of fault that lets nothing behind it be known."""
SHAPES = """[net]
width=64
height=64
channels=3
[convolutional]
filters=4
activation=leeky
[convolutional]
filters=6
stride=2
groups=4
[shortcut]
from=-1
weights_type=often
[route]
layers=-1,-3
[se]
filters=3
[convolutional]
filters=7
[yolo]
mask=1
anchors=1,2, 3,4
classes=3
beta_nms=0
"""
"""Faults behind which the shapes are known: layer 1 has 6x32x32, whatever its groups are."""


def starts(told):
    """Line of each problem, and the beginning of what it says."""
    head, *rest = told.split("; line ")
    first = head.partition(" problems: line ")[2]
    return [(line, text[:60]) for line, _, text in (one.partition(": ") for one in (first, *rest))]


def agree(told, expected):
    found = starts(told)
    assert [line for line, _ in found] == [line for line, _ in expected]
    assert all(text.startswith(want) for (_, text), (_, want) in zip(found, expected, strict=True))


def test_values_that_cannot_be_are_told_with_all_unknown_words_at_once():
    agree(
        error_of("", FAULTS),
        [
            ("2", "[net]: width must be whole numbers, got '64x'"),
            ("4", "[net]: channels must be 3, RGB, or 1, grey, got 4"),
            ("7", "[convolutional] of layer 0: size must be a whole number of"),
            ("9", "[convolutional] of layer 0: unknown activation 'leeky'"),
            ("11", "[route] of layer 1: layers must name earlier layers, 0 to 0,"),
            ("12", "unknown section '[zzz]'"),
            ("15", "[yolo] of layer 3: anchors must be pairs of pixels, got 3 nu"),
            ("16", "[yolo] of layer 3: classes must be a whole number of at leas"),
            ("17", "[yolo] of layer 3: scale_x_y must be above 0, got -1"),
        ],
    )
    assert "got 99 and -9, which is before the first layer; line" in error_of("", FAULTS)


def test_a_head_is_checked_where_its_input_is_not_known_or_an_option_is_wrong():
    head = "[yolo]\nmask=0,5\nanchors=1,2, 3,4\nnms_kind=foo\n"
    for text in ("[conv]\n[zzz]\n" + head, "[conv]\n" + head + "classes=x\n"):
        with pytest.warns(AutoSplitWarning, match="nms_kind 'foo' is unknown"):
            told = error_of("", "[net]\nwidth=64\nheight=64\n" + text)
        assert "mask must be anchors 0 to 1, got (0, 5)" in told
        assert " 2 problems: " in told


def test_layers_behind_a_wrong_one_are_checked_where_its_shape_is_known():
    agree(
        error_of("", SHAPES),
        [
            ("7", "[convolutional] of layer 0: unknown activation 'leeky'"),
            ("8", "[convolutional] of layer 1: channels and filters must be mul"),
            ("14", "[shortcut] of layer 2: weights_type is unknown, 'often'"),
            ("15", "[route] of layer 3: layers must have one height and width, g"),
            ("17", "[se] of layer 4: filters must be the 10 channels it reads"),
            ("21", "[yolo] of layer 6: must read 8 channels, 1 anchor of 5 + 3,"),
            ("25", "[yolo] of layer 6: beta_nms must be above 0, got 0"),
        ],
    )


def test_a_size_that_depends_on_a_wrong_line_is_not_told_of():
    """The convolution of unknown size hides the shape of the layers that the route joins."""
    layers = CONV.replace("size=3", "size=x") + CONV + "[maxpool]\nstride=2\nsize=2\n"

    told = error_of(layers + "[route]\nlayers=0,2\n[upsample]\nstride=0\n")

    assert told.count("; line ") == 1
    assert "size must be whole numbers, got 'x'" in told
    assert "stride must be a whole number of at least 1, got '0'" in told


def test_a_file_may_ask_for_a_letterbox_and_for_one_channel():
    network = build_darknet("[net]\nwidth=8\nheight=8\nchannels=1\nletter_box=1\n[conv]\n")

    assert network.letter_box
    assert network.input_shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        ("", "a.cfg:1: [net]: must have the options 'height' and 'width'"),
        ("width=32\n", "a.cfg:1: [net]: must have the option 'height'"),
        ("height=32\n", "a.cfg:1: [net]: must have the option 'width'"),
    ],
)
def test_every_size_of_the_input_that_is_missing_is_named(net, message):
    text = f"[net]\n{net}[conv]\nactivation=linear\n"
    with pytest.raises(ModelError) as error:
        build_darknet(text, "a.cfg")

    assert str(error.value) == message
    assert build_darknet(text, "a.cfg", 64).input_shape == (3, 64, 64)
