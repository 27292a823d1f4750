"""Scenes of garments: how they are made, and that the bundled detector finds them."""

import csv
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from autosplit.data.bundled import FASHION_MNIST, SCENES
from autosplit.data.coco import read_coco_splits
from autosplit.data.datasets import load_data
from autosplit.evaluate.tasks.detection import BoxReader, BoxRecord
from autosplit.models.load import load_model
from autosplit.models.networks.darknet import load_darknet
from autosplit.models.networks.fashion_resnet import GARMENTS
from autosplit.runs.stages import run as stages

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def load_script(name):
    spec = importlib.util.spec_from_file_location(name, EXPERIMENTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


make = load_script("make_scenes")
load_script("train_fashion")
train = load_script("train_scenes")


@pytest.fixture(scope="module")
def found():
    return list(make.scenes(FASHION_MNIST, "val", 30, 5))


class TestScenes:
    def test_boxes_lie_inside_and_hardly_overlap(self, found):
        sizes = set()
        for scene in found:
            assert scene.pixels.shape == (256, 256, 3)
            assert 1 <= len(scene.boxes) == len(scene.labels) <= 6
            assert (scene.boxes[:, :2] >= 0).all()
            assert (scene.boxes[:, :2] + scene.boxes[:, 2:] <= 256).all()
            for i, (x, y, w, h) in enumerate(scene.boxes):
                for x2, y2, w2, h2 in scene.boxes[:i]:
                    across = min(x + w, x2 + w2) - max(x, x2)
                    down = min(y + h, y2 + h2) - max(y, y2)
                    common = max(across, 0) * max(down, 0)
                    assert common <= 0.2 * min(w * h, w2 * h2)
            sizes |= set(scene.boxes[:, 2:].max(1).tolist())
        assert min(sizes) < 40
        assert max(sizes) > 110
        assert {label for scene in found for label in scene.labels.tolist()} == set(range(10))

    def test_a_scene_depends_on_seed_split_and_number_alone(self, found):
        garments = make.read_garments(FASHION_MNIST, "val")
        again = make.make_scene(garments, make.scene_rng(5, "val", 7))

        np.testing.assert_array_equal(again.pixels, found[7].pixels)
        for other in ((6, "val", 7), (5, "train", 7), (5, "val", 8)):
            pixels = make.make_scene(garments, make.scene_rng(*other)).pixels
            assert (pixels != found[7].pixels).mean() > 0.9

    def test_a_garment_is_cut_to_its_own_pixels(self):
        """A block of 14x7 of 28x28 pixels, twice as large, is 28x14 but for a soft border."""
        pixels = np.zeros((28, 28), np.uint8)
        pixels[5:19, 10:17] = 255
        pixels[9, 12] = 0  # a dark pixel inside belongs to it

        colours, cover = make.cut_out(pixels, 56, np.random.default_rng(0))
        assert cover.shape == (28, 14)
        assert colours.shape == (28, 14, 3)
        assert (cover[2:-2, 2:-2] == 1).all()
        assert min(cover[0].max(), cover[-1].max(), cover[:, 0].max(), cover[:, -1].max()) >= 0.5

    def test_the_set_is_in_the_layout_of_coco(self, found, tmp_path):
        make.write_split(tmp_path, "val", iter(found), 5)
        make.write_split(tmp_path, "train", iter(found[:3]), 5)

        trained, val = read_coco_splits(tmp_path)
        assert (len(trained.files), len(val.files)) == (3, 30)
        assert val.classes == GARMENTS
        for (path, truth), scene in zip(val.files, found, strict=True):
            np.testing.assert_array_equal(truth.boxes, scene.boxes)
            assert truth.classes == tuple(scene.labels.tolist())
            with Image.open(path) as image:
                difference = np.asarray(image, float) - scene.pixels
            assert np.abs(difference).mean() < 6  # as much as JPEG changes

    def test_the_bundled_ones_are_the_first_that_the_script_makes(self):
        if not make.DEBIAN.is_dir():
            pytest.skip("needs the Debian package dataset-fashion-mnist")
        _, val = read_coco_splits(SCENES)
        for (_, truth), scene in zip(
            val.files, make.scenes(make.DEBIAN, "val", 5, 0), strict=False
        ):
            np.testing.assert_array_equal(truth.boxes, scene.boxes)


class TestTraining:
    HEAD = train.YoloHead(0, ((20.0, 20.0), (90.0, 90.0)), 10, 2.0)

    def test_a_garment_trains_the_anchors_like_it_in_the_nearest_three_cells(self):
        """Of cells of 16 pixels, (100, 40) lies in column 6, row 2, left of and below the middle;
        30x30 is less than three times 20x20, and less than a third of 90x90 is 30.
        """
        garments = torch.tensor([[1.0, 4.0, 100.0, 40.0, 29.0, 29.0]])
        found = train.match(garments, self.HEAD, 16, 16)

        assert found.place.T.tolist() == [[1, 0, 2, 6], [1, 0, 2, 5], [1, 0, 3, 6]]
        assert found.cell.tolist() == [[6, 2], [5, 2], [6, 3]]
        assert found.labels.tolist() == [4, 4, 4]

    def test_cells_outside_of_the_scene_are_left_out(self):
        garments = torch.tensor([[0.0, 1.0, 2.0, 254.0, 20.0, 20.0]])
        assert train.match(garments, self.HEAD, 16, 16).place.T.tolist() == [[0, 0, 15, 0]]

    def test_the_loss_is_least_where_the_heads_say_what_is_there(self):
        """Box, class and objectness of the trained anchors right, and nothing anywhere else."""
        garments = torch.tensor([[0.0, 3.0, 102.0, 44.0, 20.0, 20.0]])
        right = torch.full((1, 2, 15, 16, 16), -4.5)
        right[:, :, :4] = 0.0
        for _, anchor, row, column in train.match(garments, self.HEAD, 16, 16).place.T.tolist():
            inside = torch.tensor([102 / 16 - column, 44 / 16 - row])
            right[0, anchor, :2, row, column] = torch.logit((inside + 0.5) / 2)
            right[0, anchor, [4, 8], row, column] = 3.0
        least = train.loss_of([right.flatten(1, 2)], [self.HEAD], garments)

        generator = torch.Generator().manual_seed(0)
        for _ in range(20):
            other = right + 0.5 * torch.randn(right.shape, generator=generator)
            assert train.loss_of([other.flatten(1, 2)], [self.HEAD], garments) > least

    def test_even_channels_before_the_heads_compute_the_same(self):
        network = load_darknet(SCENES / "scenes.cfg").eval()
        images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            for layer, factor in ((21, 30.0), (29, 0.2)):  # the layers that the heads read
                getattr(network, str(layer)).norm.weight[4] *= factor
            before = network(images)
            train.equalize(network, images)
            after = network(images)
            seen = []
            for layer in (21, 29):
                getattr(network, str(layer)).register_forward_hook(
                    lambda _m, _i, output: seen.append(output.abs().amax((0, 2, 3)))
                )
            network(images)

        for one, other in zip(before, after, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        for peaks in seen:
            torch.testing.assert_close(peaks, peaks.mean().expand_as(peaks))

    def test_anchors_are_the_sizes_that_are_there(self):
        sizes = np.array([[10.0, 20.0]] * 5 + [[60.0, 50.0]] * 3)
        assert train.kmeans(sizes, 2, 1).tolist() == [[10, 20], [60, 50]]


class TestBundled:
    def test_it_is_small(self):
        network = load_model("scenes-yolo").module
        assert sum(p.numel() for p in network.parameters()) == 668_298 < 700_000

    def test_it_finds_the_bundled_garments(self):
        model = load_model("scenes-yolo")
        data = load_data("scenes", model.preprocess)
        assert (len(data.calibration), len(data.evaluation), data.classes) == (48, 100, 10)
        assert data.labels == model.labels == GARMENTS

        place = model.preprocess
        reader = BoxReader(model.heads, place.size, place.back, model.labels)
        record = BoxRecord(100, model.labels)
        with torch.inference_mode():
            for images, labels in data.evaluation.batches(25):
                record.add(reader.read(model.module(images), labels, len(images)))
        row = record.float_row()
        assert row["ap50"] >= 0.85
        assert row["ap"] >= 0.65


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of the bundled detector on few scenes."""
    run = tmp_path_factory.mktemp("scenes") / "run"
    given = {
        "model": "scenes-yolo",
        "data": "scenes",
        "calibration_images": 8,
        "images": 12,
        "links": ("3mbps",),
        "plans": "uniform8,uniform2,cloud16",
    }
    for stage in ("stats", "search", "latency", "quantize"):
        names = stages.STAGES[stage].options.__dataclass_fields__
        own = {key: value for key, value in given.items() if key in names}
        stages.STAGES[stage].run(run, {} if stage == "latency" else own)
    stages.STAGES["collect"].run(run, {"max_drop": 30.0})
    return run


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class TestRun:
    def test_the_tables_have_ap_in_place_of_top1(self, finished):
        rows = {row["name"]: row for row in table(finished / "scores.csv")}

        assert list(rows) == ["float", "uniform8", "uniform2", "cloud16"]
        for name, row in rows.items():
            assert (row["images"], "top1" in row) == ("12", False)
            drop = 100 * (float(rows["float"]["ap"]) - float(row["ap"]))
            assert float(row["drop"]) == pytest.approx(drop, abs=1e-9), name
        assert float(rows["uniform8"]["ap50_vs_float"]) > 0.9 > float(rows["uniform2"]["ap"])
        # the cloud's floats are the same network, but for 8 bits of the input
        assert float(rows["cloud16"]["ap_vs_float"]) > 0.95
        summary = {row["name"]: row for row in table(finished / "summary_full.csv")}
        assert summary["uniform8"]["ap"] == rows["uniform8"]["ap"]
        assert {row["name"] for row in table(finished / "class_scores.csv")} == set(rows)

    def test_a_plan_is_picked_by_its_points_of_ap(self, finished):
        text = json.loads((finished / "stages" / "pick.json").read_text())["text"]
        assert "at most 30 points" in text.replace("\n", " ")
        assert (finished / "pareto.png").stat().st_size > 10_000

    def test_what_was_measured_is_kept(self, finished):
        before = (finished / "scores.csv").read_bytes()
        (finished / "stages" / "quantize.json").unlink()
        (finished / "class_scores.csv").unlink()
        outcome = stages.STAGES["quantize"].run(
            finished, {"plans": "uniform8,uniform2,cloud16", "images": 12}
        )

        assert outcome.text == "quantize: 3 plans, 0 of them measured now"
        assert (finished / "scores.csv").read_bytes() == before
        assert (finished / "class_scores.csv").exists()
