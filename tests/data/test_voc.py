"""Pascal VOC's annotations, by hand."""

import pytest
from pictures import picture

from autosplit.data.dirty import USUAL_RULES, LabelRules
from autosplit.data.voc import read_voc_splits
from autosplit.errors import AutoSplitWarning, DataError

OBJECT = (
    "<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>1</xmin><ymin>3</ymin>"
    "<xmax>{}</xmax><ymax>12</ymax></bndbox></object>"
)


def annotate(folder, stem, *objects):
    picture(folder / "JPEGImages" / f"{stem}.png")
    (folder / "Annotations").mkdir(exist_ok=True)
    (folder / "Annotations" / f"{stem}.xml").write_text(
        f"<annotation><filename>{stem}.png</filename><size><width>40</width><height>30</height>"
        f"</size>{''.join(objects)}</annotation>"
    )
    return folder


def test_pixels_count_from_one_and_the_last_belongs_to_the_box(tmp_path):
    annotate(tmp_path, "a", OBJECT.format("dog", 0, 40), OBJECT.format("cat", 1, 10))

    train, val = read_voc_splits(tmp_path, USUAL_RULES)

    ((path, truth),) = val.files
    assert train is None
    assert path == tmp_path / "JPEGImages" / "a.png"
    assert val.classes == ("cat", "dog")
    assert truth.boxes == ((0, 2, 40, 10), (0, 2, 10, 10))
    assert (truth.classes, truth.crowds) == ((1, 0), (False, True))


def test_splits_are_listed_and_the_network_numbers_the_classes(tmp_path):
    for stem in "abc":
        annotate(tmp_path, stem, OBJECT.format("cat", 0, 10))
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("a\nb\n")
    (tmp_path / "ImageSets" / "Main" / "val.txt").write_text("c\n")

    train, val = read_voc_splits(tmp_path, LabelRules(("dog", "cat")))

    assert [len(part.files) for part in (train, val)] == [2, 1]
    assert val.classes == ("dog", "cat")
    assert val.files[0][1].classes == (1,)


def test_a_picture_that_a_split_lists_twice_counts_once(tmp_path):
    annotate(tmp_path, "a", OBJECT.format("cat", 0, 10))
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "val.txt").write_text("a\na\n")

    with pytest.warns(AutoSplitWarning, match="1 picture is listed twice, each counts once"):
        _, val = read_voc_splits(tmp_path, USUAL_RULES)

    assert len(val.files) == 1


def test_a_wrong_object_is_left_out_or_refused(tmp_path):
    annotate(tmp_path, "a", OBJECT.format("dog", 0, 0), OBJECT.format("dog", 0, 9))

    with pytest.warns(AutoSplitWarning, match=r"a\.xml: object 1: must have a name and a box"):
        _, val = read_voc_splits(tmp_path, USUAL_RULES)
    assert len(val.files[0][1].boxes) == 1
    with pytest.raises(DataError, match="object 1"):
        read_voc_splits(tmp_path, LabelRules(strict=True))


@pytest.mark.parametrize("text", ["<a", "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "<a/>"])
def test_another_xml_file_is_refused(tmp_path, text):
    annotate(tmp_path, "a")
    (tmp_path / "Annotations" / "a.xml").write_text(text)

    with pytest.raises(DataError, match=r"a\.xml: must "):
        read_voc_splits(tmp_path, LabelRules(strict=True))


def test_another_layout_is_not_read(tmp_path):
    assert read_voc_splits(tmp_path, USUAL_RULES) is None


def written(folder, text):
    """An annotation of one picture of 40 x 30 pixels, as its text is given."""
    picture(folder / "JPEGImages" / "a.png")
    (folder / "Annotations").mkdir()
    (folder / "Annotations" / "a.xml").write_text(f"<annotation>{text}</annotation>")
    return folder


SIZE = "<size><width>40</width><height>30</height></size>"


def box(xmin, ymin, xmax, ymax):
    sides = zip(("xmin", "ymin", "xmax", "ymax"), (xmin, ymin, xmax, ymax), strict=True)
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in sides)
    return f"<object><name>dog</name><bndbox>{inner}</bndbox></object>"


def test_pixels_that_count_from_zero_are_clipped(tmp_path):
    _, val = read_voc_splits(written(tmp_path, SIZE + box(0, 0, 40, 30)), USUAL_RULES)

    assert val.files[0][1].boxes == ((0, 0, 40, 30),)


@pytest.mark.parametrize(
    "sides", [("nan", 1, 9, 9), (1, 1, "inf", 9), (9, 1, 1, 9), (41.5, 1, 50, 9), (1, 32, 9, 40)]
)
def test_a_box_that_is_none_or_lies_outside_is_left_out(tmp_path, sides):
    with pytest.warns(AutoSplitWarning, match=r"a\.xml: object 1: "):
        _, val = read_voc_splits(written(tmp_path, SIZE + box(*sides)), USUAL_RULES)

    assert val.files[0][1].boxes == ()


def test_an_object_that_is_there_twice_counts_once(tmp_path):
    with pytest.warns(AutoSplitWarning, match="1 box is there twice"):
        _, val = read_voc_splits(written(tmp_path, SIZE + 2 * box(1, 1, 9, 9)), USUAL_RULES)

    assert val.files[0][1].boxes == ((0, 0, 9, 9),)


@pytest.mark.parametrize("name", ["", "a", "a.png", "C:\\data\\a.png", "/data/a.png", "b.jpg"])
def test_the_picture_of_a_file_is_found_by_its_name_or_that_of_the_file(tmp_path, name):
    text = f"<filename>{name}</filename>{SIZE}{box(1, 1, 9, 9)}"
    _, val = read_voc_splits(written(tmp_path, text), USUAL_RULES)

    assert val.files[0][0] == tmp_path / "JPEGImages" / "a.png"


@pytest.mark.parametrize("size", ["", "<size><width>0</width><height>0</height></size>"])
def test_a_size_that_a_tool_left_out_is_the_pictures(tmp_path, size):
    _, val = read_voc_splits(written(tmp_path, size + box(1, 1, 9, 9)), USUAL_RULES)

    assert (val.files[0][1].width, val.files[0][1].height) == (40, 30)


def test_difficult_may_be_a_word(tmp_path):
    text = SIZE + box(1, 1, 9, 9).replace("<bndbox>", "<difficult>True</difficult><bndbox>")
    _, val = read_voc_splits(written(tmp_path, text), USUAL_RULES)

    assert val.files[0][1].crowds == (True,)


def test_training_pictures_that_are_not_there_are_left_out(tmp_path):
    for stem in "ab":
        annotate(tmp_path, stem, OBJECT.format("cat", 0, 10))
    (tmp_path / "JPEGImages" / "a.png").unlink()
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("a\n")
    (tmp_path / "ImageSets" / "Main" / "val.txt").write_text("b\n")

    train, val = read_voc_splits(tmp_path, USUAL_RULES)

    assert (train, len(val.files)) == (None, 1)


def test_a_list_of_a_class_lists_pictures_without_it_too(tmp_path):
    """Lines of such lists end in 1 or, without an object of the class, in -1."""
    for stem in "abc":
        annotate(tmp_path, stem, OBJECT.format("cat", 0, 10))
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "val.txt").write_text("a  1\nb -1\n\nd  1\n")

    _, val = read_voc_splits(tmp_path, USUAL_RULES)

    assert [path.stem for path, _ in val.files] == ["a", "b"]


def test_boxes_over_the_edge_are_clipped(tmp_path):
    text = SIZE + box(31, 21, 99, 99)  # of 40 x 30 pixels
    _, val = read_voc_splits(written(tmp_path, text), USUAL_RULES)

    assert val.files[0][1].boxes == ((30, 20, 10, 10),)


def test_boxes_in_shares_of_the_picture_are_refused(tmp_path):
    share = OBJECT.format("dog", 0, ".9").replace("3<", ".2<").replace("1<", ".1<")
    annotate(tmp_path, "a", share.replace("12<", ".8<"))

    with pytest.raises(DataError, match="must be in pixels, all are within the first pixel"):
        read_voc_splits(tmp_path, USUAL_RULES)
