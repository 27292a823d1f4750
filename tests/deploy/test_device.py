"""A bundle's own client answers where neither autosplit nor torch is installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autosplit.deploy.device import main

NEEDED = "numpy onnxruntime yaml PIL zstandard flatbuffers google packaging".split()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what a device installs, and nothing else."""
    found = tmp_path_factory.mktemp("device")
    for name in NEEDED:
        spec = importlib.util.find_spec(name)
        (origin,) = spec.submodule_search_locations or [spec.origin]
        for path in (Path(origin), Path(origin).with_name(f"{name}.libs")):
            if path.exists():
                (found / path.name).symlink_to(path)
    for path in Path(np.__file__).parents[1].glob("pillow.libs"):
        (found / path.name).symlink_to(path)
    return found


def test_it_answers_beside_its_requirements_alone(small, bundle, address, place, tmp_path):
    np.save(tmp_path / "x.npy", small.images.numpy()[:2])
    listed = (bundle / "edge/requirements.txt").read_text().splitlines()
    command = [sys.executable, "-S", bundle / "edge/client.pyz", "--source", tmp_path / "x.npy"]
    command += ["--server", f"http://{address}", "--plan", "split"]

    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(place)},
    )

    first, _, last = done.stdout.splitlines()
    assert first.startswith(f"{tmp_path / 'x.npy'}: ")
    assert last.startswith("2 answers of split, medians: edge ")
    assert done.stderr == ""
    assert [line.partition(">")[0] for line in listed] == [
        "numpy",
        "onnxruntime",
        "pillow",
        "pyyaml",
        "zstandard",
    ]


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ("", 2, "--source PATH: must be given"),
        ("--source x.npy --deadline soon", 2, "--deadline: must be"),
        ("--source x.npy --audit-floor 0.9", 2, "--audit-floor: needs --audit"),
        ("--source nowhere", 1, "nowhere: must be a picture, a .npy or .npz file"),
        ("--source x.npy --server ftp://h", 1, "--server: must be http://HOST:PORT"),
    ],
)
def test_a_wrong_command_line_is_one_line(bundle, capsys, monkeypatch, options, status, words):
    monkeypatch.setattr(sys, "argv", ["edge/client.pyz"])

    assert main(options.split(), bundle) == status

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"client.pyz: error: {words}")
    assert printed.err.count("\n") == 1


def test_help_has_the_options_of_infer(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for flag in ("--source PATH", "--audit-floor SHARE", "--ahead [on|off]", "--tls-cert FILE"):
        assert flag in text
