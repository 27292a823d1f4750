"""Where to cut and how many bits: plans within limits, with proven bounds.

| method or formula | file |
| --- | --- |
| what is asked: graph, distortions, devices, links, limits | ``problem.py`` |
| a plan's costs; floor of its distortion | ``cost.py`` |
| every method by name | ``methods.py`` |
| our methods: the front in integers, floats, JPEG; all on the edge | ``autosplit.py`` |
| Pareto set; few plans of a long front | ``pareto.py``, ``thin.py`` |
| types of arrays | ``arrays.py`` |
| when a value keeps a limit: one rule of rounding | ``tolerance.py`` |
| pinned widths; limits beside memory | ``pins.py``, ``limits.py`` |
| multiple-choice knapsack, proven optimal | ``knapsack/`` |
| widths of weights and activations that share a memory | ``widths/`` |
| front of latency and distortion: enumeration, Lagrangian bounds | ``front/`` |
| least latency, least distortion: MILP with bound and gap | ``questions/`` |
| kept channels and widths together, all on the edge: MILP with bound | ``joint.py`` |
| minimum s-t cut; cuts that are no prefixes | ``cuts/`` |
| Neurosurgeon, DADS, QDMP, the original Auto-Split, plain baselines | ``baselines/`` |

``autosplit.search(problem)`` calls ``autosplit.api.front.search``:
this package is also the function of its name (``callable_package.py``).
"""

from autosplit.callable_package import make_callable

make_callable(__name__, "autosplit.api.front")
