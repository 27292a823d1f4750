"""What crosses the link: the tensors of a cut as one message of bytes, and back.

Needs numpy, and Pillow for pictures alone, but no torch: device and client use it as it is.

| what | file |
| --- | --- |
| which tensors cross, in what order, shape, width and coding | ``layout.py`` |
| a message, and the bytes of its header | ``message.py`` |
| integers of 1 to 16 bits without gaps | ``pack.py`` |
| the symbols of integers: classes of channels, neighbours together | ``symbols.py`` |
| entropy coding by Zstandard | ``entropy.py`` |
| pictures as JPEG files | ``jpeg.py`` |

How many bytes a cut sends is counted by ``crossing_bytes`` in ``graph/memory.py``; a message holds
as many beside its header.
"""
