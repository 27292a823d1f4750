"""Networks that autosplit defines itself: Darknet's from ``.cfg`` files, and FashionResNet.

| method | file |
| --- | --- |
| ``.cfg`` text -> checked sections; without torch | ``darknet_cfg.py`` |
| whose program a file is for; without torch | ``darknet_family.py`` |
| one section: its numbers, lists and words; without torch | ``darknet_section.py`` |
| which sections and options there are; without torch | ``darknet_options.py`` |
| what the value of an option must be; without torch | ``darknet_values.py`` |
| sections -> a module whose submodules are named by layer number | ``darknet.py`` |
| convolution, max pool, route, upsample; the table of all kinds | ``darknet_layers.py`` |
| sums: shortcut, with weights or not | ``darknet_shortcut.py`` |
| products: ``scale_channels``, ``sam``, ``se`` | ``darknet_gates.py`` |
| YOLOv2's ``reorg``, ``reorg3d`` | ``darknet_reorg.py`` |
| ``connected``, ``local``, ``batchnorm``, ``crop`` | ``darknet_dense.py`` |
| shapes of outputs, strides | ``darknet_shape.py`` |
| Darknet's activations | ``darknet_activations.py`` |
| ``yolo``, ``Gaussian_yolo``, ``region``, ``detection`` -> heads | ``darknet_heads.py`` |
| ``.weights`` files | ``darknet_weights.py`` |
| what a head of boxes is; without torch | ``yolo_heads.py`` |
| the formula of a box and of its scores, one a coding | ``yolo_boxes.py`` |
| outputs of heads -> boxes of each image | ``yolo_decode.py`` |
| outputs of networks without anchors (YOLOv8, YOLOX) -> boxes | ``free_boxes.py`` |
| non-maximum suppression: greedy, DIoU | ``suppression.py`` |
| the small residual network of the bundled sample | ``fashion_resnet.py`` |

Import from the modules themselves.
"""
