"""A manifest with values of wrong types is refused with one line that names each of them."""

import shutil

import pytest
import yaml

from autosplit.deploy.manifest import read_manifest
from autosplit.errors import FileError


@pytest.fixture(scope="module")
def place(bundle, tmp_path_factory):
    """A manifest alone, and what it says."""
    folder = tmp_path_factory.mktemp("manifest")
    shutil.copy(bundle / "manifest.yaml", folder)
    return folder, (folder / "manifest.yaml").read_text()


def refusal(place, *changes):
    """What reading says after keys of the manifest got other values."""
    folder, text = place
    schema, body = text.split("\n", 1)
    data = yaml.safe_load(body)
    for *way, last, value in changes:
        inner = data
        for key in way:
            inner = inner[key]
        inner[last] = value
    (folder / "manifest.yaml").write_text(f"{schema}\n{yaml.safe_dump(data)}")
    with pytest.raises(FileError) as error:
        read_manifest(folder, check=False)
    (line,) = str(error.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("labels", 3), "labels must be a list of texts, got 3"),
        (("labels", [1, 2]), "labels must be a list of texts, got [1, 2]"),
        (("network", 5), "network must be text, got 5"),
        (("preprocess", []), "preprocess must be null, or have a kind, got []"),
        (("files", ["a"]), "files must have a SHA-256 for each name"),
        (("files", {"a": 7}), "files must have a SHA-256 for each name"),
        (("inputs", 3), "inputs must be a list of tensors, got 3"),
        (("inputs", 0, 7), "inputs[0]: must have name, shape and dtype, got 7"),
        (("inputs", 0, "shape", 7), "inputs[0]: shape must be a list of whole numbers > 0, got 7"),
        (("inputs", 0, "shape", [3, -8, 8]), "inputs[0]: shape must be a list of whole numbers"),
        (("inputs", 0, "dtype", "float33"), "inputs[0]: dtype must be a numeric type of numpy"),
        (("inputs", 0, "dtype", "object"), "inputs[0]: dtype must be a numeric type of numpy"),
        (("plans", 3), "plans must be a list, got 3"),
        (("plans", []), "plans must be a list, got []"),
        (("plans", 0, "name", 4), "plans[0]: name must be text, got 4"),
        (("plans", 0, "edge", 4), "plans[0]: edge must be null or a file, got 4"),
        (("plans", 0, "cloud", "../x"), "plans[0]: cloud must be one of the bundle's files"),
        (("plans", 0, "outputs", ["output:0"]), "plans[0]: outputs must each be of edge, cloud"),
        (("plans", 0, "outputs", {"output:0": 1}), "plans[0]: outputs must each be of edge, cloud"),
        (("plans", 0, "wire", 1), "wire: must be a list of tensors, got 1"),
        (("plans", 0, "predicted", 1), "predicted must have sent_bytes and links, got 1"),
        (("plans", 0, "predicted", {"links": {}}), "predicted must have sent_bytes and links"),
        (
            ("plans", 0, "predicted", "sent_bytes", "fifty"),
            "predicted: sent_bytes must be a number of at least 0, got 'fifty'",
        ),
        (("plans", 0, "predicted", "links", 1), "predicted: links must be a mapping, got 1"),
        (("plans", 0, "predicted", "links", {"lte": 1}), "predicted: lte must have milliseconds"),
        (
            ("plans", 0, "predicted", "links", {"lte": {"cloud_ms": "2"}}),
            "predicted: lte must have milliseconds",
        ),
        (("plans", 0, "predicted", "links", {"lte": {}}), "predicted: lte must have cloud_ms"),
    ],
)
def test_a_value_of_another_type_is_named_with_its_place(place, change, words):
    line = refusal(place, change)
    assert words in line
    assert str(place[0] / "manifest.yaml") in line


def test_all_problems_are_told_at_once(place):
    line = refusal(place, ("labels", 3), ("task", 4), ("plans", 1, "name", 5))
    assert all(word in line for word in ("labels must", "task must", "plans[1]: name must"))
