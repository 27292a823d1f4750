"""Where the files are that autosplit brings: weights, samples of data sets, Darknet's networks."""

from pathlib import Path

BUNDLED = Path(__file__).parents[1] / "bundled"
FASHION_MNIST = BUNDLED / "fashion-mnist"
SCENES = BUNDLED / "scenes"
DARKNET = BUNDLED / "darknet"
