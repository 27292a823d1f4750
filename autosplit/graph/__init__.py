"""The network as a DAG of layers: cuts, what crosses and is live, bytes and bits, graph files.

| formula or record | file |
| --- | --- |
| ``Layer``, ``Gemm``: fused operators and their matrix products | ``layer.py`` |
| ``Integers``: a tensor that keeps its values, and the bits of these | ``integers.py`` |
| ``Graph``, ``Cut``: crossing tensors, live sets, edge and cloud side | ``graph.py`` |
| packed bytes, peak of live tensors, memory of the edge half and its limit | ``memory.py`` |
| mean width, bit operations (BOPs), width of the operands | ``bit_counts.py`` |
| ``layers.csv`` and ``graph.json`` | ``graphfile.py`` |
"""
