"""Other methods on the same costs.

| method | file |
| --- | --- |
| one width everywhere, all-cloud, JPEG, floats, random plans | ``plain.py`` |
| Neurosurgeon, DADS, QDMP | ``literature.py`` |
| the heuristic of the original Auto-Split | ``original.py`` |
"""
