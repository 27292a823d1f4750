"""Sweeps: networks x devices x links x methods x memory limits, one table and its figure.

| what | file |
| --- | --- |
| the sweep file | ``file.py`` |
| one search: which plan stands for a method, its row | ``job.py`` |
| rows that keep an accuracy rule, measured | ``measured.py`` |
| where the searches are done: joblib, dask | ``backends.py`` |
| figures of the table: latency by method, crossover of cuts | ``figure.py`` |
| the whole sweep: measure, search what is missing, write | ``run.py`` |
| the page that compares networks, devices and links | ``page.py`` |
| the table as an object, ``autosplit.read_sweep`` | ``table.py`` |

The command line and the scripts in ``experiments/`` import this package; no stage does, because a
sweep has no run folder.
"""
