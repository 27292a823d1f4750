"""What was measured of a network on calibration data, and the files that hold it.

| formula or method | file |
| --- | --- |
| `Stats`: ranges and moments, distortion of each tensor at each width, and the grids | `stats.py` |
| `stats.yaml`, `distortion.csv` and `weight_grids.safetensors` | `statsfile.py` |
| the network's input as JPEG files: bytes and distortion | `coding.py` |

`distortion/measure.py` makes the statistics.  No module here imports torch.
"""

from autosplit.stats.stats import Distortion, Stats, TensorStats

__all__ = ["Distortion", "Stats", "TensorStats"]
