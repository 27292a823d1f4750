"""Names in options are looked up before any work."""

import subprocess
import sys

import pytest

from autosplit.data import datasets
from autosplit.errors import OptionError, ProfileError
from autosplit.models import load
from autosplit.runs.named import BUNDLED_NETWORKS, DATA_KINDS, KINDS_OF_NETWORKS, check_names


def test_the_names_are_those_of_the_registries():
    assert set(BUNDLED_NETWORKS) == set(load._BUNDLED)
    assert set(KINDS_OF_NETWORKS) == set(load._KINDS)
    assert {kind: set(allowed) for kind, allowed in DATA_KINDS.items()} == {
        kind: allowed for kind, (_, allowed) in datasets._KINDS.items()
    }


@pytest.mark.parametrize(
    "given",
    [
        {"model": "fashion-resnet", "data": "fashion-mnist", "edge": "eyeriss", "links": ("lte",)},
        {"model": "torchvision:resnet18", "data": "imagefolder:DIR", "cloud": "nvidia_t4"},
        {"model": "nets/mine.py:build", "data": "mine.py:data", "calibration": None},
        {"model": "mine.pt2", "links": ("3mbps", "1.5Mbps"), "pins": ("a.*:weight=8",)},
        {"edge": None, "links": None, "jobs": 3},
    ],
)
def test_what_can_be_a_name_is_left_to_its_stage(given):
    check_names(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "fashion-resnt"}, "model: unknown name 'fashion-resnt', did you mean 'fashion-"),
        ({"model": "resnet50"}, "model: unknown name 'resnet50', did you mean 'torchvision:resnet"),
        ({"model": "x.onnx"}, "model: x.onnx: cannot be an ONNX file, for torch.export refuses"),
        ({"model": "zzz"}, "model: unknown name 'zzz', choose from: FILE.pt2, FILE.py:FUNCTION, "),
        ({"data": "fashion"}, "data: unknown name 'fashion'"),
        ({"data": "demo:DIR"}, "data: unknown name 'demo:DIR'"),
        ({"data": "imagefolder"}, "data: unknown name 'imagefolder', did you mean 'imagefolder:D"),
        ({"calibration": "x"}, "calibration: unknown name 'x'"),
        ({"edge": "eyeris"}, "edge: device 'eyeris': must be a shipped name or a file, did you"),
        ({"cloud": "foo"}, "cloud: device 'foo': must be a shipped name or a file"),
        ({"links": ("lte", "3mbs")}, "link '3mbs': must be a shipped name, a file or a rate"),
        ({"pins": ("foo",)}, "pin: must be PATTERN:weight=BITS"),
    ],
)
def test_what_can_be_no_name_is_refused(given, words):
    with pytest.raises(OptionError, match="^" + words.replace(".", "[.]")):
        check_names(given)


def test_a_wrong_profile_is_no_wrong_command_line(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("schema: autosplit/device/1\nname: mine\n")

    with pytest.raises(ProfileError):
        check_names({"edge": str(path)})


@pytest.mark.parametrize("words", [["--edge", "foo"], ["--link", "3mbs"], ["--pin", "x"]])
def test_run_refuses_before_torch_and_leaves_no_folder(tmp_path, words):
    code = (
        "import sys; from autosplit.cli.app import main; status = main(sys.argv[1:]); "
        "print(status, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, "run", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "2 False"
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
