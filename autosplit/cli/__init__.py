"""The command ``autosplit``: each command parses, makes one library call, and prints.

| what | file |
| --- | --- |
| the program: its commands, exit statuses, ``main`` | ``app.py`` |
| from declared options to parameters of a command, and back | ``options.py`` |
| what ``--help`` prints | ``help.py`` |
| errors, warnings, talk and progress on stderr | ``talk.py`` |
| a wrong command line in one line | ``usage.py`` |
| ``run`` and the five stages | ``stages.py`` |
| commands for detectors | ``detect.py``, ``anchors.py`` |
| commands for bundles | ``export.py``, ``serve.py``, ``infer.py`` |
| page of a run, limits for CI | ``report.py``, ``check.py`` |
| commands that compress | ``prune.py``, ``train.py``, ``tune.py`` |
| the other commands | ``emit.py``, ``profile.py``, ``profiles.py``, ``sweep.py`` |

The options of every command are declared in ``runs/declared/``.  A command imports slow modules
inside its function.
"""
