"""COCO's annotation files: what they say by hand, and each way in which they can be wrong."""

import json
from dataclasses import asdict

import pytest
from pictures import annotations, coco_folder, picture, write_annotations

from autosplit.data.coco import Truth, clipped_box, read_coco, read_coco_splits, truth_of
from autosplit.data.coco_categories import COCO_CATEGORIES
from autosplit.data.dirty import LabelRules
from autosplit.errors import AutoSplitWarning, DataError

FIRST = Truth(
    40, 30, ((1.0, 2.0, 10.0, 20.0), (5.5, 6.0, 7.0, 8.0)), (1, 0), (150.0, 56.0), (False, True)
)


def changed(folder, change):
    """A folder whose annotation file was changed."""
    data = annotations()
    change(data)
    coco_folder(folder)
    return write_annotations(folder, data)


class TestReading:
    def test_a_file_says_what_is_where(self, tmp_path):
        coco_folder(tmp_path)
        found = read_coco(tmp_path / "annotations" / "instances_val.json", tmp_path)

        assert found.classes == ("house", "tree")
        assert found.files == (
            (tmp_path / "val" / "0.png", FIRST),
            (tmp_path / "val" / "1.png", Truth(40, 30)),
        )

    @pytest.mark.parametrize("place", ["val", "images/val", "images", "."])
    def test_pictures_are_found_where_people_put_them(self, tmp_path, place):
        picture(tmp_path / place / "0.png")
        path = write_annotations(tmp_path, annotations(1))

        ((file, _),) = read_coco(path, tmp_path).files
        assert file.samefile(tmp_path / place / "0.png")

    def test_a_truth_survives_a_file(self):
        assert truth_of(json.loads(json.dumps(asdict(FIRST)))) == FIRST


class TestCategories:
    def test_there_are_eighty_of_coco_with_their_numbers(self):
        assert len(COCO_CATEGORIES) == len(set(COCO_CATEGORIES.values())) == 80
        known = {1: "person", 11: "fire hydrant", 13: "stop sign", 18: "dog", 90: "toothbrush"}
        assert known.items() <= COCO_CATEGORIES.items()

    def test_some_of_coco_keep_the_places_that_all_of_them_have(self, tmp_path):
        """Dog is the 17th of the 80, toothbrush the last."""
        some = [{"id": 90, "name": "toothbrush"}, {"id": 18, "name": "dog"}]
        coco_folder(tmp_path, categories=some)
        data = annotations(categories=some)
        for annotation, number in zip(data["annotations"], (18, 90), strict=True):
            annotation["category_id"] = number
        path = write_annotations(tmp_path, data)

        found = read_coco(path, tmp_path)
        assert len(found.classes) == 80
        assert found.files[0][1].classes == (16, 79)


class TestSplits:
    def test_training_and_validation_pictures_are_told_apart(self, tmp_path):
        coco_folder(coco_folder(tmp_path, "train2017", 3), "val2017")

        train, val = read_coco_splits(tmp_path)
        assert [len(part.files) for part in (train, val)] == [3, 2]

    def test_training_pictures_that_are_not_there_are_left_out(self, tmp_path):
        coco_folder(tmp_path)
        write_annotations(tmp_path, annotations(5, name="t{}.png"), "train")

        train, val = read_coco_splits(tmp_path)
        assert train is None
        assert len(val.files) == 2

    def test_one_file_serves_for_validation_whatever_its_name(self, tmp_path):
        assert read_coco_splits(coco_folder(tmp_path, "mine"))[0] is None
        assert read_coco_splits(coco_folder(tmp_path / "b", "train"))[0] is None

    def test_another_layout_is_not_read(self, tmp_path):
        assert read_coco_splits(tmp_path) is None

    def test_two_files_for_validation_are_refused(self, tmp_path):
        coco_folder(coco_folder(tmp_path, "val2014"), "val2017")

        with pytest.raises(DataError, match=r"one annotation file for validation, has .*2014.json"):
            read_coco_splits(tmp_path)


def no_pictures(data):
    data["images"] = []
    data["annotations"] = []


BAD = {
    "no categories": (lambda d: d.pop("categories"), "lacks the list 'categories'"),
    "no category": (lambda d: d.update(categories=[]), "must list categories, lists none"),
    "no pictures": (no_pictures, "must list pictures, lists none"),
    "another image": (
        lambda d: d["annotations"][0].update(image_id=99),
        "annotation 1: must be of a listed image, is of image 99",
    ),
    "another category": (
        lambda d: d["annotations"][0].update(category_id=4),
        "annotation 1: must be of a listed category, is of category 4",
    ),
    "two categories of one id": (
        lambda d: d.update(categories=[*d["categories"], d["categories"][0] | {"name": "bush"}]),
        "each of categories must have an id of its own, two have ",
    ),
    "two pictures of one id": (
        lambda d: d.update(images=[*d["images"], d["images"][0] | {"file_name": "1.png"}]),
        "each of images must have an id of its own, two have ",
    ),
    "an area that is none": (
        lambda d: d["annotations"][0].update(area=-1),
        "its area must be square pixels, 0 or more, got -1",
    ),
    "no file name": (
        lambda d: d["images"][0].pop("file_name"),
        "each of images must have 'file_name', str, got None",
    ),
    "a bbox of three": (
        lambda d: d["annotations"][0].update(bbox=[1, 2, 3]),
        r"must be left, top, width and height in pixels, got \[1, 2, 3\]",
    ),
    "a bbox that is NaN": (
        lambda d: d["annotations"][0].update(bbox=[1, 2, 3, float("nan")]),
        "must be left, top, width and height in pixels",
    ),
    "a negative width": (
        lambda d: d["annotations"][0].update(bbox=[1, 2, -3, 4]),
        "width and height of 0 or more",
    ),
    "a missing picture": (
        lambda d: d["images"][1].update(file_name="gone.png"),
        r"1 of 2 are missing, the first is .*gone\.png",
    ),
}


class TestBadFiles:
    @pytest.mark.parametrize("name", BAD)
    def test_what_is_wrong_is_said_in_one_line(self, tmp_path, name):
        change, text = BAD[name]
        path = changed(tmp_path, change)

        with pytest.raises(DataError, match=text) as caught:
            read_coco(path, tmp_path, LabelRules(strict=True))
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("text", ["{", "[]", '"a"', "\xff"])
    def test_a_file_that_is_no_annotations_is_refused(self, tmp_path, text):
        path = tmp_path / "a.json"
        path.write_bytes(text.encode("latin-1"))

        with pytest.raises(DataError, match=r"a\.json: must be"):
            read_coco(path, tmp_path)


class TestWhatIsLeftOut:
    @pytest.mark.parametrize("key", ["bbox", "category_id", "image_id"])
    def test_an_annotation_that_cannot_be_used_is_listed_and_left_out(self, tmp_path, key):
        path = changed(tmp_path, lambda d: d["annotations"][0].update({key: None}))

        with pytest.warns(AutoSplitWarning, match="1 entry cannot be used: .*; it is left"):
            found = read_coco(path, tmp_path)

        assert len(found.files[0][1].boxes) == 1

    def test_part_of_a_split_is_used(self, tmp_path):
        path = changed(tmp_path, lambda d: d["images"][1].update(file_name="gone.png"))

        with pytest.warns(AutoSplitWarning, match="1 of 2 are missing, .*; the others are used"):
            assert len(read_coco(path, tmp_path).files) == 1

    def test_a_box_that_is_there_twice_counts_once(self, tmp_path):
        path = changed(tmp_path, lambda d: d["annotations"].append(d["annotations"][0] | {"id": 9}))

        with pytest.warns(AutoSplitWarning, match="1 box is there twice and counts once"):
            assert len(read_coco(path, tmp_path).files[0][1].boxes) == 2

    def test_a_picture_that_is_there_twice_counts_once(self, tmp_path):
        """Its boxes are those of both entries, each once."""

        def double(data):
            data["images"].append(data["images"][0] | {"id": 99, "file_name": "./0.png"})
            again = data["annotations"][0] | {"id": 8, "image_id": 99}
            other = {"id": 9, "image_id": 99, "category_id": 3, "bbox": [0, 0, 4, 5]}
            data["annotations"] += [again, other]

        path = changed(tmp_path, double)
        with pytest.warns(AutoSplitWarning) as told:
            found = read_coco(path, tmp_path)

        assert [file.name for file, _ in found.files] == ["0.png", "1.png"]
        assert found.files[0][1].boxes == (*FIRST.boxes, (0, 0, 4, 5))
        texts = [str(one.message) for one in told]
        assert texts == [
            f"{path}: 1 picture is listed twice, each counts once",
            f"{path}: 1 box is there twice and counts once",
        ]

    def test_a_picture_without_a_size_that_is_broken_is_listed_and_left_out(self, tmp_path):
        path = changed(tmp_path, lambda d: d["images"][0].pop("width"))
        (tmp_path / "val" / "0.png").write_text("no picture")

        told = r"1 entry cannot be used: .*0\.png: must be an image that can be read"
        with pytest.warns(AutoSplitWarning, match=told):
            found = read_coco(path, tmp_path)

        assert [file.name for file, _ in found.files] == ["1.png"]


def test_a_missing_picture_without_a_size_is_missing_and_its_boxes_are_not_wrong(tmp_path):
    path = changed(tmp_path, lambda d: d["images"][0].pop("width"))
    (tmp_path / "val" / "0.png").unlink()

    with pytest.warns(AutoSplitWarning) as told:
        found = read_coco(path, tmp_path)

    assert [file.name for file, _ in found.files] == ["1.png"]
    assert ["1 of 2 are missing" in str(one.message) for one in told] == [True]


@pytest.mark.parametrize("left_out", [{}, {"width": None}, {"width": 0, "height": 0}])
def test_a_size_that_is_left_out_is_that_of_the_picture(tmp_path, left_out):
    path = changed(tmp_path, lambda d: d["images"][0].update(left_out))

    assert read_coco(path, tmp_path).files[0][1] == FIRST


@pytest.mark.parametrize("box", [{}, {"bbox": None}, {"bbox": []}])
def test_an_object_without_a_box_has_that_of_its_polygons(tmp_path, box):
    """x from 1 to 11 and y from 2 to 22, over two polygons."""

    def outline(data):
        del data["annotations"][0]["bbox"]
        polygons = [[1, 5, 6, 2, 6, 9], [6, 9, 11, 22, 7, 9]]
        data["annotations"][0].update(segmentation=polygons, **box)

    assert read_coco(changed(tmp_path, outline), tmp_path).files[0][1] == FIRST


@pytest.mark.parametrize(
    "outline", [None, [], [[]], [7], [[1, 2, 3]], [[1, 2, 3, 4]], {"counts": [1]}, [["a"] * 6]]
)
def test_an_outline_that_is_no_polygon_is_no_box(tmp_path, outline):
    def spoil(data):
        del data["annotations"][0]["bbox"]
        data["annotations"][0]["segmentation"] = outline

    with pytest.warns(AutoSplitWarning, match="must have 'bbox'"):
        found = read_coco(changed(tmp_path, spoil), tmp_path)
    assert found.files[0][1].boxes == FIRST.boxes[1:]


def test_a_file_name_may_have_backslashes(tmp_path):
    path = changed(tmp_path, lambda d: d["images"][0].update(file_name="x\\0.png"))
    picture(tmp_path / "val" / "x" / "0.png")
    (tmp_path / "val" / "0.png").unlink()

    assert read_coco(path, tmp_path).files[0][0] == tmp_path / "val" / "x" / "0.png"


def as_texts(data):
    for entry in data["images"]:
        entry["id"] = str(entry["id"])
    for entry in data["annotations"]:
        entry["category_id"] = str(entry["category_id"])


def with_root(data):
    for entry in data["categories"]:
        entry["supercategory"] = "things"
    data["categories"].insert(0, {"id": 0, "name": "things", "supercategory": "none"})


@pytest.mark.parametrize("change", [as_texts, with_root, lambda d: d["annotations"][0].pop("area")])
def test_what_tools_write_is_read_alike(tmp_path, change):
    """Ids are texts here and numbers there; a root category stands above all; areas are missing."""
    want = read_coco(changed(tmp_path / "a", lambda _: None), tmp_path / "a")

    found = read_coco(changed(tmp_path / "b", change), tmp_path / "b")

    assert found.classes == want.classes == ("house", "tree")
    assert found.files[0][1].classes == want.files[0][1].classes
    assert found.files[0][1].boxes == want.files[0][1].boxes


def test_a_byte_order_mark_is_no_matter(tmp_path):
    path = changed(tmp_path, lambda _: None)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert len(read_coco(path, tmp_path).files) == 2


@pytest.mark.parametrize(("labels", "count"), [((), 80), (("person",), 1), (("a", "b"), 80)])
def test_one_category_of_coco_suits_a_network_of_one_class(tmp_path, labels, count):
    def one(data):
        data.update(categories=[{"id": 1, "name": "person"}])
        for entry in data["annotations"]:
            entry["category_id"] = 1

    found = read_coco(changed(tmp_path, one), tmp_path, LabelRules(labels))

    assert len(found.classes) == count
    assert found.classes[0] == "person"


class TestNumbers:
    @pytest.mark.parametrize(
        ("where", "key", "value"),
        [
            ("annotations", "image_id", 10.0),
            ("annotations", "category_id", "7"),
            ("annotations", "bbox", ["1", "2", "10", "20"]),
            ("annotations", "area", "150"),
            ("annotations", "iscrowd", "0"),
            ("annotations", "iscrowd", None),
            ("images", "width", 40.0),
            ("images", "height", "30"),
        ],
    )
    def test_a_number_may_be_written_as_a_text_or_with_a_point(self, tmp_path, where, key, value):
        path = changed(tmp_path, lambda data: data[where][0].update({key: value}))

        assert read_coco(path, tmp_path).files[0][1] == FIRST

    @pytest.mark.parametrize(
        ("key", "value", "told"),
        [
            ("bbox", [1, 2, 10, 10**400], "its bbox must be left, top, width and height"),
            ("bbox", [1, 2, 10, [20]], "its bbox must be left, top, width and height"),
            ("bbox", [41, 2, 10, 20], "0.png: each box must touch its picture of 40x30 pixels"),
            ("bbox", [1, 31, 10, 20], "0.png: each box must touch its picture of 40x30 pixels"),
            ("bbox", [-11, 2, 10, 20], "0.png: each box must touch its picture of 40x30 pixels"),
            ("bbox", [1, -21, 10, 20], "0.png: each box must touch its picture of 40x30 pixels"),
            ("area", "large", "its area must be square pixels"),
            ("area", 10**400, "its area must be square pixels"),
        ],
    )
    def test_a_box_that_is_none_or_lies_outside_is_left_out(self, tmp_path, key, value, told):
        path = changed(tmp_path, lambda data: data["annotations"][0].update({key: value}))

        with pytest.warns(AutoSplitWarning, match=told):
            found = read_coco(path, tmp_path)

        assert found.files[0][1].boxes == FIRST.boxes[1:]

    def test_a_box_over_the_border_is_kept_as_it_is(self, tmp_path):
        path = changed(tmp_path, lambda data: data["annotations"][0].update(bbox=[39, 29, 10, 20]))

        assert read_coco(path, tmp_path).files[0][1].boxes[0] == (39, 29, 10, 20)

    def test_a_file_that_nests_without_end_is_refused(self, tmp_path):
        (tmp_path / "a.json").write_text("[" * 100_000)

        with pytest.raises(DataError, match=r"a\.json: must be a readable JSON file"):
            read_coco(tmp_path / "a.json", tmp_path)


class TestServices:
    """What labelling services export: a file among the pictures of each split."""

    def test_each_folder_has_its_file(self, tmp_path):
        for split, count in (("train", 3), ("valid", 2), ("test", 1)):
            for k in range(count):
                picture(tmp_path / split / f"{k}.png")
            data = json.dumps(annotations(count))
            (tmp_path / split / "_annotations.coco.json").write_text(data)

        train, val = read_coco_splits(tmp_path)

        assert [len(part.files) for part in (train, val)] == [3, 2]
        assert val.files[0] == (tmp_path / "valid" / "0.png", FIRST)

    def test_a_folder_of_training_pictures_alone_is_another_layout(self, tmp_path):
        picture(tmp_path / "train" / "0.png")
        (tmp_path / "train" / "a.json").write_text(json.dumps(annotations(1)))

        assert read_coco_splits(tmp_path) is None


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((-5, 2, 10, 9), (0, 2, 5, 9)),
        ((2, -5, 9, 10), (2, 0, 9, 5)),
        ((35, 25, 10, 10), (35, 25, 5, 5)),
        ((0.1, 0.2, 0.3, 0.4), (0.1, 0.2, 0.3, 0.4)),
    ],
)
def test_a_box_may_be_partly_outside(box, inside):
    assert clipped_box("a.json", box, (40, 30)) == inside


def test_an_annotation_without_an_id_has_its_place_and_the_file_is_told_once(tmp_path):
    def spoil(data):
        del data["annotations"][1]["id"], data["annotations"][1]["bbox"]

    path = changed(tmp_path, spoil)
    with pytest.warns(AutoSplitWarning) as told:
        read_coco(path, tmp_path)

    (text,) = [str(one.message) for one in told]
    assert text.count(str(path)) == 1
    assert "cannot be used: annotation at place 2: each of annotations must have 'bbox'" in text


@pytest.mark.parametrize("box", [(-11, 2, 10, 9), (2, -11, 9, 10), (41, 2, 9, 9), (2, 31, 9, 9)])
def test_a_box_wholly_outside_is_refused(box):
    with pytest.raises(DataError, match="must touch its picture of 40x30 pixels"):
        clipped_box("a.json", box, (40, 30))


def test_a_picture_that_is_listed_twice_counts_once(tmp_path):
    folder = changed(tmp_path, lambda d: d.update(images=d["images"] * 2))

    with pytest.warns(AutoSplitWarning, match="2 pictures are listed twice, each counts once"):
        found = read_coco(folder, tmp_path)

    assert [path.name for path, _ in found.files] == ["0.png", "1.png"]
    assert found.files[0][1] == FIRST


def test_boxes_in_shares_of_the_picture_are_refused(tmp_path):
    def as_shares(data):
        for annotation in data["annotations"]:
            annotation["bbox"] = [0.1, 0.2, 0.5, 0.8]

    with pytest.raises(DataError, match="must be in pixels, all are within the first pixel"):
        read_coco(changed(tmp_path, as_shares), tmp_path)


def test_boxes_in_shares_are_refused_also_where_a_picture_without_a_size_is_missing(tmp_path):
    def as_shares(data):
        del data["images"][1]["width"]
        for annotation in data["annotations"]:
            annotation["bbox"] = [0.1, 0.2, 0.5, 0.8]
        data["annotations"].append(data["annotations"][0] | {"image_id": data["images"][1]["id"]})

    path = changed(tmp_path, as_shares)
    (tmp_path / "val" / "1.png").unlink()

    with pytest.raises(DataError, match="must be in pixels, all are within the first pixel"):
        read_coco(path, tmp_path)


def test_one_box_beyond_the_first_pixel_is_in_pixels(tmp_path):
    folder = changed(tmp_path, lambda d: d["annotations"][0].update(bbox=[0.1, 0.1, 0.5, 0.5]))

    assert len(read_coco(folder, tmp_path).files[0][1].boxes) == 2
