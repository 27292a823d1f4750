"""Install what a device needs for a bundle, and print what it weighs, as it comes and trimmed.

    python experiments/edge_size.py BUNDLE

Trimmed means without what no bundle uses: the second copy of onnxruntime's library, which is for
programs in C, its tools, tests of libraries, and zstandard, without which a device sends packed
bytes in place of entropy-coded ones.  The all-edge plan of the bundle must still answer then.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = "onnxruntime numpy pyyaml pillow zstandard"
UNUSED = (
    "onnxruntime/capi/libonnxruntime.so.*",
    *(f"onnxruntime/{name}" for name in ("transformers", "tools", "quantization", "datasets")),
    "zstandard*",
    "**/tests",
)
MOST_MB = 120
ANSWER = """
import sys
from pathlib import Path
import numpy as np
from autosplit.deploy.client import EdgeClient
from autosplit.deploy.manifest import read_manifest
folder = Path(sys.argv[1])
plan = next(one.name for one in read_manifest(folder).plans if one.cloud is None)
with EdgeClient(folder, "http://127.0.0.1:9", plan) as client:
    taken = client.manifest.inputs
    client.infer({one.name: np.zeros((1, *one.shape), one.dtype) for one in taken})
assert "torch" not in sys.modules
"""


def main(bundle: Path) -> None:
    """Print megabytes of each package, of all, and of what is left of them."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target"]
        subprocess.run([*command, made, *PACKAGES.split()], check=True)  # noqa: S603
        for folder in sorted(place.iterdir(), key=megabytes):
            if megabytes(folder) >= 1:
                print(f"{megabytes(folder):6.1f} MB  {folder.name}")
        print(f"{megabytes(place):6.1f} MB  as it comes (asked: at most {MOST_MB})")
        for pattern in UNUSED:
            for path in list(place.glob(pattern)):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        print(f"{megabytes(place):6.1f} MB  trimmed")
        root = Path(__file__).parents[1]
        paths = {**os.environ, "PYTHONPATH": f"{made}{os.pathsep}{root}"}
        alone = [sys.executable, "-S", "-c", ANSWER, str(bundle.resolve())]
        subprocess.run(alone, check=True, env=paths)  # noqa: S603
        print("the trimmed installation answers")


def megabytes(path: Path) -> float:
    """Size of a file or a folder."""
    files = [path, *path.rglob("*")]
    return sum(one.stat().st_size for one in files if one.is_file()) / 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="A bundle with an all-edge plan.")
    main(**vars(parser.parse_args()))
