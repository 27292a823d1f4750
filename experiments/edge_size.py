"""Install what a device needs for a bundle, and print what it weighs, as it comes and trimmed.

    python experiments/edge_size.py BUNDLE

The commands are those of docs/how-to/deploy.md, which are read from there and run as they are.  The
all-edge plan of the bundle must answer with what is left, through the bundle's own client.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from autosplit.deploy.manifest import read_manifest

PAGE = Path(__file__).parents[1] / "docs/how-to/deploy.md"
MOST_MB = 120


def main(bundle: Path) -> None:
    """Print megabytes of each package, of all, and of what is left of them."""
    install, *trim = commands()
    with tempfile.TemporaryDirectory() as made:
        place = Path(made) / "client"
        (Path(made) / "bundle").symlink_to(bundle.resolve())
        shell(install, made)
        for folder in sorted(place.iterdir(), key=megabytes):
            if megabytes(folder) >= 1:
                print(f"{megabytes(folder):6.1f} MB  {folder.name}")
        print(f"{megabytes(place):6.1f} MB  as it comes")
        for command in trim:
            shell(command, made)
        size = megabytes(place)
        print(f"{size:6.1f} MB  trimmed (asked: at most {MOST_MB})")
        print(answer(Path(made), place))
    if size > MOST_MB:
        raise SystemExit(1)


def commands() -> list[str]:
    """The commands of the page that install, and that delete what no bundle uses."""
    found = re.findall(r"^\$ ((?:pip install|rm|find) .*client.*)$", PAGE.read_text(), re.MULTILINE)
    return [str(one) for one in found]


def shell(command: str, place: str) -> None:
    """A command of the page, with the pip of this Python."""
    own = re.sub(r"^pip ", f"{sys.executable} -m pip --quiet ", command)
    subprocess.run(own, shell=True, check=True, cwd=place, executable="/bin/bash")  # noqa: S602


def answer(place: Path, packages: Path) -> str:
    """What the bundle's own client prints of an input of zeros, with these packages alone."""
    manifest = read_manifest(place / "bundle")
    plan = next(one.name for one in manifest.plans if one.cloud is None)
    zeros = {one.name: np.zeros((1, *one.shape), one.dtype) for one in manifest.inputs}
    np.savez(place / "x.npz", **zeros)
    command = [sys.executable, "-S", str(place / "bundle/edge/client.pyz"), "--plan", plan]
    alone = {**os.environ, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    command += ["--source", str(place / "x.npz")]
    done = subprocess.run(command, check=True, env=alone, capture_output=True, text=True)  # noqa: S603
    return done.stdout.splitlines()[-1]


def megabytes(path: Path) -> float:
    """Size of a file or a folder."""
    files = [path, *path.rglob("*")]
    return sum(one.stat().st_size for one in files if one.is_file()) / 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="A bundle with an all-edge plan.")
    main(**vars(parser.parse_args()))
