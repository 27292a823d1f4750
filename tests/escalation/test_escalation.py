"""The file of an escalation: what is written is read, and what cannot be is refused."""

import pytest
import yaml

from autosplit.errors import FileError
from autosplit.escalation.costs import SentBytes
from autosplit.escalation.escalation import Escalation, read_escalation, write_escalation
from autosplit.escalation.threshold import Threshold
from autosplit.stats.coding import InputCoding

THRESHOLD = Threshold(0.75, 300, 200, 1, 0.0157, 0.02, 0.05)
ONE = Escalation(
    "escalation-e-cut1",
    "e",
    ("a",),
    None,
    "margin",
    1.0,
    THRESHOLD,
    700,
    SentBytes(0.5, 200.0, 100.0, 300),
)


@pytest.mark.parametrize("coding", [None, InputCoding(75, 900.5, 0.1, (0.5,), (0.25,))])
def test_what_is_written_is_read(tmp_path, coding):
    one = Escalation("n", "e", (), coding, "entropy", 2.5, THRESHOLD, 7, ONE.sent, output=2)
    write_escalation(tmp_path / "one.yaml", one)

    assert read_escalation(tmp_path / "one.yaml") == one


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("temperature", 0, "temperature: must be"),
        ("temperature", "hot", "could not convert"),
        ("threshold", {"value": 2}, "value: must be 0..1"),
        ("threshold", {"differing": 201}, "must each be fewer or equal"),
        ("threshold", {"more": 1}, "unexpected keyword"),
        ("sent", {"share": -0.1}, "share: must be 0..1"),
        ("sent", None, "TypeError"),
        ("cut", 3, "TypeError"),
        ("jpeg", {"quality": 75}, "KeyError"),
        ("output", -1, "output: must be"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_one_line(tmp_path, key, value, words):
    path = tmp_path / "one.yaml"
    write_escalation(path, ONE)
    data = yaml.safe_load(path.read_text())
    changed = isinstance(value, dict) and isinstance(data[key], dict)
    data[key] = data[key] | value if changed else value
    path.write_text(yaml.safe_dump(data, sort_keys=False))

    with pytest.raises(FileError, match=words) as caught:
        read_escalation(path)
    assert "\n" not in str(caught.value)


def test_a_key_too_few_is_named(tmp_path):
    path = tmp_path / "one.yaml"
    write_escalation(path, ONE)
    data = yaml.safe_load(path.read_text())
    del data["score"]
    path.write_text(yaml.safe_dump(data, sort_keys=False))

    with pytest.raises(FileError, match="score"):
        read_escalation(path)
