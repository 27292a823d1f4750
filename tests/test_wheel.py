"""The wheel holds all that a run needs, and works in any folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from autosplit import __version__

ROOT = Path(__file__).parents[1]
SOURCES = ("autosplit", "hw_profiles", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that the repository is left as it is."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source / name)
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", place)
    pip("wheel", *map(str, options), str(source))
    (found,) = place.glob("*.whl")
    return found


def test_it_holds_profiles_weights_images_and_licences(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    assert wheel.name == f"autosplit-{__version__}-py3-none-any.whl"
    for kind in ("devices", "links"):
        shipped = {path.name for path in (ROOT / "hw_profiles" / kind).iterdir()}
        found = {Path(n).name for n in names if n.startswith(f"autosplit/hw_profiles/{kind}/")}
        assert found == shipped != set()
    bundled = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "autosplit" / "bundled").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert bundled <= names
    assert any(name.endswith(".safetensors") for name in bundled)
    assert any("t10k-images" in name for name in bundled)
    about = f"autosplit-{__version__}.dist-info"
    licences = {name for name in names if name.startswith(f"{about}/licenses/")}
    assert f"{about}/licenses/LICENSE" in licences
    assert len(licences) == 2
    assert "autosplit/py.typed" in names


def test_it_holds_every_module_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        modules = {name for name in archive.namelist() if name.endswith(".py")}

    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "autosplit").rglob("*.py")}
    assert modules == ours


def test_it_runs_in_another_folder(wheel, tmp_path):
    target, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip("install", "--no-deps", "--no-compile", "--target", str(target), str(wheel))
    environment = {**os.environ, "PYTHONPATH": str(target), "OMP_NUM_THREADS": "1"}

    def python(*arguments):
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=elsewhere, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    code = (
        "import autosplit, autosplit.hardware.shipped as p\n"
        "print(autosplit.__file__)\nprint(p.folder('device'))\nprint(p.folder('link'))\n"
    )
    for place in python("-c", code).split():
        assert Path(place).is_relative_to(target)

    line = (
        "-m autosplit run --model fashion-resnet --data fashion-mnist --images 32 "
        "--calibration-images 16 --methods uniform8,cloud16 --link lte --edge jetson_nano"
    )
    out = python(*line.split())

    assert out.startswith("Over lte; ")
    run = elsewhere / "results" / "fashion_resnet"
    assert (run / "pareto.png").stat().st_size > 10_000
    assert len((run / "scores.csv").read_text().splitlines()) == 1 + 3
