"""The Python interface: objects that do what the stages do, without a run folder.

``import autosplit`` shows every public name; nothing here imports torch or pandas before it needs
them.  Each function calls what the stage of its name calls.

| name | stage | file |
| --- | --- | --- |
| ``capture`` -> ``Net`` | stats | ``net.py`` |
| ``load_data``: data sets by name, and a person's own batches | stats, quantize | ``data.py`` |
| ``measure`` -> ``Stats`` | stats | ``measurement.py`` |
| ``Problem``: graph, stats, hardware by name, limits | search | ``problem.py`` |
| ``search`` -> ``Front`` (plans, table, figure, pick) | search, latency, collect | ``front.py`` |
| ``evaluate`` -> ``Scores`` (table) | quantize | ``evaluation.py``, ``scores.py`` |
| keywords of these functions, from the declared options | | ``keywords.py`` |
| ``run``, ``open_run`` -> ``Run`` | all, in a run folder | ``run.py`` |
"""
