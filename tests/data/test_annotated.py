"""Every layout is found out by what is there."""

import pytest
from pictures import coco_folder, darknet_folder, picture

from autosplit.data.annotated import read_annotated
from autosplit.data.datasets import load_data
from autosplit.data.dirty import USUAL_RULES
from autosplit.data.preprocess import Letterbox
from autosplit.errors import AutoSplitWarning, DataError


def ultralytics(folder):
    picture(folder / "images" / "a.png")
    (folder / "images" / "a.txt").touch()
    (folder / "data.yaml").write_text("val: images\nnames: [house, tree]\n")
    return folder


def voc(folder):
    picture(folder / "JPEGImages" / "a.png")
    (folder / "Annotations").mkdir()
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox>"
    objects = "".join(f"<object><name>{n}</name>{box}</object>" for n in ("house", "tree"))
    size = "<size><width>40</width><height>30</height></size>"
    text = f"<annotation><filename>a.png</filename>{size}{objects}</annotation>"
    (folder / "Annotations" / "a.xml").write_text(text)
    return folder


def data_file(folder):
    (darknet_folder(folder) / "my.data").write_text("valid=val.txt\nnames=things.names\n")
    return folder / "my.data"


@pytest.mark.parametrize(
    "make",
    [
        coco_folder,
        lambda folder: coco_folder(folder) / "annotations" / "instances_val.json",
        darknet_folder,
        data_file,
        ultralytics,
        lambda folder: ultralytics(folder) / "data.yaml",
        voc,
    ],
)
def test_a_layout_is_read(tmp_path, make):
    _, val = read_annotated(make(tmp_path), USUAL_RULES)

    assert val.classes == ("house", "tree")
    assert all(path.is_file() for path, _ in val.files)


def test_all_that_is_left_out_of_a_data_set_is_listed(tmp_path):
    place = darknet_folder(tmp_path)
    (place / "labels" / "val0.txt").write_text("0 2 2 2 2\n" * 5)
    with pytest.warns(AutoSplitWarning, match="and 2 more"):
        data = load_data(f"coco:{place}", Letterbox((32, 32)))

    assert [entry.partition(": ")[0] for entry in data.left_out] == [
        f"{place / 'labels' / 'val0.txt'}:{line}" for line in range(1, 6)
    ]


def test_what_is_in_no_layout_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"must hold annotations/instances_NAME\.json"):
        read_annotated(tmp_path, USUAL_RULES)
    with pytest.raises(DataError, match="must be a folder of annotated pictures, there is none"):
        read_annotated(tmp_path / "none", USUAL_RULES)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"must be a folder, FILE\.json"):
        read_annotated(tmp_path / "a.txt", USUAL_RULES)
