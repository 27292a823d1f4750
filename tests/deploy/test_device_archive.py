"""The archive of a device's client holds what it imports, and no more."""

import io
import zipfile
from pathlib import Path

import autosplit
from autosplit.deploy.device_archive import MAIN, client_archive, modules_of

ROOT = Path(autosplit.__file__).parents[1]


def test_the_same_modules_give_the_same_bytes():
    data = client_archive()

    assert data == client_archive()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        assert {f"{MAIN.replace('.', '/')}.py", "autosplit/__init__.py", "__main__.py"} <= {*names}
        for name in names[:-1]:
            assert archive.read(name) == (ROOT / name).read_bytes()
    assert len(data) < 300_000


def test_modules_are_followed_through_all_that_they_import():
    found = modules_of("autosplit.deploy.pictures")

    # pictures imports data.picture_input, which imports data.bilinear; each with its packages
    assert {
        "autosplit/__init__.py",
        "autosplit/data/__init__.py",
        "autosplit/data/bilinear.py",
        "autosplit/data/picture_input.py",
        "autosplit/deploy/__init__.py",
        "autosplit/deploy/pictures.py",
        "autosplit/errors.py",
    } <= {*found}
    assert list(found) == sorted(found)
    assert "autosplit/deploy/client.py" not in found
