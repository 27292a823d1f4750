"""``Problem``: names and sizes as a person writes them; None, 0 and nothing are three things."""

from pathlib import Path

import pytest

import autosplit
from autosplit.errors import DataError, OptionError, ProfileError
from autosplit.search.problem import Problem as Record


def problem(objects, **about):
    return autosplit.Problem(objects.net.graph, objects.stats, **about)


def test_it_is_the_record_that_the_search_reads(objects):
    found = problem(objects)

    assert isinstance(found, Record)
    assert found.distortions is objects.stats.distortions
    assert found.stats is objects.stats


class TestHardware:
    def test_names_files_and_records_mean_the_same(self, objects, tiny):
        device = autosplit.load_device("toy.yaml")
        found = [problem(objects, edge=one).edge for one in ("toy.yaml", Path("toy.yaml"), device)]

        assert found == [device] * 3

    def test_links_are_names_rates_or_records_in_the_order_given(self, objects):
        lte = autosplit.load_link("lte")

        for links in ("3mbps,lte", ["3mbps", "lte"], ("3mbps", lte)):
            assert list(problem(objects, links=links).links) == ["3mbps", "lte"]
        assert problem(objects, links=lte).links == {"lte": lte}

    @pytest.mark.parametrize(
        ("about", "words"),
        [
            ({"edge": "eyeris"}, "device 'eyeris': must be .* did you mean 'eyeriss'"),
            ({"edge": 3}, "edge: must be the name of a device, a file or a Device, got 3"),
            ({"cloud": None}, "cloud: must be the name of a device, a file or a Device, got None"),
            ({"links": ["3mbit"]}, "link '3mbit': must be a shipped name, a file or a rate"),
            ({"links": 3}, "links: must be names, files or rates of links, got 3"),
            ({"links": [3]}, "links: must be names, files or rates of links, got 3"),
            ({"links": "lte,lte"}, "links: each must be listed once, got 'lte' twice"),
        ],
    )
    def test_what_is_unknown_is_told_early(self, objects, about, words):
        with pytest.raises(ProfileError, match=words):
            problem(objects, **about)


class TestMemory:
    def test_left_out_it_is_what_the_device_has(self, objects, tiny):
        assert problem(objects, edge="toy.yaml").limit_bytes == 100_000

    def test_none_is_no_limit(self, objects, tiny):
        found = problem(objects, edge="toy.yaml", memory=None)

        assert found.limit_bytes is None
        assert found.fits(10**12)

    def test_zero_is_no_memory_at_all(self, objects, tiny):
        found = problem(objects, edge="toy.yaml", memory=0)

        assert found.limit_bytes == 0
        assert not found.fits(1)

    def test_a_size_may_be_written(self, objects):
        assert problem(objects, memory="4MiB").limit_bytes == 4 * 2**20
        assert problem(objects, memory="512KB").limit_bytes == 512_000
        assert problem(objects, memory=77).limit_bytes == 77

    @pytest.mark.parametrize("memory", ["4 cats", -1, 1.5, True, [1]])
    def test_what_is_no_size_is_told(self, objects, memory):
        with pytest.raises(OptionError, match=r"^memory: must be a size such as 4MB"):
            problem(objects, memory=memory)


class TestWidths:
    def test_they_are_sorted(self, objects):
        assert problem(objects, widths=[8, 2, 4]).widths == (2, 4, 8)

    @pytest.mark.parametrize("widths", ["2,4", [2.0], [0], [9], [], None])
    def test_what_is_no_list_of_widths_is_told(self, objects, widths):
        with pytest.raises(OptionError, match=r"^widths: must"):
            problem(objects, widths=widths)


class TestNetwork:
    def test_statistics_of_another_network_are_told(self, objects):
        other = autosplit.capture("fashion-resnet")

        with pytest.raises(DataError, match=r"distortion at .* must be measured"):
            autosplit.Problem(other.graph, objects.stats)

    def test_what_is_no_graph_or_no_statistics_is_told(self, objects):
        with pytest.raises(DataError, match=r"graph: must be that of a network.*got Net"):
            autosplit.Problem(objects.net, objects.stats)
        with pytest.raises(DataError, match=r"stats: must be what autosplit.measure gives, got di"):
            autosplit.Problem(objects.net.graph, {})
