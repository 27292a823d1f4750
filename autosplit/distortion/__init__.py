"""Distortion: what quantizing one tensor at one width costs, and what is measured to know it.

A distortion is never negative, and the search adds the distortions of tensors up.

| formula or method | file |
| --- | --- |
| ranges, moments and the noise-to-signal ratio of all tensors | ``measure.py`` (``measure``) |
| first pass: range and mean | ``ranges.py`` |
| second pass: standard and mean absolute deviation, histogram | ``spreads.py`` |
| tiles of a tensor that fit the cache; threads | ``tiles.py`` |
| coded bytes of each tensor at each width | ``coded.py`` |
| the input as JPEG files: bytes, and distortion by each metric | ``jpeg.py`` |
| the tensors that hold the logits, which are never clipped | ``logits.py`` |
| the registry of metrics: ``mse``, ``fisher``, ``output`` | ``metrics.py`` (``sensitivity``) |
| Fisher information, diagonal (metric ``fisher``) | ``fisher.py`` |
| Jacobian of the output times a tensor's error (metric ``output``) | ``output.py`` |
| the network run again from a quantized tensor on | ``replayed.py`` |
| KL divergence; divergence of any outputs | ``divergence.py`` |
| quantization errors of single tensors | ``quantization_errors.py`` |
| share of a weight's error that rounding by second moments leaves | ``finished_share.py`` |

Import from the modules themselves; all but ``logits.py`` need torch.
"""
