"""The multiple-choice knapsack, solved to proven optimality.

| formula or method | file |
| --- | --- |
| linear relaxation on convex hulls (Sinha and Zoltners 1979), its price | ``relaxation.py`` |
| non-dominated partial solutions (Nemhauser and Ullmann 1969) | ``dynamic_programming.py`` |
| every prefix of the layers at every budget in one pass | ``prefixes.py`` |
| one budget: reduced-cost fixing, core (Dyer et al. 1984, Pisinger 1995) | ``allocate.py`` |
"""
