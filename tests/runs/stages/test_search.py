"""The stage ``search``."""

from run_folders import step

from autosplit.runs.folder import plan_names


class TestCuts:
    def test_answers_over_any_cut_say_which_were_looked_at(self, tiny):
        """Three layers in a chain have four cuts: all-cloud, two in between, all-edge."""
        outcome = step(tiny, "search", cuts="useful", max_distortion=1e3)

        assert outcome.text.endswith(" baselines; within limits over all 4 cuts there are")
        assert {"limit-1mbps", "limit-20kbps"} <= set(plan_names(tiny.run))
