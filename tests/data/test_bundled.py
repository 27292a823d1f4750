"""Files that come along are there, with their licences."""

import pytest

from autosplit.data import bundled


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        (bundled.BUNDLED, "fashion_resnet.safetensors"),
        (bundled.FASHION_MNIST, "t10k-images-idx3-ubyte.gz"),
        (bundled.FASHION_MNIST, "LICENSE"),
        (bundled.SCENES, "scenes.cfg"),
        (bundled.SCENES, "scenes.safetensors"),
        (bundled.DARKNET, "yolov3-tiny.cfg"),
        (bundled.DARKNET, "coco.names"),
    ],
)
def test_a_file_is_where_its_folder_says(folder, name):
    assert (folder / name).stat().st_size > 0
