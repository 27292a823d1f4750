"""What ``--source`` names."""

from pathlib import Path

import pytest

from autosplit.detect.sources import DetectSource, detect_sources, drawing_names
from autosplit.errors import DataError


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("p/a.jpg", "p/b.PNG", "p/deep/a.jpg", "p/deep/c.mp4", "p/notes.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()


@pytest.mark.parametrize(
    ("source", "labels"),
    [
        ("p", ["a.jpg", "b.PNG", "deep/a.jpg", "deep/c.mp4"]),
        ("p/*.jpg", ["a.jpg"]),
        ("p/**/*.jpg", ["p/a.jpg", "deep/a.jpg"]),
        ("p/b.PNG", ["b.PNG"]),
        ("7", ["camera 7"]),
        ("rtsp://there/1", ["stream"]),
    ],
)
def test_a_source_is_listed_in_the_order_of_names(source, labels):
    assert [one.label for one in detect_sources(source)] == labels


def test_a_folder_named_like_a_picture_is_a_folder(tmp_path):
    (tmp_path / "p" / "sub.jpg").mkdir()
    (tmp_path / "p" / "gone.jpg").symlink_to("nowhere.jpg")

    labels = [one.label for one in detect_sources("p")]
    assert labels == ["a.jpg", "b.PNG", "deep/a.jpg", "deep/c.mp4", "gone.jpg"]


def test_a_folder_that_may_not_be_read_is_an_error(monkeypatch):
    def refused(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(DataError, match=r"p: must be a folder that can be read, Permission denied"):
        detect_sources("p")


def test_two_files_of_one_name_have_their_folders_in_it(tmp_path):
    """A file that is listed twice is the same file."""
    lines = ["a/x/1.png", "b/x/1.png", "b/y/1.png", "2.png", "2.png", str(tmp_path / "3.png")]
    for line in lines:
        (tmp_path / line).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / line).touch()
    (tmp_path / "list.TXT").write_text("\n".join(lines))

    labels = [one.label for one in detect_sources("list.TXT")]

    assert labels == ["a/x/1.png", "b/x/1.png", "y/1.png", "2.png", "2.png", "3.png"]


def test_a_list_names_files_beside_it_or_from_here(tmp_path):
    (tmp_path / "p" / "list.txt").write_text("b.PNG\n\np/a.jpg\n")

    assert [one.place for one in detect_sources("p/list.txt")] == ["p/b.PNG", "p/a.jpg"]


def test_videos_cameras_and_streams_have_frames():
    kinds = {
        one.label: (one.is_video, one.is_live)
        for source in ("p", "0", "rtsp://x")
        for one in detect_sources(source)
    }

    assert kinds["a.jpg"] == (False, False)
    assert kinds["deep/c.mp4"] == (True, False)
    assert kinds["camera 0"] == kinds["stream"] == (True, True)


def test_a_list_may_have_comments_and_blank_lines(tmp_path):
    (tmp_path / "#1.jpg").touch()
    (tmp_path / "list.txt").write_text("# photos\n\n  p/a.jpg  # a\n\t\n#1.jpg\n #none.jpg\n")

    assert [one.label for one in detect_sources("list.txt")] == ["a.jpg", "#1.jpg"]


def test_a_file_named_like_a_pattern_is_a_file(tmp_path):
    (tmp_path / "a[1].jpg").touch()

    assert [one.place for one in detect_sources("a[1].jpg")] == ["a[1].jpg"]


@pytest.mark.parametrize("source", ["none", "p/*.webp", "empty.txt", "bare"])
def test_nothing_is_an_error(tmp_path, source):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "bare").mkdir()

    with pytest.raises(DataError, match=r"there (is|are) none"):
        detect_sources(source)


def test_no_drawing_overwrites_another():
    labels = ["a.jpg", "a.png", "b.jpg", "d/b.png", "x/c.png", "x/c.png"]

    names = drawing_names([DetectSource(label, label) for label in labels])
    assert names == ("a.jpg", "a.png", "b", "d_b", "x_c.png_4", "x_c.png_5")


def test_the_end_of_a_name_may_be_in_capitals(tmp_path):
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "A.MP4").touch()

    (found,) = detect_sources("q")

    assert (found.label, found.is_video) == ("A.MP4", True)


@pytest.mark.parametrize("suffix", "ts wmv WMV mts flv mpg mpeg ogv 3gp vob".split())
def test_a_video_may_be_in_any_container_that_opencv_opens(tmp_path, suffix):
    for name in (f"a.{suffix}", f"q/b.{suffix}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    found = [*detect_sources(f"a.{suffix}"), *detect_sources("q"), *detect_sources(f"a*{suffix}")]

    assert [one.is_video for one in found] == [True] * 3


def test_a_folder_that_a_pattern_matches_is_no_picture(tmp_path):
    (tmp_path / "p" / "z.jpg").mkdir()

    assert [one.label for one in detect_sources("p/*.jpg")] == ["a.jpg"]
