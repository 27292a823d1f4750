"""The command ``autosplit``: each command parses, makes one library call, and prints.

| what | file |
| --- | --- |
| the program: its commands, exit statuses, ``main`` | ``app.py`` |
| from declared options to parameters of a command, and back | ``options.py`` |
| what ``--help`` prints | ``help.py`` |
| errors, warnings, talk and progress on stderr | ``talk.py`` |
| ``run`` and the five stages | ``stages.py`` |
| the other commands | ``detect.py``, ``emit.py``, ``profiles.py``, ``sweep.py`` |

Options of every command are declared in ``runs/declared/``; a command imports what is slow to import
inside its function.
"""
