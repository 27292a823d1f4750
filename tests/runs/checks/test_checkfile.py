"""A file of checks: read whole, refused with everything that is wrong at once."""

from pathlib import Path

import pytest

from autosplit.errors import FileError, OptionError
from autosplit.runs.checks.checkfile import Check, read_checks, value_names

EXAMPLE = Path(__file__).parents[3] / "experiments" / "ci.yaml"


def write(tmp_path, checks, run="{links: lte}"):
    path = tmp_path / "c.yaml"
    path.write_text(f"schema: autosplit/check/1\nrun: {run}\nchecks: {checks}\n")
    return path


def test_limits_hold_for_the_pick_over_every_link_unless_told_otherwise(tmp_path):
    found = read_checks(
        write(tmp_path, "[{value: drop, at_most: 1}, {value: kl, at_least: 0, link: a, plan: p}]")
    )

    assert found.options == {"links": ("lte",)}
    assert found.checks[0] == Check("drop", at_most=1, plan="pick", link=None)
    assert found.checks[1] == Check("kl", at_least=0, plan="p", link="a")


def test_the_example_is_read():
    assert len(read_checks(EXAMPLE).checks) == 7


@pytest.mark.parametrize(
    ("checks", "text"),
    [
        ("[]", "checks: must be a list of at least one check, got []"),
        ("[drop]", "checks[0]: must be a mapping such as"),
        ("[{value: drup, at_most: 1}]", "checks[0]: value: unknown 'drup', did you mean 'drop'"),
        ("[{value: drop}]", "checks[0]: must have at_most or at_least, has neither"),
        ("[{value: drop, at_most: yes}]", "checks[0]: at_most: must be a number, got True"),
        ("[{value: drop, at_most: .nan}]", "checks[0]: at_most: must be a number, got nan"),
        ("[{value: drop, at_most: 1, link: 3}]", "checks[0]: link: must be a name, got 3"),
        ("[{value: drop, at_mots: 1}]", "at_mots"),
    ],
)
def test_a_wrong_check_is_named(tmp_path, checks, text):
    with pytest.raises(FileError) as refused:
        read_checks(write(tmp_path, checks))

    assert text in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_problem_is_told_at_once(tmp_path):
    with pytest.raises(FileError, match=r"checks\[0\].*checks\[1\]"):
        read_checks(write(tmp_path, "[{value: drop}, {value: nothing, at_most: 1}]"))


def test_options_of_the_run_are_checked_before_anything_runs(tmp_path):
    with pytest.raises(OptionError, match=r"c.yaml: run: unknown option 'lnks'"):
        read_checks(write(tmp_path, "[{value: drop, at_most: 1}]", "{lnks: lte}"))


def test_values_are_the_numbers_of_the_summary_and_of_every_task():
    names = value_names()

    assert {"drop", "latency_ms", "edge_memory_bytes", "optimality_gap", "sqnr_db", "ap"} <= {
        *names
    }
    assert "link" not in names
