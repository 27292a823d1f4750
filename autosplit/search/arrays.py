"""Names of the array types that the search computes with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]
WidthIndices = npt.NDArray[np.uint8]
"""Indices of widths: there are few widths and many edge halves, so an index is one byte."""
Booleans = npt.NDArray[np.bool_]
