"""The front of latency and distortion in integers, with a bound for each plan.

| formula or method | file |
| --- | --- |
| enumeration with dominance (label setting), complete while it lasts | ``enumerate.py`` |
| Lagrangian bounds: a price on a second | ``lagrangian.py`` |
| the program of one plan's cut, bytes and seconds (MILP), reduced-cost fixing | ``boxes.py`` |
| gaps of the front closed by such programs | ``prove.py`` |
| the front that all give together | ``front.py`` |
"""
