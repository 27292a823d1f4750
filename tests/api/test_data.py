"""Batches of every kind that people have, and those that cannot be used."""

import pytest
import torch
from nets import TwoInputs
from torch.utils.data import DataLoader, TensorDataset

import autosplit
from autosplit.api.data import images_in, input_batches, repeatable
from autosplit.data.python_batches import are_pictures
from autosplit.errors import DataError

IMAGES = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(6) % 5
PAIRS = [(IMAGES[:4], LABELS[:4]), (IMAGES[4:], LABELS[4:])]
KINDS = {
    "a tensor": IMAGES,
    "a list of tensors": [IMAGES[:4], IMAGES[4:]],
    "pairs with labels": PAIRS,
    "one pair": (IMAGES, LABELS),
    "a function": lambda: iter(PAIRS),
    "a loader": DataLoader(TensorDataset(IMAGES, LABELS), batch_size=4),
}


class TestInputBatches:
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind_gives_the_same_inputs_on_every_pass(self, objects, kind):
        batches = input_batches(objects.net, KINDS[kind])

        for _ in range(2):
            assert torch.equal(torch.cat(list(batches())), IMAGES)

    def test_images_of_a_data_set_come_in_batches_of_the_size_asked_for(self, objects):
        sizes = [len(x) for x in input_batches(objects.net, objects.data.calibration, 3)()]

        assert sizes == [3, 3, 2]

    def test_of_a_data_set_it_is_the_calibration_part(self, objects):
        assert sum(len(x) for x in input_batches(objects.net, objects.data)()) == 8

    def test_a_batch_that_is_no_tensor_is_named(self, objects):
        with pytest.raises(DataError, match=r"batches: batch 1: must give .* tensors, got str"):
            list(input_batches(objects.net, [IMAGES, "x"])())


@pytest.fixture(scope="module")
def two_inputs():
    x = torch.ones(1, 3)
    return autosplit.capture(TwoInputs(lambda _, x, y: x * 2 + y), (x, x))


class TestTwoInputs:
    @pytest.mark.parametrize(
        "batches",
        [
            [(IMAGES, LABELS)],
            [[IMAGES, LABELS]],
            [((IMAGES, LABELS), LABELS)],
            (IMAGES, LABELS),
        ],
    )
    def test_a_batch_has_one_tensor_for_each(self, two_inputs, batches):
        ((x, y),) = input_batches(two_inputs, batches)()

        assert x is IMAGES
        assert y.tolist() == LABELS.tolist()

    def test_one_tensor_is_too_few(self, two_inputs):
        with pytest.raises(
            DataError, match=r"batch 0: must give the network's 2 inputs \(x, y\), got 1"
        ):
            list(input_batches(two_inputs, [IMAGES])())


class TestRepeatable:
    @pytest.mark.parametrize(
        ("batches", "problem"),
        [
            ("fashion-mnist", "got the text 'fashion-mnist'; a data set by name: .*load_data"),
            (iter(PAIRS), "got a list_iterator that can be gone through once"),
            ((x for x in PAIRS), "got a generator that can be gone through once"),
            (TensorDataset(IMAGES), "got single samples in a TensorDataset; give .*DataLoader"),
            ({"calibration": PAIRS}, "got dict"),
            (3, "got int"),
            (None, "got NoneType"),
        ],
    )
    def test_what_cannot_be_gone_through_again_is_told_early(self, batches, problem):
        with pytest.raises(DataError, match=f"^batches: must be batches of tensors .*{problem}"):
            repeatable(batches, "batches")


class TestLoadData:
    def test_a_name_is_that_of_the_command_line(self, objects, tiny):
        data = autosplit.load_data("data.py:data", objects.net, evaluation_images=5)

        assert (len(data.calibration), len(data.evaluation)) == (8, 5)

    def test_batches_alone_serve_for_both_parts(self, objects):
        data = autosplit.load_data(PAIRS, objects.net)

        assert data.calibration.sha256 == data.evaluation.sha256
        assert data.evaluation.has_labels

    def test_a_dictionary_has_both_parts(self, objects):
        parts = {"calibration": IMAGES[:2], "evaluation": PAIRS}
        data = autosplit.load_data(parts, objects.net, evaluation_images=3)

        assert (len(data.calibration), len(data.evaluation)) == (2, 3)
        assert (data.calibration.has_labels, data.evaluation.has_labels) == (False, True)

    def test_a_data_set_stays_as_it_is(self, objects):
        assert autosplit.load_data(objects.data, objects.net) == objects.data

    def test_a_data_set_can_be_limited(self, objects):
        data = autosplit.load_data(
            objects.data, objects.net, calibration_images=3, evaluation_images=5
        )

        assert (len(data.calibration), len(data.evaluation)) == (3, 5)
        ((images, _),) = data.evaluation.batches(10)
        assert torch.equal(images, next(objects.data.evaluation.batches(5))[0])

    def test_a_dictionary_with_other_keys(self, objects):
        with pytest.raises(DataError, match="keys calibration and evaluation, got train, val"):
            autosplit.load_data({"train": PAIRS, "val": PAIRS}, objects.net)

    def test_no_image_at_all(self, objects):
        with pytest.raises(DataError, match="calibration: must hold at least one sample, got none"):
            autosplit.load_data([], objects.net)


class TestImages:
    def test_images_that_the_network_prepared_are_pictures(self):
        net = autosplit.capture("fashion-resnet")
        data = autosplit.load_data("fashion-mnist", net, calibration_images=2, evaluation_images=2)

        assert images_in(data) is data.calibration
        assert are_pictures(data.calibration)

    def test_a_person_s_own_tensors_are_none(self, objects):
        assert images_in(objects.data.calibration) is objects.data.calibration
        assert not are_pictures(objects.data.calibration)
        assert images_in(PAIRS) is None
        assert not are_pictures(None)
