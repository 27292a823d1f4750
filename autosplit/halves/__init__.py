"""A plan made real: the edge half, the cloud half, and the message between them.

| method | file |
| --- | --- |
| a program cut in two at a cut of its graph | ``partition.py`` (``edge_part``, ``cloud_part``) |
| the edge half that ``torch.export`` and ``torch.onnx.export`` take | ``quantized.py`` (``quantized_half``) |
| the edge half on integers, the exact reference | ``quantized.py`` (``integer_half``), ``lowering.py`` |
| exact sums, requantization with one float32 factor per channel | ``integer_kernels.py`` |
| the cloud half in float | ``partition.py`` (``cloud_part``) |
| both sides with bytes between them, as an evaluation runs them | ``deployed.py`` (``deploy``), ``crossing.py`` |
| coded bytes of a finished plan, measured anew | ``recoded.py`` |
| wire layout, message, bit packing, JPEG files; without torch | ``wire/`` |

``quantized_half`` is for exports; no stage calls it yet.  Import from the modules themselves; this file is light, so that ``wire`` stays without torch.
"""  # noqa: E501 - a table
