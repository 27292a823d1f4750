"""Power from counters of energy: folders as Linux shows them, filled by hand."""

import pytest

from autosplit.deploy.power import active_w, joules_of, package_counters, power_words

RANGE = 1_000_000


@pytest.fixture
def root(tmp_path):
    """Two packages, a part of one, the whole system, and a counter that may not be read."""
    for folder, name, start in (
        ("intel-rapl:0", "package-0", 100),
        ("intel-rapl:1", "package-1", 900_000),
        ("intel-rapl:0:0", "core", 5),
        ("intel-rapl:2", "psys", 7),
    ):
        place = tmp_path / folder
        place.mkdir()
        (place / "name").write_text(f"{name}\n")
        (place / "energy_uj").write_text(f"{start}\n")
        (place / "max_energy_range_uj").write_text(f"{RANGE}\n")
    hidden = tmp_path / "intel-rapl:3"
    hidden.mkdir()
    (hidden / "name").write_text("package-3\n")
    return tmp_path


def take(root, joules):
    """The first package takes some joules, and the second twice as many."""
    for name, factor in (("intel-rapl:0", 1), ("intel-rapl:1", 2)):
        counter = root / name / "energy_uj"
        counter.write_text(str((int(counter.read_text()) + int(factor * joules * 1e6)) % RANGE))


def test_counters_are_those_of_whole_packages_that_can_be_read(root):
    assert [one.name for one in package_counters(root)] == ["intel-rapl:0", "intel-rapl:1"]


def test_no_folder_of_counters_is_no_power(tmp_path):
    assert package_counters(tmp_path / "none") == []
    assert active_w(lambda: None, tmp_path / "none") is None
    assert "for the watts of a meter" in power_words(None, tmp_path)


def test_joules_of_all_packages_add_up_over_a_counter_that_begins_again(root):
    # 0.05 + 0.1 J; the second counter goes from 900000 over 1000000 to 0
    assert joules_of(lambda: take(root, 0.05), package_counters(root)) == pytest.approx(0.15)


def test_power_is_that_of_the_runs_beyond_rest(root, monkeypatch):
    """A clock by hand: at rest 10 s take 0.03 J; ten runs of 1 s take 0.03 J each."""
    now = [0.0]

    def rest(seconds):
        now[0] += seconds
        take(root, 0.01)

    def run():
        now[0] += 1.0
        take(root, 0.01)

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    monkeypatch.setattr("time.sleep", rest)
    assert active_w(run, root, 10.0) == pytest.approx(0.3 / 10 - 0.03 / 10)
    assert power_words(0.027) == "power while it computes, beyond that at rest: 0.03 W (RAPL)"


def test_runs_that_take_less_than_rest_have_no_negative_power(root, monkeypatch):
    now = [0.0]

    def pass_s(seconds=1.0, joules=0.0):
        now[0] += seconds
        take(root, joules)

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: pass_s(seconds, 0.01))
    assert active_w(pass_s, root, 3.0) == 0.0
