"""What networks are for, one module a task.

| task | file |
| --- | --- |
| classification: top-1, top-5, agreement with the float network | ``classification.py`` |
| detection: COCO's average precision, and the boxes that float finds | ``detection.py`` |
| the registry ``SCORERS``; the task of a network | ``tasks.py``, ``../choice.py`` (``judge_of``) |

A new task takes a ``Task`` in ``evaluate/task.py``, which has the columns of its scores, a module
here with a record and a judge, and a line in ``tasks.SCORERS``.
"""
