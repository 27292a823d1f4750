"""What a detector finds in pictures: the float network, a plan of it, and where they differ.

| formula or method | file |
| --- | --- |
| boxes with labels that stay readable, pictures side by side | ``drawing.py`` |
| greedy matching of boxes by overlap (IoU) | ``matching.py`` |
| the float network, and the two halves of a plan | ``detector.py`` |
| what ``--source`` names: files, folders, patterns, lists, cameras | ``sources.py`` |
| how many bytes a video file should have, by its container | ``container_size.py`` |
| frames of videos, and drawn frames as a video | ``video.py`` |
| seconds of each step, and their table | ``step_seconds.py`` |
| pictures and videos one after the other, ``detections.csv`` | ``run.py`` |

Decoding and non-maximum suppression are in ``models/networks/yolo_decode.py``, average precision in
``evaluate/average_precision.py``.  The command line alone imports this package, because no stage
draws boxes.  Import from the modules themselves; all need torch.
"""
