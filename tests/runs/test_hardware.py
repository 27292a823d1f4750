"""The hardware of a stage: profiles by name, their hashes, and the memory limit."""

from dataclasses import replace

import numpy as np
import pytest

from autosplit.errors import ProfileError
from autosplit.hardware.device import load_device
from autosplit.runs.hardware import Hardware, limit_bytes, load_hardware
from autosplit.runs.stamps import Stamp


def test_links_stay_in_the_order_asked_for():
    found = load_hardware("eyeriss", "tpu_v1", ("wifi", "3mbps", "lte"))

    assert list(found.links) == ["wifi", "3mbps", "lte"]
    assert (found.edge.name, found.cloud.name) == ("eyeriss", "tpu_v1")


def test_each_profile_has_a_hash_by_its_use():
    found = load_hardware("eyeriss", "tpu_v1", ("lte",)).hashes()
    turned = load_hardware("tpu_v1", "eyeriss", ("lte",)).hashes()

    assert list(found) == ["edge", "cloud", "link lte"]
    assert (found["edge"], found["cloud"]) == (turned["cloud"], turned["edge"])
    assert len(set(found.values())) == 3


def test_an_unknown_profile_is_refused():
    with pytest.raises(ProfileError, match="link '3mbp'"):
        load_hardware("eyeriss", "tpu_v1", ("3mbp",))


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({}, load_device("eyeriss").memory_bytes),
        ({"memory_bytes": "device"}, load_device("eyeriss").memory_bytes),
        ({"memory_bytes": None}, None),
        ({"memory_bytes": 7}, 7),
        ({"memory_bytes": 0}, 0),
        ({"edge": "tpu_v1"}, load_device("tpu_v1").memory_bytes),
        ({"edge": "tpu_v1", "memory_bytes": 5}, 5),
    ],
)
def test_the_limit_is_what_was_asked_for_else_what_the_device_has(options, limit):
    assert limit_bytes(Stamp(options, {}, {})) == limit


@pytest.mark.parametrize(
    ("runtime", "warned"),
    [
        ("", 0),
        ("numpy HERE", 0),
        ("numpy 0.0.1", 1),
        ("no-such-runtime 1.0", 0),
    ],
)
def test_another_version_of_the_runtime_is_warned_of(recwarn, runtime, warned):
    known = load_device("eyeriss")
    edge = replace(known, name="mine", runtime=runtime.replace("HERE", np.__version__))

    Hardware(edge, edge, {}).warn_of_runtimes()

    texts = [str(one.message) for one in recwarn]
    assert len(texts) == warned
    assert all("mine: was measured with numpy 0.0.1, version" in text for text in texts)
