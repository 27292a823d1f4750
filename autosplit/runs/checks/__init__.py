"""Checks of plans for continuous integration: what ``autosplit check`` reads, decides and writes.

| what | file |
| --- | --- |
| a file of checks: a run, and what its plans must keep | ``checkfile.py`` |
| which check holds | ``judge.py`` |
| the table, JUnit XML, the stored baseline | ``outcome.py`` |

Import from the modules themselves.
"""
