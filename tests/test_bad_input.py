"""Odd networks and odd images through all stages: an answer in numbers, or one clear line."""

import csv
import re
import warnings

import numpy as np
import pytest
import safetensors.numpy
import torch
from tiny import DATA, EDGE, NETWORK
from torch import nn

from autosplit.cli.app import main
from autosplit.distortion.metrics import METRICS
from autosplit.errors import AutoSplitError, AutoSplitWarning, DataError, ModelError
from autosplit.finish.effort import EFFORTS
from autosplit.runs.stages import run as stages

NO_NUMBER = re.compile(r"(?<![a-z])[-.]*(nan|inf)\b", re.IGNORECASE)
LARGEST = "torch.finfo(torch.float32).max"
IMAGES = {
    "one image": "calibration = images[:1]",
    "zeros": "calibration = images[:8] * 0",
    "one constant": "calibration = images[:1] * 0 + 0.7",
    "an outlier of 1e30": "calibration[0, 0, 0, 0] = 1e30",
    "an outlier of -1e20": "calibration[0, 0, 0, 0] = -1e20",
    "the largest numbers": f"images[0, 0, 0, 0], images[1, 0, 0, 0] = {LARGEST}, -{LARGEST}",
    "tiny numbers": "calibration = images[:8] * 1e-20",
    "numbers below float32": "images *= 1e-42",
}
NETWORKS = {
    "all zeros": "for p in net.parameters(): p.zero_()",
    "a channel of zeros and a large bias": "net[0].weight[1] = 0; net[0].bias[1] = 1e6",
    "a constant channel and a large bias": "net[0].weight[1] = 1e-6; net[0].bias[1] = 1e6",
    "dead rectifiers": "net[0].bias.fill_(-1e3)",
    "constant answers": "net[5].weight.zero_(); net[5].bias.fill_(1.0)",
    "a weight of 1e30": "net[2].weight[0, 0, 0, 0] = 1e30",
    "a bias of 1e30": "net[0].bias[0] = 1e30",
    "weights of 1e10": "for i in (0, 2, 5): net[i].weight *= 1e10",
    "weights of 1e-15": "for i in (0, 2, 5): net[i].weight *= 1e-15",
}
CASES = {name: ("", change) for name, change in IMAGES.items()}
CASES |= {name: (change, "") for name, change in NETWORKS.items()}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.yaml").write_text(EDGE)
    return tmp_path


def write(place, network="", images=""):
    """The tiny network and its data, each changed by a statement."""
    net = NETWORK.replace(
        "    return nn.Sequential(*layers), ",
        "    net = nn.Sequential(*layers)\n    with torch.no_grad():\n"
        f"        {network or 'pass'}\n    return net, ",
    )
    (place / "net.py").write_text(net.replace("    ]\n", "    ]\n    torch.manual_seed(0)\n"))
    data = DATA.replace("    labels", f"    calibration = images[:8]\n    {images}\n    labels")
    (place / "data.py").write_text(data.replace('": [images[:8]]', '": [calibration]'))


def run(place, stage=None, **given):
    """Do the stages, or one of them; gives what was warned of, and checks every number."""
    given = {"model": "net.py:net", "data": "data.py:data", "edge": "toy.yaml"} | given
    given = {"links": ("20kbps",), "methods": ("autosplit", "uniform2", "cloud16")} | given
    given = {"plans": "all", "front": 2, "max_drop": None} | given
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", AutoSplitWarning)
        try:
            for outcome in stages.run(place / "run", given):
                if outcome.stage == stage:
                    break
        finally:
            check_numbers(place / "run")
    return [str(warning.message) for warning in seen]


def check_numbers(folder):
    for path in folder.rglob("*"):
        if path.suffix in (".yaml", ".csv", ".json"):
            assert not NO_NUMBER.search(path.read_text()), path
        if path.suffix == ".safetensors":
            for name, value in safetensors.numpy.load_file(path).items():
                assert np.isfinite(value.astype(float)).all(), (path, name)


def scores(place):
    with (place / "run" / "scores.csv").open() as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def check_scores(place):
    rows = scores(place)
    assert len(rows) > 3
    for row in rows.values():
        assert 0 <= float(row["top1"]) <= float(row["top5"]) <= 1


@pytest.mark.parametrize("case", CASES)
def test_every_number_is_one(place, case):
    write(place, *CASES[case])
    run(place, "search", metric="fisher")
    run(place, "quantize", metric="output", effort="good")
    check_scores(place)


TINY = (
    *("tiny numbers", "numbers below float32", "all zeros", "constant answers"),
    *("a channel of zeros and a large bias", "a bias of 1e30", "weights of 1e-15"),
)


@pytest.mark.parametrize("case", TINY)
def test_every_number_is_one_on_a_processor_without_denormal_numbers(place, flushed, case):
    write(place, *CASES[case])
    run(place, "quantize", metric="output", effort="good")
    check_scores(place)


@pytest.mark.parametrize("metric", METRICS)
def test_every_number_is_one_at_every_effort_and_by_every_metric(place, metric):
    """Several odd things at once."""
    dead = "net[0].weight[:2] = 0; net[0].bias[0] = -1; net[2].weight[1] = 1e25"
    write(place, dead, "calibration = images[:1]; calibration[0, 0, 0, 0] = 1e10")
    for effort in EFFORTS:
        run(place, "quantize", metric=metric, effort=effort)
        check_scores(place)


def test_the_odd_cases_are_not_by_chance_the_tiny_network(place):
    """Each change does change the network or the images."""
    write(place)
    plain = ((place / "net.py").read_text(), (place / "data.py").read_text())
    for network, images in CASES.values():
        write(place, network, images)
        texts = ((place / "net.py").read_text(), (place / "data.py").read_text())
        assert [a == b for a, b in zip(texts, plain, strict=True)].count(True) == 1


@pytest.mark.parametrize("case", ["dead rectifiers", "constant answers", "all zeros"])
def test_a_network_that_answers_one_thing_is_never_wrong_about_it(place, case):
    write(place, *CASES[case])
    run(place, "quantize")

    assert {row["agreement"] for row in scores(place).values()} == {"1.0"}


SHAPE = (
    "input_1: a sample must have the shape 1x8x8 that net was captured with, got {}; "
    "see --input-size"
)
EXPECTED = {
    "NaN in the images": (
        ("", "calibration = calibration.clone(); calibration[2, 0, 1, 1] = float('nan')"),
        DataError,
        "data.py:data: batch 0: input_1: must be finite, got NaN",
    ),
    "infinity in the evaluation images": (
        ("", "images = images.clone(); images[9, 0, 1, 1] = float('inf')"),
        DataError,
        "data.py:data: batch 1: input_1: must be finite, got infinity",
    ),
    "NaN in a weight": (
        ("net[2].weight[0, 0, 0, 0] = float('nan')", ""),
        ModelError,
        "net: the weight of layer 2 must be finite, got NaN or infinity",
    ),
    "images of three channels": (
        ("", "calibration = images[:8].repeat(1, 3, 1, 1)"),
        DataError,
        SHAPE.format("3x8x8"),
    ),
    "images of two shapes": (
        ("", "calibration = images[:8]; images = images[..., 1:]"),
        DataError,
        SHAPE.format("1x8x7"),
    ),
    "no batches of images": (
        ("", "calibration = [1, 2]"),
        DataError,
        (
            "data.py:data: must give batches of tensors with the samples along one axis, such as "
            "images (n, C, H, W), got a number"
        ),
    ),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_what_cannot_be_handled_is_one_clear_line(place, case):
    changes, kind, text = EXPECTED[case]
    write(place, *changes)

    with pytest.raises(AutoSplitError) as error:
        run(place, metric="mse", effort="fast")

    assert type(error.value) is kind
    assert str(error.value) == text


def test_sums_that_overflow_are_one_clear_line(place):
    """Processors add in different orders, so that infinities cancel to NaN in different places."""
    write(place, "for i in (0, 2, 5): net[i].weight *= 1e15", "")

    with pytest.raises(DataError) as error:
        run(place, metric="mse", effort="fast")

    assert str(error.value).startswith(
        (
            "5: must be finite, got NaN or infinity in batch 0",
            "evaluation data: net must answer with numbers, got NaN for inputs in ",
        )
    )
    assert "\n" not in str(error.value)


WIDTHS = {
    "none": (
        {"widths": ()},
        "widths: must be whole numbers from 1 to 8, separated by commas, got ()",
    ),
    "zero": (
        {"widths": (0, 4)},
        "widths: must be whole numbers from 1 to 8, separated by commas, got (0, 4)",
    ),
    "nine": (
        {"widths": (8, 9)},
        "widths: must be whole numbers from 1 to 8, separated by commas, got (8, 9)",
    ),
    "no number": (
        {"widths": ("four",)},
        "widths: must be whole numbers from 1 to 8, separated by commas, got ('four',)",
    ),
    "a pin of another width": (
        {"widths": (2, 4), "pins": ("0:weight=8",)},
        "pin 0:weight=8: the width must be one that may be used, 2, 4; see --widths",
    ),
    "a pin of no width": (
        {"widths": (2, 4, 8), "pins": ("0:weight=0",)},
        "pin 0:weight=0: the width must be one that may be used, 2, 4, 8; see --widths",
    ),
    "a device without them": (
        {"widths": (3, 5), "edge": "narrow.yaml"},
        "narrow: must support one of the widths 3, 5, supports 8, 16",
    ),
}


@pytest.mark.parametrize("case", WIDTHS)
def test_widths_that_a_tensor_cannot_have_are_one_clear_line(tiny, case):
    given, text = WIDTHS[case]
    narrow = EDGE.replace("name: toy", "name: narrow") + "widths: [8, 16]\n"
    (tiny.place / "narrow.yaml").write_text(narrow)

    with pytest.raises(AutoSplitError) as error:
        stages.STAGES["search"].run(tiny.run, given)

    assert str(error.value) == text


# ---- what is warned of ----


def test_images_as_they_should_be_give_no_warning(place):
    write(place)

    assert run(place, "quantize", metric="mse", effort="fast") == []


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_another_precision_is_said_and_measured_in_float32(place, dtype):
    """The same network with the same weights in float32 gives the same bytes."""
    write(place, f"net.to(torch.{dtype})")
    given = {"metric": "output", "effort": "good"}
    said = run(place, "quantize", **given)
    (place / "run").rename(place / "other")
    write(place, f"net.to(torch.{dtype}).float()")

    assert said == [f"net: computes in {dtype}, is measured and quantized in float32"]
    assert run(place, "quantize", **given) == []
    names = ("graph.json", "stats.yaml", "distortion.csv", "plans.csv", "scores.csv")
    for name in names:
        assert (place / "run" / name).read_bytes() == (place / "other" / name).read_bytes()


def test_a_saved_program_in_half_precision_is_said_too(place):
    write(place)
    half = nn.Sequential(nn.Flatten(), nn.Linear(64, 5)).half()
    batch = torch.export.Dim("batch", min=1, max=64)
    example = (torch.zeros(2, 1, 8, 8).half(),)
    saved = torch.export.export(half, example, dynamic_shapes=({0: batch},), strict=False)
    torch.export.save(saved, place / "half.pt2")

    said = run(place, "quantize", model="half.pt2", metric="mse", effort="fast")

    assert said == ["half: computes in float16, is measured and quantized in float32"]


def test_evaluation_images_of_another_scale_show_both_ranges(place):
    """Calibration in 0..1, evaluation in 0..255."""
    write(place, "", "images = images.sigmoid(); calibration = images[:8]; images = images * 255")
    (said,) = run(place, "quantize", metric="mse", effort="fast")

    number = r"([-+.e\d]+?)"
    text = rf"evaluation data: inputs must be of .*, {number}\.\.{number}, got {number}\.\.{number}"
    low, high, least, most = map(float, re.fullmatch(text, said).groups())
    assert 0 < low < 0.1 < 0.9 < high < 1
    assert 0 < least < 25.5 < 200 < most < 255


def test_one_value_that_outweighs_all_others_is_named(place):
    write(place, "", "calibration = torch.cat([images, images]); calibration[0, 0, 0, 0] = -1e30")
    said = run(place, "search", metric="mse")

    text = "calibration data: no value must outweigh all others, input_1 has -1e+30 among 1,536 "
    assert said == [text + "values; leave that sample out"]


NORMED = """\
import torch
from torch import nn


def net():
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(8, momentum=None)
    net = nn.Sequential(nn.Conv2d(1, 8, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(288, 5))
    net(torch.randn(500, 1, 8, 8))
    return net, torch.zeros(1, 1, 8, 8)
"""


@pytest.mark.parametrize(("factor", "warned"), [(0.5, 0), (2, 0), (0.2, 1), (255, 1)])
def test_images_of_another_scale_than_the_network_was_trained_on(place, factor, warned):
    """It was trained on a deviation of 1, so its first norm sees the factor."""
    write(place, "", f"images *= {factor}")
    (place / "net.py").write_text(NORMED)

    said = run(place, "stats", metric="mse")

    text = (
        r"calibration data: inputs must be of the scale that net was trained on, got (\S+)\.\.(\S+)"
    )
    text += r", on which its first batch norm sees a deviation of (\S+) where it learned (\S+)"
    assert len(said) == warned
    for line in said:
        low, high, found, learned = map(float, re.fullmatch(text, line).groups())
        assert found / learned == pytest.approx(factor, rel=0.15)
        assert low < -factor
        assert high > factor


@pytest.mark.parametrize(
    ("made", "shown"), [("pixels / 255", "0..1"), ("pixels", "0..255"), ("prepared", "")]
)
def test_images_that_are_not_prepared_for_a_network_that_is_known(place, made, shown):
    """Fashion-MNIST has mean 0.286 and deviation 0.353: -0.81..2.02."""
    (place / "data.py").write_text(
        "import torch\n\n\ndef data():\n"
        "    pixels = torch.arange(784.0).view(1, 1, 28, 28).repeat(4, 1, 1, 1) * 255 / 783\n"
        "    prepared = (pixels / 255 - 0.286) / 0.353\n"
        f"    return [{made}]\n"
    )
    said = run(place, "stats", model="fashion-resnet", metric="mse")

    text = (
        "calibration data: inputs must be prepared as fashion_resnet takes them, in about "
        f"-0.81..2.02, got {shown}"
    )
    assert said == ([text] if shown else [])


def test_the_command_line_says_a_warning_in_one_line(place, capsys):
    write(place, "net.half()")
    line = "stats --model net.py:net --data data.py:data --metric mse --out run"

    assert main(line.split()) == 0

    text = "autosplit: warning: net: computes in float16, is measured and quantized in float32"
    out, err = capsys.readouterr()
    warned = [line for line in err.splitlines() if "warning" in line]
    assert warned == [text]
    assert out.startswith("stats: 3 layers, ")
