"""The front of latency and distortion in integers, with a bound for each plan.

| formula or method | file |
| --- | --- |
| enumeration with dominance (label setting), complete while it lasts | ``enumerate.py`` |
| Lagrangian bounds: a price on a second | ``lagrangian.py`` |
| the front that both give together | ``front.py`` |
"""
