"""The integer grid of a tensor, and the range that an activation is clipped to.

| formula or method | file |
| --- | --- |
| `Grid`: width, scale and zero point (affine quantization); the grid over a range | `grid.py` |
| squared error of clipping and rounding, from a histogram; the best range | `histogram.py` |
| clipping rules: min-max, average, percentile, ACIQ, least error, p-norm | `clipping.py` |

`quantize/affine.py` turns tensors into integers and back with a grid; `quantize/weight_grids.py`
finds the grids of a weight.  No module here imports torch.
"""

from autosplit.grid.grid import ElementFormat, Grid, Unquantized

__all__ = ["ElementFormat", "Grid", "Unquantized"]
