"""Images come in a fixed order and any batch size; their hash is of bytes and labels."""

import hashlib
from dataclasses import dataclass, field

import pytest
import torch
from loaded import RGB, save_image
from pictures import annotations, coco_folder, write_annotations

from autosplit.data.coco import Truth
from autosplit.data.datasets import load_data
from autosplit.data.images import Images, images_at
from autosplit.errors import DataError


def test_the_hash_is_of_bytes_and_labels_in_order(tmp_path):
    save_image(tmp_path / "a" / "one.png", 1)
    save_image(tmp_path / "b" / "two.png", 2)
    parts = []
    for label, path in enumerate([tmp_path / "a" / "one.png", tmp_path / "b" / "two.png"]):
        content = path.read_bytes()
        parts.append(f"{len(content)} {label}\n".encode() + content)

    found = load_data(f"imagefolder:{tmp_path}", RGB).evaluation.sha256

    assert found == hashlib.sha256(b"".join(parts)).hexdigest()


def test_boxes_are_part_of_the_hash(tmp_path):
    before = load_data(f"coco:{coco_folder(tmp_path)}", RGB).evaluation.sha256
    data = annotations()
    data["annotations"][0]["bbox"][0] += 1
    write_annotations(tmp_path, data)

    assert load_data(f"coco:{tmp_path}", RGB).evaluation.sha256 != before


@dataclass(frozen=True)
class Counted:
    """Images of one pixel, each its own number; counts how many are read."""

    labels: tuple
    read: list = field(default_factory=list)

    def __iter__(self):
        for number, label in enumerate(self.labels):
            self.read.append(number)
            yield torch.full((1, 1, 1), float(number)), label

    def at(self, places):
        return images_at(iter(self), places)

    def raw(self):
        return ((bytes([number]), label) for number, label in enumerate(self.labels))


def test_every_pass_gives_the_same_images_in_batches_of_the_size_asked_for():
    images = Images(Counted(tuple(range(7))), limit=5)

    for size, lengths in ((2, [2, 2, 1]), (5, [5]), (9, [5])):
        batches = list(images.batches(size))
        assert [len(batch) for batch, _ in batches] == lengths
        assert torch.cat([labels for _, labels in batches]).tolist() == [0, 1, 2, 3, 4]
    assert (len(images), images.has_labels) == (5, True)


def test_the_images_asked_for_are_given_and_no_image_after_them_is_read():
    source = Counted(tuple(range(10, 20)))

    batches = list(Images(source).batches(2, places=[1, 4, 5]))

    assert [batch.flatten().tolist() for batch, _ in batches] == [[1, 4], [5]]
    assert [labels.tolist() for _, labels in batches] == [[11, 14], [15]]
    assert source.read == [0, 1, 2, 3, 4, 5]
    assert list(Images(source).batches(2, places=[])) == []


def test_labels_are_not_decoded_images():
    source = Counted((3, 3))

    assert Images(source).has_labels
    assert source.read == []


def test_images_without_labels_have_none():
    images = Images(Counted((None, None)))

    assert not images.has_labels
    assert [labels for _, labels in images.batches(1)] == [None, None]


def test_images_of_which_some_have_no_label_are_refused():
    with pytest.raises(DataError, match=r"must label every sample or none, 2 have none$"):
        Images(Counted((None, 3, None)))


def test_boxes_stay_records():
    truths = (Truth(4, 4), Truth(5, 5))

    ((_, labels),) = Images(Counted(truths)).batches(2)

    assert labels == truths
