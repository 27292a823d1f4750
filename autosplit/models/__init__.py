"""Networks by name: torchvision's, Darknet's, saved programs, the user's own files.

| name | file |
| --- | --- |
| ``load_model``: name -> ``Model``; the registry of names | ``load.py`` |
| forms of names; why ONNX files are refused | ``forms.py`` |
| ``torchvision:NAME`` | ``torchvision.py`` |
| ``yolo:NAME``, ``yolo:FILE.cfg``, ``torchvision-backbone:NAME`` | ``detectors.py`` |
| ``efficientnet-lite0`` to 2, ``fashion-resnet``, ``scenes-yolo`` | ``bundled.py`` |
| ``torchvision:NAME`` of segmentation, video, quantizable | ``torchvision_dense.py`` |
| ``torchvision:NAME`` of a detector, and what reads its boxes | ``torchvision_detector.py`` |
| second stage of Faster R-CNN, as layers that have a cost | ``second_stage.py`` |
| ``--decode``, ``--names``: heads and classes as asked for | ``asked_heads.py`` |
| ``timm:NAME`` | ``timm_network.py`` |
| ``transformers:FOLDER`` | ``transformers_network.py`` |
| ``FILE.py:FUNCTION`` | ``python_network.py`` |
| ``FILE.pt2``, saved by ``torch.export`` | ``program_file.py`` |
| its archive, checked before torch loads it | ``program_archive.py`` |
| texts in it that torch would turn into code | ``program_text.py`` |
| what stands beside a file: preparation, task, classes | ``sidecar.py`` |
| state dicts; objects are never unpickled | ``checkpoint.py`` |
| the network that is asked for by name, and what each kind of name gives | ``asked_model.py`` |
| Darknet's ``.cfg`` and ``.weights``, YOLO's boxes, FashionResNet | ``networks/`` |

Import from the modules themselves; all need torch but ``forms.py``,
``networks/darknet_cfg.py``, ``program_archive.py`` and ``program_text.py``.
"""
