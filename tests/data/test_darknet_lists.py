"""Darknet's lists of pictures: boxes computed by hand, and each way in which they can be wrong."""

import pytest
from pictures import darknet_folder, picture
from PIL import ExifTags, Image

from autosplit.data.coco import Truth
from autosplit.data.darknet_lists import read_darknet_splits
from autosplit.data.dirty import LabelRules
from autosplit.errors import AutoSplitWarning, DataError


class TestReading:
    def test_boxes_are_shares_of_the_picture_about_their_centre(self, tmp_path):
        """0.25 of 40 by 0.2 of 30 pixels about (20, 15) begins at (15, 12)."""
        train, val = read_darknet_splits(darknet_folder(tmp_path))

        assert train is None
        assert val.classes == ("house", "tree")
        (path, truth), (_, empty) = val.files
        assert path == tmp_path / "images" / "val0.png"
        assert truth.boxes == (pytest.approx((15, 12, 10, 6)),)
        assert (truth.classes, truth.areas, truth.crowds) == ((1,), (pytest.approx(60),), (False,))
        assert empty == Truth(40, 30)

    def test_boxes_end_at_the_edge_of_the_picture(self, tmp_path):
        """0.4 of 30 pixels about 0 are 6 below it, half of 40 about 38 end at 58: 18 too far."""
        (darknet_folder(tmp_path) / "labels" / "val0.txt").write_text("0 0.95 0 0.5 0.4")

        (_, truth), _ = read_darknet_splits(tmp_path)[1].files
        assert truth.boxes == (pytest.approx((28, 0, 12, 6)),)
        assert truth.areas == (pytest.approx(72),)

    def test_the_data_file_names_the_lists(self, tmp_path):
        darknet_folder(darknet_folder(tmp_path, "first", 3), "second")
        (tmp_path / "other.names").write_text("a\nb\nc\n")
        (tmp_path / "my.data").write_text(
            "# mine\nclasses = 3\ntrain = first.txt\nvalid=second.txt\nnames = other.names\n"
        )

        train, val = read_darknet_splits(tmp_path)
        assert [len(part.files) for part in (train, val)] == [3, 2]
        assert val.classes == ("a", "b", "c")

    def test_labels_may_lie_beside_the_picture(self, tmp_path):
        picture(tmp_path / "a.png")
        (tmp_path / "a.txt").write_text("0 .5 .5 1 1")
        (tmp_path / "val.txt").write_text(str(tmp_path / "a.png"))

        _, val = read_darknet_splits(tmp_path)
        ((_, truth),) = val.files
        assert truth.boxes == ((0, 0, 40, 30),)

    def test_the_last_folder_of_images_has_the_labels_beside_it(self, tmp_path):
        picture(tmp_path / "images" / "images" / "a.png")
        for name, line in (("images/labels", "0 .5 .5 1 1"), ("labels/images", "1 .5 .5 1 1")):
            (tmp_path / name).mkdir(parents=True)
            (tmp_path / name / "a.txt").write_text(line)
        (tmp_path / "val.txt").write_text("images/images/a.png")

        _, val = read_darknet_splits(tmp_path)
        assert val.files[0][1].classes == (0,)

    @pytest.mark.parametrize(
        ("shown", "label"),
        [
            ("VOC2007/JPEGImages/a.png", "VOC2007/labels/a.txt"),
            ("raw/deep/a.png", "labels/deep/a.txt"),
            ("images/JPEGImages/a.png", "images/labels/a.txt"),
            ("images/a.png", "images/a.txt"),
            ("JPEGImages/a.png", "JPEGImages/a.txt"),
            ("drawn/a.png", "drawn/a.txt"),
        ],
    )
    def test_boxes_are_found_where_darknet_looks(self, tmp_path, shown, label):
        """Folders as pjreddie's ``fill_truth_detection`` has them, or the picture's own."""
        picture(tmp_path / shown)
        (tmp_path / label).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / label).write_text("0 .5 .5 1 1")
        (tmp_path / "val.txt").write_text(shown)

        _, val = read_darknet_splits(tmp_path)
        assert val.files[0][1].boxes == ((0, 0, 40, 30),)

    def test_a_file_in_the_folder_of_labels_comes_first(self, tmp_path):
        picture(tmp_path / "images" / "a.png")
        (tmp_path / "labels").mkdir()
        (tmp_path / "labels" / "a.txt").write_text("1 .5 .5 1 1")
        (tmp_path / "images" / "a.txt").write_text("0 .5 .5 1 1")
        (tmp_path / "val.txt").write_text("images/a.png")

        assert read_darknet_splits(tmp_path)[1].files[0][1].classes == (1,)

    def test_classes_without_names_may_be_those_of_coco(self, tmp_path):
        (darknet_folder(tmp_path) / "things.names").unlink()

        _, val = read_darknet_splits(tmp_path)
        assert (len(val.classes), val.classes[16]) == (80, "dog")

    def test_another_layout_is_not_read(self, tmp_path):
        assert read_darknet_splits(tmp_path) is None


class TestBadFiles:
    @pytest.mark.parametrize(
        "line", ["1 0.5 0.5 0.2", "x 0 0 1 1", "-1 0 0 1 1", "0 0.5 0.5 1.5 1", "0 nan 0 0 0"]
    )
    def test_a_line_that_is_no_box_is_shown(self, tmp_path, line):
        path = darknet_folder(tmp_path) / "labels" / "val0.txt"
        path.write_text(line)

        with pytest.raises(DataError, match=r"val0\.txt:1: must be a class and .*got ") as e:
            read_darknet_splits(tmp_path, LabelRules(strict=True))
        assert repr(line) in str(e.value)
        path.write_text(f"{line}\n0 .5 .5 1 1\n")
        with pytest.warns(AutoSplitWarning, match=r"1 entry cannot be used: .*val0\.txt:1: "):
            _, val = read_darknet_splits(tmp_path)
        assert val.files[0][1].boxes == ((0, 0, 40, 30),)

    def test_a_class_without_a_name_is_listed_and_left_out(self, tmp_path):
        labels = darknet_folder(tmp_path) / "labels" / "val0.txt"
        labels.write_text("2 .5 .5 .1 .1\n0 .5 .5 1 1\n")

        told = r"val0\.txt:1: must be a class of 0\.\.1 as named, got '2 \.5"
        with pytest.warns(AutoSplitWarning, match=told):
            _, val = read_darknet_splits(tmp_path)
        assert val.files[0][1].boxes == ((0, 0, 40, 30),)
        with pytest.raises(DataError, match=told):
            read_darknet_splits(tmp_path, LabelRules(strict=True))

    @pytest.mark.parametrize("line", ["0 .5 .5 0 .1", "0 .5 .5 .1 0", "0 .1 .1 .1 .5 .1 .9"])
    def test_a_box_without_area_is_listed_and_left_out(self, tmp_path, line):
        (darknet_folder(tmp_path) / "labels" / "val0.txt").write_text(f"{line}\n0 .5 .5 1 1\n")

        told = r"val0\.txt:1: a box must have a width and a height above 0, got "
        with pytest.warns(AutoSplitWarning, match=told):
            _, val = read_darknet_splits(tmp_path)
        assert val.files[0][1].boxes == ((0, 0, 40, 30),)

    @pytest.mark.parametrize(
        ("gone", "told"),
        [((1,), "1 of 2 pictures has no .* and counts"), ((0, 1), "2 of 2 pictures have no .*")],
    )
    def test_pictures_without_a_text_file_are_told(self, tmp_path, gone, told):
        darknet_folder(tmp_path)
        for number in gone:
            (tmp_path / "labels" / f"val{number}.txt").unlink()
        first = rf"as empty, the first would be .*labels.val{gone[0]}\.txt$"

        with pytest.warns(AutoSplitWarning, match=rf"val\.txt: {told}.*{first}"):
            _, val = read_darknet_splits(tmp_path)

        assert val.files[1][1] == Truth(40, 30)

    def test_a_missing_picture_is_named(self, tmp_path):
        (darknet_folder(tmp_path) / "images" / "val1.png").unlink()

        with pytest.raises(DataError, match=r"1 of 2 are missing, the first is .*val1\.png"):
            read_darknet_splits(tmp_path, LabelRules(strict=True))
        with pytest.warns(AutoSplitWarning, match="the others are used"):
            assert len(read_darknet_splits(tmp_path)[1].files) == 1

    def test_a_picture_that_is_none_is_named(self, tmp_path):
        (darknet_folder(tmp_path) / "images" / "val1.png").write_text("no picture")

        with pytest.raises(DataError, match=r"val1\.png: must be an image that can be read"):
            read_darknet_splits(tmp_path, LabelRules(strict=True))

    def test_an_empty_list_is_refused(self, tmp_path):
        (darknet_folder(tmp_path) / "val.txt").write_text("\n")

        with pytest.raises(DataError, match=r"val\.txt: must list pictures, lists none"):
            read_darknet_splits(tmp_path)

    def test_two_data_files_are_refused(self, tmp_path):
        darknet_folder(tmp_path)
        for name in ("a.data", "b.data"):
            (tmp_path / name).write_text("")

        with pytest.raises(DataError, match=r"must have one \.data file, has a\.data, b\.data"):
            read_darknet_splits(tmp_path)


def test_a_line_that_is_there_twice_counts_once(tmp_path):
    (darknet_folder(tmp_path) / "labels" / "val0.txt").write_text("1 .5 .5 .1 .1\n" * 2)

    with pytest.warns(AutoSplitWarning, match="1 box is there twice"):
        _, val = read_darknet_splits(tmp_path)
    assert len(val.files[0][1].boxes) == 1


def test_boxes_are_of_the_picture_as_it_is_shown(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    folder = darknet_folder(tmp_path)
    Image.new("RGB", (64, 48)).save(folder / "images" / "val0.png", exif=exif)
    (folder / "labels" / "val0.txt").write_text("0 0.5 0.25 0.4 0.2")

    _, val = read_darknet_splits(folder)
    ((_, truth), _) = val.files
    assert (truth.width, truth.height) == (48, 64)
    assert truth.boxes == (pytest.approx((14.4, 9.6, 19.2, 12.8)),)


class TestNames:
    def test_names_may_begin_at_the_folder_that_darknet_is_started_in(self, tmp_path):
        """As Darknet's own guide has them: ``data/obj.data`` names ``data/val.txt``."""
        place = darknet_folder(tmp_path / "data")
        (place / "val.txt").write_text("data/images/val0.png # of May\n# a comment\n")
        (place / "obj.data").write_text("valid = data/val.txt # mine\nnames=data/things.names\n")

        _, val = read_darknet_splits(place)

        ((path, truth),) = val.files
        assert path.samefile(place / "images" / "val0.png")
        assert (val.classes, truth.classes) == (("house", "tree"), (1,))

    def test_a_name_in_the_folder_itself_comes_first(self, tmp_path):
        place = darknet_folder(tmp_path / "data")
        (tmp_path / "val.txt").write_text("nothing.png\n")
        (place / "obj.data").write_text("valid = val.txt\n")

        _, val = read_darknet_splits(place)

        assert len(val.files) == 2

    def test_training_pictures_that_are_not_there_are_left_out(self, tmp_path):
        place = darknet_folder(tmp_path)
        (place / "train.txt").write_text("images/none.png\n")

        train, val = read_darknet_splits(place)

        assert (train, len(val.files)) == (None, 2)

    def test_a_picture_that_is_listed_twice_counts_once(self, tmp_path):
        place = darknet_folder(tmp_path, count=1)
        (place / "val.txt").write_text("images/val0.png\nimages/val0.png\n")

        with pytest.warns(AutoSplitWarning, match="1 picture is listed twice, each counts once"):
            _, val = read_darknet_splits(place)

        assert len(val.files) == 1
