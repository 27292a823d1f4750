"""The stage ``search``: limits, and the plans of the front that are kept."""

import pytest
from run_folders import step, table

from autosplit.errors import InfeasibleError
from autosplit.runs.folder import plan_names


class TestCuts:
    def test_answers_over_any_cut_say_which_were_looked_at(self, tiny):
        """Three layers in a chain have four cuts: all-cloud, two in between, all-edge."""
        outcome = step(tiny, "search", cuts="useful", max_distortion=1e3)

        text = " plans of other methods; within limits over all 4 cuts there are"
        assert outcome.text.endswith(text)
        assert {"limit-1mbps", "limit-20kbps"} <= set(plan_names(tiny.run))


class TestLimits:
    @pytest.mark.parametrize("name", ["max_latency_s", "max_distortion"])
    def test_a_limit_of_zero_is_a_limit(self, tiny, name):
        """No answer takes no time, and every input that is sent in 8 bits has some distortion."""
        with pytest.raises(InfeasibleError):
            step(tiny, "search", **{name: 0})

    def test_none_takes_a_limit_off(self, tiny):
        step(tiny, "search", max_distortion=1e3)
        assert "limit-1mbps" in plan_names(tiny.run)

        step(tiny, "search", max_distortion=None)
        assert "limit-1mbps" not in plan_names(tiny.run)

    def test_no_memory_at_all_leaves_the_cloud(self, tiny):
        step(tiny, "search", memory_bytes=0)

        rows = table(tiny.run / "plans.csv")
        best = [row for row in rows if row["pareto"] == "1"]
        assert best
        assert {row["edge_layers"] for row in best} == {"0"}


class TestFront:
    def plans_of_ours(self, tiny, front):
        step(tiny, "search", front=front, widths=(1, 2, 3, 4, 5, 6, 7, 8))
        rows = table(tiny.run / "plans.csv")
        return {row["name"] for row in rows if row["method"] == "autosplit"}

    def test_a_front_is_thinned_to_as_many_places_as_asked_for(self, tiny):
        """Two places for each of two links, and what answers one of five baselines."""
        few, more = self.plans_of_ours(tiny, 2), self.plans_of_ours(tiny, None)

        assert few < more
        outcome = step(tiny, "search", front=2, force=True)
        assert outcome.text.startswith(f"search: kept {len(few)} of the {len(more)} plans of ")

    def test_plans_of_the_last_search_are_deleted(self, tiny):
        more, few = self.plans_of_ours(tiny, None), self.plans_of_ours(tiny, 2)

        kept = {path.stem for path in (tiny.run / "plans").iterdir()}
        assert kept & more == few


def test_what_is_reserved_stays_free_for_every_plan(tiny):
    rows = table(tiny.run / "plans.csv")
    most = max(int(row["edge_memory_bytes"]) for row in rows if row["method"] == "autosplit")
    step(tiny, "search", memory_bytes=most, reserve_bytes=40)

    kept = table(tiny.run / "plans.csv")
    needed = [int(row["edge_memory_bytes"]) for row in kept if row["method"] == "autosplit"]
    assert max(needed) <= most - 40
