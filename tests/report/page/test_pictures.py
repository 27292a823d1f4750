"""Pictures of a detector become small JPEG files in the page."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from autosplit.errors import DataError
from autosplit.report.page.pictures import PICTURE_BYTES, PagePicture, pictures_words, read_pictures


@pytest.fixture
def folder(tmp_path):
    """A wide picture, a small one, and the table that stands beside them."""
    numbers = np.random.default_rng(0).integers(0, 256, (300, 1760, 3), np.uint8)
    Image.fromarray(numbers).save(tmp_path / "b.png")
    Image.new("RGB", (40, 20), "red").save(tmp_path / "a.png")
    (tmp_path / "detections.csv").write_text("picture\n")
    return tmp_path


def test_pictures_are_shrunk_to_the_width_of_the_page_in_order_of_their_names(folder):
    first, second = read_pictures(folder)
    assert (first.name, first.width, first.height) == ("a", 40, 20)
    assert (second.name, second.width, second.height) == ("b", 880, 150)
    with Image.open(io.BytesIO(second.jpeg)) as opened:
        assert (opened.format, opened.size) == ("JPEG", (880, 150))


def test_the_page_carries_the_bytes(folder):
    pictures = read_pictures(folder)
    found = re.findall(r"data:image/jpeg;base64,([^\"]+)", pictures_words(pictures))
    assert [base64.b64decode(one) for one in found] == [one.jpeg for one in pictures]


def test_what_would_be_too_large_is_left_out_and_counted():
    large = PagePicture("large", b"x" * (PICTURE_BYTES - 5), 1, 1)
    small = PagePicture("small", b"y" * 6, 1, 1)
    text = pictures_words([large, small, PagePicture("<i>", b"z", 1, 1)])
    assert "1 picture more would make the page too large" in text
    assert "small" not in text
    assert "&lt;i&gt;" in text


def test_a_folder_without_pictures_and_a_broken_file_are_refused(tmp_path):
    with pytest.raises(DataError, match="must hold pictures"):
        read_pictures(tmp_path)
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"x\.png: must be a picture"):
        read_pictures(tmp_path)
