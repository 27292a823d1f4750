"""Write the sample of Fashion-MNIST that autosplit ships: the same files with fewer images.

apt install dataset-fashion-mnist
python experiments/make_fashion_sample.py
"""

import gzip
import struct
from pathlib import Path
from typing import Annotated

import typer

from autosplit.data.idx import read_idx

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
BUNDLED = Path(__file__).parent.parent / "autosplit" / "bundled" / "fashion-mnist"
COUNTS = {"train": 256, "t10k": 1000}


def main(
    data: Annotated[Path, typer.Option(help="Folder of the four IDX .gz files.")] = DEBIAN,
    out: Annotated[Path, typer.Option(help="Folder to write the sample to.")] = BUNDLED,
) -> None:
    """Write the first 256 training and 1,000 test images of Fashion-MNIST with their labels.

    Every run writes the same bytes.
    """
    out.mkdir(parents=True, exist_ok=True)
    for split, count in COUNTS.items():
        for kind in ("images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"):
            values = read_idx(data / f"{split}-{kind}")[:count]
            header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
            packed = gzip.compress(header + values.tobytes(), compresslevel=9, mtime=0)
            (out / f"{split}-{kind}").write_bytes(packed)
            typer.echo(f"{split}-{kind}: {len(values)} of them, {len(packed)} bytes")


if __name__ == "__main__":
    typer.run(main)
