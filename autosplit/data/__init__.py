"""Images with labels: data sets by name, and how an image becomes the input of a network.

| method | file |
| --- | --- |
| ``load_data``: name -> ``DataSet``; the registry of names | ``datasets.py`` |
| ``Images``: batches in a fixed order, their hash; ``ImageSource`` | ``images.py`` |
| resize, crop and normalize as torchvision; Darknet's letterbox | ``preprocess.py`` |
| the preparation of pictures that a person asks for | ``asked_preprocess.py`` |
| pictures as inputs, with numpy and Pillow alone | ``picture_input.py`` |
| a batch of a person's data: inputs in the network's order and types, labels | ``inputs.py`` |
| what is in pictures with boxes, in one line | ``data_card.py`` |
| anchors: k-means with IoU as the distance | ``anchors.py`` |
| bilinear resizing without antialiasing, as Darknet and OpenCV | ``bilinear.py`` |
| image files (Pillow) | ``photos.py`` |
| square crops of image files, drawn by a seed | ``crops.py`` |
| one image file: rotated as EXIF says, 8 bits a channel | ``photo_file.py`` |
| one folder per class, as torchvision's ``ImageFolder`` | ``image_folder.py`` |
| MNIST's format | ``idx.py`` |
| COCO's annotations; ``Truth`` | ``coco.py`` |
| COCO's 80 categories | ``coco_categories.py`` |
| Darknet's lists of pictures | ``darknet_lists.py`` |
| lines of label files: boxes, outlines | ``label_lines.py`` |
| ultralytics' ``data.yaml`` | ``yolo_yaml.py`` |
| Pascal VOC's XML | ``voc.py`` |
| pictures with boxes in any of these layouts | ``annotated.py`` |
| entries that cannot be used: listed, left out or refused | ``dirty.py`` |
| batches of the user's function | ``python_batches.py`` |
| digest of the first and the last batch of a function | ``batch_ends.py`` |
| running a function of the user's Python file | ``python_file.py`` |
| warnings of images that are not of the scale that a network takes | ``image_range.py`` |
| where the files are that autosplit brings | ``bundled.py`` |

Import from the modules themselves; some need torch, ``coco``, ``darknet_lists``, ``image_folder``
and ``image_range`` do not.
"""
