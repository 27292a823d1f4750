"""Options of the measurement of this machine."""

from autosplit.runs.declared.profile import RUNTIME_NAMES, ProfileOptions


def test_one_thread_of_a_known_runtime_is_measured_unless_asked():
    assert ProfileOptions().threads == 1
    assert ProfileOptions().runtime in RUNTIME_NAMES
