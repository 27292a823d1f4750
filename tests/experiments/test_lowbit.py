"""The table of accuracy against bits: its cells, and the measures in them."""

import json
import math
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from nets import Net
from PIL import Image
from torch import nn
from yaml import safe_load

from autosplit.capture.capture import capture
from autosplit.data.photos import Photos
from autosplit.data.preprocess import Preprocess
from autosplit.distortion.measure import measure_weights

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture(scope="module")
def scripts():
    sys.path.insert(0, str(EXPERIMENTS))
    names = ("lowbit", "lowbit_cell", "lowbit_tools", "compare_mct")
    found = [import_module(name) for name in names]
    sys.path.remove(str(EXPERIMENTS))
    return found


def logits(*shares):
    return torch.tensor(shares).log()


def test_measures_of_labelled_images_by_hand(scripts):
    """Two of two labels in float, one of two quantized; the second image's class has moved."""
    exact, rough = logits([0.75, 0.25], [0.25, 0.75]), logits([0.75, 0.25], [0.5, 0.25])
    batches = [(torch.zeros(2, 1), torch.tensor([0, 1]))]

    found = scripts[1].measures(exact, rough, batches)

    # The second answer's shares are 2/3 and 1/3.
    kl = (0.25 * math.log(0.25 / (2 / 3)) + 0.75 * math.log(0.75 / (1 / 3))) / 2
    assert found["kl"] == pytest.approx(kl, rel=1e-6)
    assert (found["images"], found["top1"], found["drop"], found["agreement"]) == (2, 0.5, 50, 0.5)


def test_where_there_are_crops_agreement_is_of_them_and_top1_is_of_the_photos(scripts):
    exact = logits([0.75, 0.25], [0.25, 0.75], [0.25, 0.75])
    rough = logits([0.25, 0.75], [0.25, 0.75], [0.25, 0.75])
    batches = [(torch.zeros(1, 1), torch.tensor([0])), (torch.zeros(2, 1), None)]

    found = scripts[1].measures(exact, rough, batches)

    assert found == {"images": 2, "top1": 0, "drop": 100, "agreement": 1, "kl": 0}


def test_crops_are_the_same_each_time_and_differ_from_each_other(scripts, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    preprocess = Preprocess((8, 8), (8, 8), (0.0,) * 3, (1.0,) * 3)
    photos = Photos(((tmp_path / "a.png", 0),), preprocess)

    first, again = (torch.cat([*scripts[1].crops(photos, preprocess, 5, 2)]) for _ in range(2))

    assert first.shape == (5, 3, 8, 8)
    assert torch.equal(first, again)
    assert len(first.flatten(1).unique(dim=0)) == 5


def test_every_cell_has_a_file_of_its_own(scripts, tmp_path):
    asked = safe_load((EXPERIMENTS / "lowbit.yaml").read_text())

    found = list(scripts[0].cells(asked, tmp_path))

    count = len(asked["networks"]) * len(asked["rows"]) * len(asked["columns"])
    assert len({told["out"] for _, told in found}) == len(found) == count


def test_a_cell_that_is_there_is_run_again_only_if_it_was_asked_for_otherwise(scripts, tmp_path):
    out = tmp_path / "cell.json"
    out.write_text(json.dumps({"drop": 1.5, "asked": {"tool": "ours mixed", "weight_bits": 4}}))
    told = {"out": str(out), "reference": "x.npy", "tool": "ours mixed", "weight_bits": 4}

    assert scripts[0].make(told, "no such python", 1)["drop"] == 1.5
    with pytest.raises(FileNotFoundError, match="no such python"):
        scripts[0].make(told | {"weight_bits": 3}, "no such python", 1)


def test_a_cell_that_fails_is_left_out_with_the_last_line_it_said(scripts, tmp_path):
    told = {"out": str(tmp_path / "cell.json"), "network": {"model": "no such network"}}

    found = scripts[0].make(told, sys.executable, 60)

    assert found["left_out"].startswith("failed: ")
    assert "no such network" in found["left_out"]
    assert not (tmp_path / "cell.json").exists()  # so that it is run again


class PadsItself(nn.Conv2d):
    """What EfficientNet-Lite's convolutions do."""

    def __init__(self, *sizes, sides, **options):
        super().__init__(*sizes, **options)
        self.static_padding = nn.ZeroPad2d(sides)

    def forward(self, x):
        return super().forward(self.static_padding(x))


class Doubles(nn.Conv2d):
    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    ("sides", "kinds"),
    [
        ((2, 2, 1, 1), [nn.Conv2d]),
        ((0, 1, 0, 1), [nn.ZeroPad2d, nn.Conv2d]),
        ((1, 1, 0, 1), [nn.ZeroPad2d, nn.Conv2d]),
    ],
    ids=["even", "uneven", "uneven-in-height"],
)
@pytest.mark.parametrize("bias", [True, False])
def test_a_plain_copy_answers_as_the_network_and_its_convolutions_are_torchs(
    scripts, sides, kinds, bias
):
    options = {"stride": (2, 1), "dilation": (1, 2), "groups": 2, "padding": (0, 1), "bias": bias}
    conv = PadsItself(4, 6, (3, 2), sides=sides, **options)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), conv, nn.ReLU6()).eval()
    x = torch.randn(2, 3, 9, 8)

    found = scripts[2].plain(network, x[:1])

    torch.testing.assert_close(found(x), network(x), rtol=0, atol=1e-5)
    place = list(found[1]) if isinstance(found[1], nn.Sequential) else [found[1]]
    assert [type(layer) for layer in place] == kinds
    assert network[1] is conv


def test_a_copy_that_would_answer_otherwise_is_refused(scripts):
    network = nn.Sequential(Doubles(3, 4, 1)).eval()

    with pytest.raises(ValueError, match="must answer as the network, differs by 5"):
        scripts[2].plain(network, torch.randn(1, 3, 5, 5))


def test_corrected_biases_leave_no_mean_error_where_they_were_taken_and_serve_other_images(scripts):
    """The network is linear in its last layer: no mean error of that is none of the logits."""
    network = Net(
        lambda n, x: n.last(n.first(x).relu().mean((2, 3))),
        first=nn.Conv2d(3, 8, 3),
        last=nn.Linear(8, 5),
    )
    images, scored = torch.randn(2, 16, 3, 6, 6)
    program = capture(network, (images[:1],), "tiny")
    stats = measure_weights(program, (2,))
    widths = dict.fromkeys(program.weights, 2)
    shifts = {}

    exact, rough = scripts[3].answers(program, stats, widths, images, shifts, correct=True)
    kept = scripts[3].answers(program, stats, widths, images, {})[1]
    other = scripts[3].answers(program, stats, widths, scored, shifts)
    both = scripts[3].answers(program, stats, widths, torch.cat([scored, images]), shifts)

    torch.testing.assert_close((rough - exact).mean(0), torch.zeros(5), rtol=0, atol=1e-6)
    assert (kept - exact).mean(0).abs().max() > 1e-3
    torch.testing.assert_close(both[1], torch.cat([other[1], rough]))
    assert shifts.keys() == widths.keys()
