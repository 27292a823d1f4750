"""A bundle holds what its manifest says, and the same plan gives the same bytes."""

import pytest
from PIL import Image

from autosplit.data.preprocess import Letterbox
from autosplit.deploy.bundle import Exporter, preprocess_record
from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.sessions import CloudModel, EdgeModel
from autosplit.errors import FileError
from autosplit.files import sha256_of_file


def test_every_file_but_the_manifest_is_listed_with_its_hash(bundle):
    manifest = read_manifest(bundle)
    there = {str(p.relative_to(bundle)) for p in bundle.rglob("*") if p.is_file()}

    assert there == {*manifest.files, "manifest.yaml"}
    assert all(sha256_of_file(bundle / name) == value for name, value in manifest.files.items())


def test_a_plan_has_the_halves_that_compute(bundle):
    plans = {plan.name: plan for plan in read_manifest(bundle).plans}

    assert list(plans) == ["split", "edge", "raw"]
    assert plans["edge"].cloud is None
    assert plans["edge"].outputs == {"output:0": "edge"}
    assert plans["split"].outputs == {"output:0": "cloud"}
    assert {wire.bits for wire in plans["split"].wire.tensors} == {5}
    assert plans["raw"].wire.sample_bytes == 3 * 8 * 8


def test_the_same_plan_gives_the_same_bytes(small, bundle, tmp_path):
    exporter = Exporter(small.program, small.model, "classification")

    again = exporter.export([small.files["split"]], tmp_path / "again")

    first = read_manifest(bundle).files
    halves = [name for name in again.files if name != "README.md"]
    assert len([name for name in halves if name.endswith(".onnx")]) == 2
    assert {name: again.files[name] for name in halves} == {name: first[name] for name in halves}


def test_how_pictures_are_prepared_is_plain_data():
    assert preprocess_record(Letterbox((4, 6))) == {
        "kind": "letterbox",
        "size": [4, 6],
        "style": "darknet",
        "channels": 3,
        "mean": [0.0] * 3,
        "std": [1.0] * 3,
        "bgr": False,
    }
    assert preprocess_record(lambda image: image) is None


def test_the_manifest_has_the_preparation_and_the_labels(bundle):
    manifest = read_manifest(bundle)

    assert manifest.labels == ("a", "b", "c", "d", "e")
    assert manifest.preprocess == {
        "kind": "crop",
        "resize": [8, 8],
        "crop": [8, 8],
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.3, 0.4],
        "interpolation": Image.Resampling.BILINEAR.name.lower(),
        "bgr": False,
    }


def test_other_forms_stand_beside_onnx_or_in_its_place(small, tmp_path):
    exporter = Exporter(small.program, small.model, "classification", ("pt2", "c"))

    manifest = exporter.export([small.files["split"]], tmp_path)

    assert sorted(manifest.files) == [
        *("README.md", "cloud/split.pt2", "edge/split.h", "edge/split.pt2"),
    ]
    (plan,) = read_manifest(tmp_path).plans
    assert plan.edge is plan.cloud is None
    for half in (EdgeModel, CloudModel):
        with pytest.raises(FileError, match=r"^split: must have a"):
            half.load(tmp_path, plan)
