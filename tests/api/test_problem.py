"""``autosplit.Problem``: names of profiles, sizes as text, and what is not given."""

import pytest
from small_net import searched

import autosplit
from autosplit.errors import AutoSplitError
from autosplit.hardware.device import load_device
from autosplit.hardware.link import load_link


def make(**options):
    return autosplit.Problem(searched().net.graph, searched().stats, **options)


def test_profiles_are_given_by_name_or_as_they_are():
    named = make(edge="raspberry_pi_4", cloud="nvidia_t4", links="3mbps,lte")
    whole = make(
        edge=load_device("raspberry_pi_4"),
        cloud=load_device("nvidia_t4"),
        links=[load_link("3mbps"), "lte"],
    )

    assert named == whole
    assert list(named.links) == ["3mbps", "lte"]


@pytest.mark.parametrize(
    ("memory", "limit"), [("4MiB", 4 * 2**20), ("512KB", 512_000), (1000, 1000), (0, 0)]
)
def test_memory_is_bytes_or_a_size(memory, limit):
    assert make(memory=memory).limit_bytes == limit


def test_none_and_not_given_are_two_things():
    device = load_device("eyeriss")

    assert make(edge="eyeriss", memory=None).limit_bytes is None
    assert make(edge="eyeriss").limit_bytes == device.memory_bytes is not None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"memory": "many"}, "memory: must be a size such as 4MB.* got 'many'"),
        ({"memory": -1}, "memory"),
        ({"edge": "raspbery_pi_4"}, "did you mean 'raspberry_pi_4'"),
        ({"edge": 3}, "edge: must be the name of a device, a file or a Device, got 3"),
        ({"links": 3}, "links: must be names, files or rates of links, got 3"),
        ({"links": [3]}, "links: must be names"),
        ({"links": ["lte", "lte"]}, "links: each must be listed once, got 'lte' twice"),
        ({"links": []}, "links: must name at least one, got none"),
        ({"widths": "8"}, "widths: must be a list of bits"),
        ({"widths": [2.5]}, "widths: must be whole numbers of bits"),
        ({"widths": [99]}, "widths"),
    ],
)
def test_what_is_wrong_is_one_clear_line(options, expected):
    with pytest.raises(AutoSplitError, match=expected):
        make(**options)


def test_a_graph_and_statistics_must_be_such():
    with pytest.raises(AutoSplitError, match=r"graph: must be that of a network, net\.graph"):
        autosplit.Problem(searched().net, searched().stats)
    with pytest.raises(AutoSplitError, match=r"stats: must be what autosplit.measure gives"):
        autosplit.Problem(searched().net.graph, {})
