"""A progress that shows nothing."""

from autosplit.progress import silent


def test_nothing_is_shown(capsys):
    with silent("work", 3) as advance:
        assert advance(1) is None

    assert capsys.readouterr() == ("", "")
