"""Widths of the weights and activations of prefix cuts that share one memory.

| formula or method | file |
| --- | --- |
| activations: bucket elimination over live sets (Dechter 1999) | ``bucket_elimination.py`` |
| weights: the knapsack of every prefix at every budget | ``weights.py`` |
| the memory shared between both, with bounds between shares | ``division.py`` |
| edge seconds of many choices of widths | ``edge_seconds.py`` |
| costs of many candidates, and candidates between two good ones | ``pool.py`` |
"""
