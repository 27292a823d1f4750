"""The network as a DAG of layers: cuts, what crosses and is live, bytes and bits, graph files.

| formula or record | file |
| --- | --- |
| ``Layer``, ``Gemm``: fused operators and their matrix products | ``layer.py`` |
| ``Integers``: a tensor that keeps its values, and the bits of these | ``integers.py`` |
| ``Graph``, ``Cut``: crossing and live tensors (``Cut.live``), the two sides | ``graph.py`` |
| live memory: the peak of ``Cut.live`` in bytes (``peak_bytes``); memory limit | ``memory.py`` |
| bytes on the wire of a cut (``crossing_bytes``), of a tensor (``packed_bytes``) | ``memory.py`` |
| mean width, bit operations (BOPs), width of the operands | ``bit_counts.py`` |
| ``layers.csv`` and ``graph.json`` | ``graphfile.py`` |
"""
