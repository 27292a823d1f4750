"""Where profiles are found: by name inside the package, by path anywhere."""

import re
from pathlib import Path

import pytest
from profiles import LINK, SYSTOLIC, write

from autosplit.errors import FileError
from autosplit.hardware import shipped
from autosplit.hardware.device import device_names, load_device
from autosplit.hardware.link import link_names, load_link


def test_names_are_sorted(tmp_path, monkeypatch):
    assert list(device_names()) == sorted(device_names())
    assert list(link_names()) == sorted(link_names())
    folder = tmp_path / "hw_profiles" / "links"
    folder.mkdir(parents=True)
    for name in "hbdacgfe":
        write(folder, LINK, f"{name}.yaml")
    monkeypatch.setattr(
        shipped, "__file__", str(tmp_path / "autosplit" / "hardware" / "shipped.py")
    )
    assert link_names() == tuple("abcdefgh")


def test_profiles_inside_the_package_come_before_those_beside_it(tmp_path, monkeypatch):
    package = tmp_path / "autosplit"
    package.mkdir()
    monkeypatch.setattr(shipped, "__file__", str(package / "hardware" / "shipped.py"))
    assert device_names() == ()
    beside = tmp_path / "hw_profiles" / "devices"
    beside.mkdir(parents=True)
    write(beside, {**SYSTOLIC, "name": "beside"}, "array.yaml")
    assert load_device("array").name == "beside"
    inside = package / "hw_profiles" / "devices"
    inside.mkdir(parents=True)
    write(inside, {**SYSTOLIC, "name": "inside"}, "array.yaml")
    assert load_device("array").name == "inside"


def test_a_path_object_is_always_a_path(tmp_path):
    assert load_device(write(tmp_path, SYSTOLIC)) == load_device(str(tmp_path / "profile.yaml"))
    with pytest.raises(FileError, match=r"^eyeriss: must be a readable file"):
        load_device(Path("eyeriss"))


def test_a_file_in_the_current_folder_needs_no_separator(tmp_path, monkeypatch):
    write(tmp_path, SYSTOLIC, "mine.yaml")
    write(tmp_path, SYSTOLIC, "mine")
    write(tmp_path, LINK, "7mbps")
    monkeypatch.chdir(tmp_path)
    assert load_device("mine.yaml") == load_device("mine") == load_device("./mine.yaml")
    assert load_link("7mbps").uplink_bps == 3.0e6


@pytest.mark.parametrize("text", ["none.yaml", "none.yml", "./none", "folder/none"])
def test_what_is_written_as_a_path_and_is_not_there_is_named(text):
    with pytest.raises(FileError, match="readable file"):
        load_device(text)


def test_the_page_on_latency_lists_the_families_of_the_shipped_fit():
    page = Path(__file__).parents[2] / "docs" / "explanation" / "latency.md"
    (line,) = [x for x in page.read_text().splitlines() if x.startswith("The families are `conv`")]
    both, narrow = (set(re.findall("`([a-z_]+)`", part)) for part in line.split("at 8 bits also"))
    fit = load_device("amd_epyc_core").fit

    assert set(fit[32]) == both
    assert set(fit[8]) == both | narrow
