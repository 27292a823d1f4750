"""Cuts of any shape.

| formula or method | file |
| --- | --- |
| minimum s-t cut, exact; between cut vertices | ``mincut.py`` |
| all cuts (ideals), useful cuts, orders, floor of latency | ``ideals.py`` |
"""
