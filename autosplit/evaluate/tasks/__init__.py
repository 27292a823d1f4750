"""What networks are for, one module a task.

| task | file |
| --- | --- |
| classification: top-1, top-5, agreement with the float network | ``classification.py`` |
| detection: COCO's average precision, and the boxes that float finds | ``detection.py`` |
| binary and multi-label: accuracy, F1, AUROC | ``binary.py`` |
| regression: R2, mean absolute error | ``regression.py`` |
| segmentation: mean intersection over union, pixel accuracy | ``segmentation.py`` |
| embedding: cosine, retrieval recall@1 | ``embedding.py`` |
| sequence labelling, language modelling: accuracy of tokens, perplexity | ``tokens.py`` |
| a person's own score | ``own_score.py`` |
| several outputs, each with a task of its own | ``several.py`` |
| statistics of each sample, of which most tasks are made | ``samples.py`` |
| the registry ``SCORERS``; the task of a network | ``tasks.py``, ``../choice.py`` (``judge_of``) |

A new task takes a ``Task`` in ``evaluate/task.py``, which has the columns of its scores, a module
here with a record and a judge, and a line in ``tasks.SCORERS``.
"""
