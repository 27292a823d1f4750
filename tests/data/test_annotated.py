"""Every layout is found out by what is there."""

import pytest
from pictures import annotations, coco_folder, darknet_folder, picture, write_annotations

from autosplit.data.annotated import read_annotated
from autosplit.data.datasets import load_data
from autosplit.data.dirty import USUAL_RULES, LabelRules
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


LAYOUTS = [coco_folder, darknet_folder, ultralytics, voc]


@pytest.mark.parametrize("make", LAYOUTS)
@pytest.mark.parametrize("labels", [("tree", "house"), ("bird", "tree", "car", "house")])
def test_classes_are_those_of_the_network_by_their_names(tmp_path, make, labels):
    """The files number house 0 and tree 1, or by name; two numbers are read with their names."""
    place = make(tmp_path)
    usual = read_annotated(place, USUAL_RULES)[1]

    _, val = read_annotated(place, LabelRules(labels))

    assert val.classes == labels
    for (_, own), (_, numbered) in zip(usual.files, val.files, strict=True):
        names = [("house", "tree")[number] for number in own.classes]
        assert [labels[number] for number in numbered.classes] == names


@pytest.mark.parametrize("labels", [("tree", "tree"), ("tree", "bush"), ("0", "1"), ()])
def test_classes_keep_their_numbers_where_the_network_lacks_a_name(tmp_path, labels):
    _, val = read_annotated(darknet_folder(tmp_path), LabelRules(labels))

    assert val.classes == ("house", "tree")
    assert val.files[0][1].classes == (1,)


def test_one_of_the_categories_of_coco_is_found_in_a_network_of_others(tmp_path):
    """COCO's dog is number 16 of its 80, and number 1 of this network."""
    dog = [{"id": 18, "name": "dog"}]
    data = annotations(categories=dog)
    for entry in data["annotations"]:
        entry["category_id"] = 18
    write_annotations(coco_folder(tmp_path), data)

    _, val = read_annotated(tmp_path, LabelRules(("cat", "dog", "bird")))

    assert val.classes == ("cat", "dog", "bird")
    assert set(val.files[0][1].classes) == {1}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(("thing", "other"), ("thing", "other")), (("0", "1", "2"), ("0", "1", "2"))],
)
def test_a_list_without_names_has_the_classes_of_the_network(tmp_path, labels, expected):
    (darknet_folder(tmp_path) / "things.names").unlink()

    _, val = read_annotated(tmp_path, LabelRules(labels))

    assert (val.classes, val.files[0][1].classes) == (expected, (1,))
    assert len(read_annotated(tmp_path, LabelRules(("one",)))[1].classes) == 80


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
