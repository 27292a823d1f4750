"""Networks that autosplit defines itself: Darknet's from ``.cfg`` files, and FashionResNet.

| method | file |
| --- | --- |
| ``.cfg`` text -> checked sections; without torch | ``darknet_cfg.py`` |
| sections -> a module whose submodules are named by layer number | ``darknet.py`` |
| what each section computes, and its output's shape | ``darknet_layers.py`` |
| Darknet's activations | ``darknet_activations.py`` |
| ``.weights`` files | ``darknet_weights.py`` |
| raw maps of YOLO heads -> boxes; non-maximum suppression | ``yolo_decode.py`` |
| the small residual network of the bundled sample | ``fashion_resnet.py`` |

Import from the modules themselves.
"""
