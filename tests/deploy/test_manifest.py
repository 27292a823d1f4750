"""A manifest is read back as it was written, and a bundle that was changed is refused."""

import shutil

import pytest

from autosplit.deploy.manifest import read_manifest, write_manifest
from autosplit.errors import FileError


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "copy")


def test_it_is_read_as_it_was_written(copy):
    manifest = read_manifest(copy)

    write_manifest(copy, manifest)

    assert read_manifest(copy) == manifest


def test_a_file_that_was_changed_or_lost_is_named(copy):
    half = copy / read_manifest(copy).plan("split").edge
    data = bytearray(half.read_bytes())
    data[-1] ^= 1
    half.write_bytes(data)
    with pytest.raises(FileError, match=r"split\.onnx: must be as it was exported, was changed"):
        read_manifest(copy)

    half.unlink()
    with pytest.raises(FileError, match="must be in the bundle, is missing"):
        read_manifest(copy)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd"])
def test_files_outside_are_refused(copy, name):
    manifest = read_manifest(copy)
    text = (copy / "manifest.yaml").read_text()
    (copy / "manifest.yaml").write_text(text.replace("README.md", name))

    with pytest.raises(FileError, match="files must lie in the bundle"):
        read_manifest(copy)
    assert "README.md" in manifest.files


def test_keys_that_are_missing_or_unknown_are_named(copy):
    text = (copy / "manifest.yaml").read_text()
    (copy / "manifest.yaml").write_text(text.replace("made_by:", "made_bi:"))

    with pytest.raises(FileError, match=r"made_bi.*did you mean"):
        read_manifest(copy)


def test_an_unknown_plan_is_named(bundle):
    with pytest.raises(FileError, match="has no plan 'x', has split, edge, raw"):
        read_manifest(bundle).plan("x")
