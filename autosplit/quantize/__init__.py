"""Quantizers on tensors: values to integers and back, the grids of a weight, and rounding.

| formula or method | file |
| --- | --- |
| affine quantizer, fake quantization: q = round(x / s) + z | `affine.py` |
| straight-through estimator, gradient of a learned step (LSQ) | `straight_through.py` |
| grid of least mean squared error of each channel of a weight | `weight_grids.py` |
| second moment H = E[x x^T] of inputs, damping, output error tr e H e^T | `second_moment.py` |
| GPTQ: error feedback through the inverse of H | `gptq.py` |
| coordinate descent on levels; scales of least output error | `coordinate_descent.py` |
| the option `--rounding moment`: GPTQ, then refits and descent in turn | `moment_rounding.py` |
| grids of a weight's rows as tensors | `row_grids.py` |
| powers of two that keep products inside float32 | `unit_scale.py` |

The straight-through estimator is for training with quantized weights (QAT), which
`autosplit.compress.tune` does.  The record of a grid is `autosplit.grid.grid.Grid`.  AdaRound is in
`autosplit.finish.adaround`, because it learns from a layer's inputs.
"""
