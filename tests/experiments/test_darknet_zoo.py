"""The networks of ``experiments/darknet_zoo.py`` against other builds of them, and its table."""

import csv
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from torchvision.models import mobilenet_v2

from autosplit.data.bundled import DARKNET
from autosplit.models.networks.darknet import build_darknet

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "experiments"))
zoo = pytest.importorskip("darknet_zoo")
NETWORKS = {one.name: one for one in zoo.ARCHITECTURES}
SEEDS = {
    "002": "yolov3 yolov3-tiny yolov3-mobilenet yolov3tiny-mobilenet-small yolov4 yolov4-tiny",
    "003": "yolov3 yolov3-mobilenet_v1 yolov3-mobilenet_v2 yolov3-tiny yolov3-lite "
    "yolov3-tiny-mobilenet",
}


def built(text):
    with torch.device("meta"):
        return build_darknet(text)


@pytest.fixture(scope="module")
def table():
    with (ROOT / "results" / "darknet_zoo.csv").open(encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("name", ["yolov3-tiny", "yolov4-tiny"])
def test_a_written_file_is_the_bundled_network(name):
    ours, bundled = built(NETWORKS[name].write()), built((DARKNET / f"{name}.cfg").read_text())

    assert ours.shapes == bundled.shapes
    assert ours.reads == bundled.reads
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in bundled.state_dict().items()
    }


def test_mobilenet_v2_has_the_parameters_of_torchvisions():
    with torch.device("meta"):
        theirs = mobilenet_v2()

    row = zoo.row_of(NETWORKS["mobilenet_v2"])

    assert row["parameters"] == sum(each.numel() for each in theirs.parameters())
    assert row["equal"] == "no"  # the paper says 3.4 million


def test_parameters_of_seed_002_are_those_that_it_prints():
    large = zoo.row_of(NETWORKS["yolov3-mobilenet"])
    small = zoo.row_of(NETWORKS["yolov3tiny-mobilenet-small"])

    assert round(large["parameters"] / 2**20, 2) == 23.09
    assert round(small["numbers_in_weights_file"] / 2**20, 2) == 2.92


def test_operations_are_counted_by_hand_and_by_the_rule_of_the_source():
    net = zoo.build_darknet(
        "[net]\nwidth=4\nheight=4\n[convolutional]\nfilters=2\nsize=3\npad=1\nactivation=linear\n"
        "[maxpool]\nsize=2\nstride=1\n[shortcut]\nfrom=-2\n"
        "[local]\nfilters=1\nsize=3\nstride=1\npad=1\n"
    ).to("meta")

    found = zoo.count(net)

    # 16 pixels: 2 x 27 products; then 9 taps of 2 channels each; 4 per pooled, 1 per summed value
    assert (found.macs, found.local) == (16 * 2 * 27 + 16 * 18, 16 * 18)
    assert found.others == 2 * 16 * 4 + 2 * 16
    assert found.by_rule_of(zoo.ALEXEY) == pytest.approx((2 * found.macs + found.others) / 1e9)
    assert found.by_rule_of(zoo.YOLOV7) == pytest.approx(2 * (found.macs + 2 * 16) / 1e9)
    assert found.by_rule_of(zoo.SEED) == pytest.approx(2 * found.macs / 1e9)  # no batch norm
    assert found.by_rule_of("a page") == pytest.approx(2 * 16 * 2 * 27 / 1e9)


def test_operations_of_seed_002_count_two_for_each_normalized_value():
    text = "[net]\nwidth=8\nheight=8\n[conv]\nfilters=3\nbatch_normalize=1\nactivation=linear\n"
    one = zoo.Architecture("one", lambda: text, zoo.SEED)

    # 480 x 640 pixels, 3 filters of 3 products, 2 operations more for each of 3 outputs
    assert zoo._seed_gflops(one) == pytest.approx(2 * 480 * 640 * (3 * 3 + 2 * 3) / 1e9)


def test_a_figure_agrees_within_a_unit_of_its_last_digit():
    assert zoo.agrees("236", 236.5)
    assert zoo.agrees("159", 158.6)
    assert zoo.agrees("90", 89.4)
    assert not zoo.agrees("90", 89)
    assert zoo.agrees("35.5", 35.584)
    assert not zoo.agrees("117.3", 117.19)


def test_the_table_follows_its_rule(table):
    """By the columns that are printed, and by no other rule."""
    pairs = [
        ("gflops", "published_gflops"),
        ("megabytes", "published_megabytes"),
        ("seed_gflops", "published_seed_gflops"),
    ]
    for row in table.values():
        found = [(row[ours], row[theirs]) for ours, theirs in pairs if row[theirs]]
        if row["published_millions"]:
            unit = 2**20 if zoo.SEED in row["source"] else 1e6
            counts = [int(row[key]) / unit for key in ("parameters", "numbers_in_weights_file")]
            text = row["published_millions"]
            found.append((min(counts, key=lambda n, text=text: abs(n - float(text))), text))
        if row["equal"] == "refused" or not found:
            continue
        units = [Decimal(1).scaleb(Decimal(text).as_tuple().exponent) for _, text in found]
        off = [abs(float(ours) - float(text)) for ours, text in found]
        near = all(one < unit for one, unit in zip(off, units, strict=True))
        assert row["equal"] == ("yes" if near else "no"), row["name"]


def test_the_table_has_the_operations_that_seed_002_prints(table):
    printed = {
        "yolov3": "117.3",
        "yolov3-tiny": "9.9",
        "yolov3-mobilenet": "32.2",
        "yolov3tiny-mobilenet-small": "2.9",
        "yolov4": "107.1",
        "yolov4-tiny": "12.3",
    }

    assert {name: table[name]["published_seed_gflops"] for name in printed} == printed
    ours = {name: f"{float(table[name]['seed_gflops']):.1f}" for name in printed}
    assert ours == printed | {"yolov3": "117.2"}


@pytest.mark.parametrize("name", ["rnn", "yolo9000"])
def test_what_is_refused_is_refused_by_name(name, table):
    row = zoo.row_of(NETWORKS[name])

    assert row["equal"] == "refused"
    assert ("[rnn]" if name == "rnn" else "tree") in row["why_not"]
    assert table[name]["why_not"] == row["why_not"]


def test_the_table_has_every_network_and_says_why_a_figure_differs(table):
    assert list(table) == list(NETWORKS)
    counted = [row for row in table.values() if row["parameters"] and row["macs"]]
    published = [row for row in counted if row["equal"] in ("yes", "no")]
    assert len(counted) >= 40
    assert len(published) >= 40
    assert [row["name"] for row in counted if (row["equal"] == "no") != bool(row["why_not"])] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_the_networks_of_a_seed_went_through_all_commands(seed, table):
    names = SEEDS[seed].split()

    assert [name for name in names if seed not in table[name]["seeds"]] == []
    assert {table[name]["runs"] for name in names} == {"stats search latency detect"}


@pytest.mark.slow
def test_the_table_is_what_its_command_counts(table):
    for name, one in NETWORKS.items():
        row = {key: str(value) for key, value in zoo.row_of(one).items() if key != "runs"}
        assert {key: table[name][key] for key in row} == row
