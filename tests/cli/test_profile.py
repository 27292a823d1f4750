"""The command ``profile`` is one library call, and says what was measured."""

from pathlib import Path

import pytest

import autosplit.deploy.connection
import autosplit.deploy.kit
import autosplit.deploy.link_profile
import autosplit.deploy.profile
import autosplit.runs.trust
from autosplit.cli.app import main
from autosplit.deploy.kit import FittedKit
from autosplit.deploy.link_profile import MeasuredLink, MeasuredRate
from autosplit.deploy.profile import NetworkProfile

MEASURED = NetworkProfile((), {"x": (0.001, 0.002)})


def test_it_passes_the_run_the_threads_and_the_file(monkeypatch, capsys):
    asked = []

    def profiled(*given):
        asked.append(given)
        return MEASURED

    monkeypatch.setattr(autosplit.deploy.profile, "profile_run", profiled)
    monkeypatch.setattr(autosplit.runs.trust, "trusted_code", lambda *_, **__: {})

    assert main(["profile", "--run", "r", "--threads", "2", "--out", "d.yaml"]) == 0

    assert asked == [(Path("r"), 2, Path("d.yaml"))]
    assert capsys.readouterr().out.splitlines()[-1] == "profile: d.yaml"


def test_another_runtime_is_refused(capsys):
    assert main(["profile", "--runtime", "tflite"]) == 2
    assert "onnxruntime" in capsys.readouterr().err


@pytest.fixture
def linked(monkeypatch):
    asked = []

    def profiled(*given):
        asked.append(given)
        rate = MeasuredRate(1e6, 0.01, 7, 4096)
        return MeasuredLink(rate, rate, 0.01, 0.001)

    monkeypatch.setattr(autosplit.deploy.link_profile, "profile_link", profiled)
    return asked


def test_a_link_is_measured_with_the_token_and_the_certificate(linked, monkeypatch, tmp_path):
    (tmp_path / "token.txt").write_text("a-secret-of-twenty-letters")
    made = []
    monkeypatch.setattr(autosplit.deploy.connection, "Connection", lambda *a: made.append(a))
    token = str(tmp_path / "token.txt")

    asked = ["profile", "--link", "https://far:8000", "--tls-cert", "c.pem", "--token-file", token]
    assert main(asked) == 0

    assert made == [("https://far:8000", "a-secret-of-twenty-letters", Path("c.pem"))]
    assert linked == [(None, Path("link.yaml"))]


def test_a_link_has_its_own_default_file(linked, capsys):
    assert main(["profile", "--link", "http://far:8000"]) == 0

    assert linked[0][1] == Path("link.yaml")
    assert capsys.readouterr().out.splitlines()[-1] == "profile: link.yaml"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--link", "http://far:1", "--run", "r"], "--run, --link: each asks for a profile"),
        (["--link", "http://far:1", "--kit", "k"], "--kit, --link: each asks for a profile"),
        (["--tls-cert", "c.pem"], "need --link URL"),
        (["--token-file", "t"], "need --link URL"),
    ],
)
def test_options_of_two_kinds_are_refused_together(words, told, capsys):
    assert main(["profile", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_kit_is_fitted(monkeypatch, capsys):
    asked = []
    fitted = FittedKit({8: {"conv": {"macs": 1e-9}}}, 5, 0.1, 0.02, {})
    monkeypatch.setattr(
        autosplit.deploy.kit, "profile_kit", lambda *given: asked.append(given[:3]) or fitted
    )

    assert main(["profile", "--kit", "k", "--threads", "4", "--out", "d.yaml"]) == 0

    assert asked == [(Path("k"), 4, Path("d.yaml"))]
    assert capsys.readouterr().out.splitlines()[-2:] == ["families: conv", "profile: d.yaml"]
