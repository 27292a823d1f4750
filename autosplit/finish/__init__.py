"""Finishing a plan without training: integers of its weights, its biases, perhaps its clips.

| formula or method | file |
| --- | --- |
| the steps of each effort (``none`` to ``best``), and options for single steps | ``effort.py`` |
| all steps of a plan in order | ``finish.py`` (``finish``) |
| weights and biases, layer by layer | ``layerwise.py`` (``recover``) |
| the float and the quantized network run side by side | ``side_by_side.py`` |
| bias correction (Nagel et al. 2019, section 4.2) | ``bias_correction.py`` |
| one layer: its inputs gathered, its integers chosen | ``layer_rounding.py`` |
| integers of least error of a layer's outputs, from its quantized inputs (QEP) | ``qep.py`` |
| AdaRound (Nagel et al. 2020) | ``adaround.py`` |
| clips of all activations moved together by Powell's method (LAPQ) | ``lapq.py`` |

GPTQ and coordinate descent are in `autosplit.quantize`.  Import from the modules themselves; all
but ``effort.py`` need torch.
"""
