"""The command ``anchors``."""

from __future__ import annotations

from pathlib import Path


def anchors_command(
    data: str, clusters: int = 9, input_size: int = 416, preprocess: str = "darknet", seed: int = 0
) -> None:
    """Find anchors for a data set with boxes: k-means with 1 - IoU as the distance.

    Example: autosplit anchors --data coco:DIR --clusters 9 --input-size 416
    """
    from autosplit.data.anchors import find_anchors, input_sizes
    from autosplit.data.annotated import read_annotated
    from autosplit.data.asked_preprocess import described
    from autosplit.data.bundled import SCENES
    from autosplit.data.data_card import data_card
    from autosplit.data.dirty import USUAL_RULES
    from autosplit.data.preprocess import Letterbox

    path = SCENES if data == "scenes" else Path(data.removeprefix("coco:"))
    train, val = read_annotated(path, USUAL_RULES)
    pictures = train or val
    truths = [truth for _, truth in pictures.files]
    size = (input_size, input_size)
    sizes = input_sizes(truths, size, preprocess)
    print(f"data: {data_card(truths, pictures.classes)}")
    print(f"input: {described(Letterbox(size, preprocess))}")
    print(find_anchors(sizes, clusters, seed))
