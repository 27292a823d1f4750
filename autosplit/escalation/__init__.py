"""Escalation: the edge answers what it is sure of, and the float cloud half answers the rest.

| formula or method | file |
| --- | --- |
| the threshold: Clopper-Pearson bounds in a fixed sequence | ``threshold.py`` |
| what an escalation is, and its YAML file | ``escalation.py`` |
| expected seconds, 95th percentiles, memory with kept tensors | ``costs.py`` |
| cuts of the same half: fast, of little distortion | ``cuts.py`` |
| scores of confidence: softmax margin, entropy, boxes; the registry | ``confidence_scores.py`` |
| whether two networks answer the same, image by image | ``agreement.py`` |
| answers of two networks merged into one record | ``merged.py`` |
| plans run as escalations, on images that chose no threshold | ``trial.py`` |

A device computes the whole network at low widths.  If a confidence score of its answer reaches a
threshold, that is the answer; else tensors that it has computed on the way, or the picture as a
JPEG file, go to the cloud.  ``threshold.py``, ``escalation.py``, ``costs.py``, ``cuts.py`` and
``confidence_scores.py`` need no torch.  Import from the modules themselves.
"""
