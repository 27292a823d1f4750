"""How accurate plans are: they are run beside the float network, on as few images as possible.

| formula or method | file |
| --- | --- |
| the early stopping rule (``must_stop``): Clopper-Pearson bounds | ``early_stop.py`` |
| interval of a drop: paired shares (Bonett and Price 2012) | ``paired.py`` |
| the test of non-inferiority behind ``--confidence``: Tango's score | ``noninferiority.py`` |
| whether the float network does better than guessing | ``chance.py`` |
| plans run look by look; the first plan that keeps the accuracy | ``trials.py`` |
| images in random order, in the groups between looks | ``looks.py`` |
| the answers so far, kept so that no image is run twice | ``record.py``, ``ledger.py`` |
| what a network is for, and the columns of its scores; without torch | ``task.py`` |
| the task that is asked for or clear, and the outputs that are scored | ``choice.py`` |
| what a network answers to its first samples | ``probe.py`` |
| the task that outputs and labels make clear | ``clear_task.py`` |
| the score of each task, one module a task | ``tasks/`` |
| top-1, top-5, agreement, Wilson's interval | ``tasks/classification.py`` |
| boxes of a detector, and their drop in AP | ``tasks/detection.py`` |
| the registry of tasks: which task a network has, what scores it | ``tasks/tasks.py`` |
| COCO's average precision and recall | ``average_precision.py`` |
| precision, recall, F1, confusion of classes of boxes | ``box_measures.py`` |
| how answers are read | ``judge.py`` |
| outputs of the float network and of a deployed plan | ``outputs.py`` |
| sizes of batches | ``batches.py`` |
| ``scores.csv``, ``class_scores.csv``, ``box_scores.csv``; without torch | ``scorefile.py`` |

``autosplit.evaluate(net, front, data)`` calls ``autosplit.api.evaluation.evaluate``:
this package is also the function of its name (``callable_package.py``).  Import from the
modules themselves; this file is light.
"""

from autosplit.callable_package import make_callable

make_callable(__name__, "autosplit.api.evaluation")
