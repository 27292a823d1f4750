"""The commands of a bundle's README work on two machines, and no name of a folder is in them."""

import shlex

import pytest

from autosplit.deploy.bundle import Exporter
from autosplit.deploy.bundle_readme import bundle_readme
from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.server import AddressError, Listening
from autosplit.runs.declared.bundle import InferOptions, ServeOptions
from autosplit.runs.option import options_of


def commands(text):
    """The first words of each command, and its options with their values."""
    found = []
    for line in text.splitlines():
        if line.startswith("    "):
            words = shlex.split(line)
            first = next(n for n, word in enumerate(words) if word.startswith("--"))
            given = zip(words[first::2], words[first + 1 :: 2], strict=True)
            found.append((words[:first], dict(given)))
    return found


def test_the_server_is_reached_by_others_and_the_client_trusts_it(bundle):
    serve, infer = commands((bundle / "README.md").read_text())

    assert serve == (
        ["autosplit", "serve", "."],
        {"--host": "ADDRESS", "--credentials": "../secrets"},
    )
    assert infer[0] == ["python", "edge/client.pyz"]
    assert (bundle / "edge" / "client.pyz").is_file()
    assert infer[1]["--server"].startswith("https://ADDRESS:")
    assert {"--tls-cert", "--token-file", "--source"} <= infer[1].keys()
    assert serve[1].keys() <= {one.flag for one in options_of(ServeOptions)}
    assert infer[1].keys() <= {one.flag for one in options_of(InferOptions)}
    with pytest.raises(AddressError, match="give --credentials FOLDER"):
        Listening("192.0.2.1")  # why the command has the option


def test_bundles_of_other_folders_are_the_same_to_the_byte(small, tmp_path):
    exporter = Exporter(small.program, small.model, "classification")
    for name in ("one", "two/three"):
        exporter.export([small.files["edge"]], tmp_path / name)
    first, second = (tmp_path / name for name in ("one", "two/three"))

    assert read_manifest(first) == read_manifest(second)
    assert (first / "README.md").read_bytes() == (second / "README.md").read_bytes()
    ((words, given),) = commands((first / "README.md").read_text())  # no server to start
    assert (words, given) == (["python", "edge/client.pyz"], {"--source": "PICTURES"})


def test_forms_without_a_client_name_none():
    assert commands(bundle_readme("n", "1", ["a", "b"], served=False, client=False)) == []
