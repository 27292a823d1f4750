"""The options of every command: an option is declared once, as a field of a record, with its help.

| options of | file |
| --- | --- |
| ``stats``: the network, the data, the quantizer that is measured | ``stats.py`` |
| ``search`` and ``latency``: devices, links, methods, limits | ``search.py`` |
| ``quantize`` and ``collect``: evaluation and the pick | ``scores.py`` |
| every stage: the run folder; ``emit`` | ``folder.py`` |
| ``detect`` and ``anchors`` | ``boxes.py`` |
| ``export``, ``infer`` and ``serve`` | ``bundle.py`` |
| ``check``: limits that plans must keep | ``check.py`` |
| ``profile``: seconds of this machine | ``profile.py`` |
| ``report``: the page of a run | ``report.py`` |
| ``prune`` | ``prune.py`` |
| ``train`` and ``tune`` | ``compress.py`` |
| ``sweep`` | ``sweep.py`` |
| several commands: ``--jobs``, ``--source``, ``--run``, ``--out`` and others | ``shared.py`` |
| names among which an option chooses | ``choices.py`` |

``runs/options.py`` joins them: it says which command has which record.
"""
