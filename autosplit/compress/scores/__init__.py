"""Scores of channels: how much a network is expected to lose without a unit.

| name | file |
| --- | --- |
| the registry | ``registry.py`` |
| what a score is computed from | ``scores.py`` |
| ``l1``: mean magnitude of filters (Li et al. 2017) | ``magnitude.py`` |
| ``bn-gamma``: scales of batch norms (Network Slimming, Liu et al. 2017) | ``slimming.py`` |
| ``taylor``: squared change of the loss (Theis et al. 2018) | ``taylor.py`` |
| ``fpgm``: distance to other filters (He et al. 2019) | ``geometric_median.py`` |
| ``distortion``: the search's metric, KL divergence of the answers | ``answer_change.py`` |
"""
