"""``evaluate`` is what the stage ``quantize`` does."""

import pytest
import torch
from nets import TwoInputs

import autosplit
from autosplit.errors import AutoSplitWarning, DataError, OptionError, PlanError
from autosplit.evaluate.scorefile import read_scores
from autosplit.finish.effort import EFFORTS

IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_it_measures_what_the_stage_measured(objects, finished):
    _, rows = read_scores(finished.place / "run" / "scores.csv")

    assert len(rows) > 3
    for name, row in rows.items():
        found = objects.scores[name]
        assert {key: found.get(key) for key in ("images", "top1", "drop")} == {
            "images": int(row["images"]),
            "top1": float(row["top1"]),
            "drop": float(row["drop"]),
        }


def test_the_float_network_is_counted_by_hand(objects):
    images, labels = next(iter(objects.data.evaluation.batches(12)))
    (answers,) = objects.net.program.run((images,))

    top1 = (answers.argmax(1) == labels).float().mean()
    assert objects.scores["float"]["top1"] == pytest.approx(float(top1))


def test_a_plan_in_the_cloud_agrees_with_the_float_network_on_every_image(objects):
    assert objects.scores["cloud16"]["agreement"] == 1.0


def test_with_a_drop_plans_are_run_only_as_far_as_it_takes(objects):
    scores = autosplit.evaluate(objects.net, objects.front, objects.data, max_drop=10.0)

    assert 0 < len(scores) - 1 < len(objects.front)
    for link in objects.front.links:
        few = objects.front.pick(link, scores, 10.0)
        assert few.latency_s == objects.front.pick(link, objects.scores, 10.0).latency_s


def test_plans_are_finished_at_the_effort_that_is_asked_for(objects, monkeypatch):
    asked = []

    def finish(program, file, batches, finishing, tell):
        asked.append((file.plan.name, finishing.recovery, len(next(iter(batches())))))
        return file

    monkeypatch.setattr("autosplit.finish.finish.finish", finish)
    front = objects.front[["uniform8"]]
    for effort in ("none", "good"):
        autosplit.evaluate(objects.net, front, objects.data, effort=effort)

    calibration = len(next(iter(objects.data.calibration.batches(1000)))[0])
    assert asked == [
        ("uniform8", EFFORTS["none"], calibration),
        ("uniform8", EFFORTS["good"], calibration),
    ]


def test_batches_without_labels_are_scored_by_agreement(objects):
    scores = autosplit.evaluate(objects.net, objects.front[["uniform8"]], [IMAGES], effort="none")

    assert scores.float_score.metric == "agreement with the float network"
    assert scores["uniform8"]["top1"] is None
    assert 0 <= scores["uniform8"]["agreement"] <= 1


def test_images_can_be_fewer(objects):
    front, data = objects.front[["cloud16"]], {"calibration": IMAGES, "evaluation": IMAGES}

    assert autosplit.evaluate(objects.net, front, data, images=3)["cloud16"]["images"] == 3


def test_images_of_another_scale_are_warned_of(objects):
    with pytest.warns(AutoSplitWarning, match="evaluation data: inputs must be of the scale"):
        autosplit.evaluate(objects.net, objects.front[["cloud16"]], [1000 * IMAGES])


class TestErrors:
    @pytest.mark.parametrize(
        ("about", "error", "words"),
        [
            ({"net": "net"}, DataError, "net: must be what autosplit.capture gives, got str"),
            ({"front": []}, PlanError, "front: must be what autosplit.search gives, got list"),
            ({"data": iter([])}, DataError, "data: must be batches of tensors .* once"),
            ({"data": [torch.randn(2, 1, 9, 9)]}, DataError, "must have the shape 1x8x8"),
            ({"effort": "god"}, OptionError, "effort: must be none, fast, good or best"),
            ({"images": 0}, OptionError, "images: must be a whole number of at least 1, got 0"),
            ({"jobs": 0}, OptionError, "jobs: must be a whole number from 1 to 1024, got 0"),
        ],
    )
    def test_what_is_wrong_is_told_early(self, objects, about, error, words):
        given = {"net": objects.net, "front": objects.front, "data": [IMAGES]} | about

        with pytest.raises(error, match=words):
            autosplit.evaluate(**given)

    def test_a_front_of_another_network(self, objects):
        net = autosplit.capture("fashion-resnet")

        with pytest.raises(PlanError, match="front: must be of the network fashion_resnet, is of"):
            autosplit.evaluate(net, objects.front, [IMAGES])

    def test_a_network_of_two_inputs_is_run_on_both(self):
        x = torch.rand(8, 3, generator=torch.Generator().manual_seed(2))
        net = autosplit.capture(TwoInputs(lambda _, x, y: x * 2 + y), (x, x))
        stats = autosplit.measure(net, (x, x), metric="mse")
        front = autosplit.search(autosplit.Problem(net.graph, stats), methods=["cloud16"])
        labels = (3 * x).argmax(1)

        scores = autosplit.evaluate(net, front, [((x, x), labels)])

        assert scores["float"]["top1"] == 1.0
        assert scores["cloud16"]["top1"] >= 7 / 8
        assert scores["cloud16"]["cut_bytes"] == 6
