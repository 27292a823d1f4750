"""The figure of a detector's boxes."""

import io

from PIL import Image

from autosplit.files import write_csv
from autosplit.report.box_figure import box_figure


def test_networks_stand_side_by_side_with_curve_and_confusion(tmp_path):
    curves = [
        {"name": name, "class": label, "recall": recall, "precision": 1 - recall / 2}
        for name in ("float", "a", "b")
        for label in ("cat", "dog")
        for recall in (0, 0.5, 1)
    ]
    write_csv(tmp_path / "precision_recall.csv", ["name", "class", "recall", "precision"], curves)
    pairs = [("cat", "cat", 5), ("cat", "dog", 2), ("dog", "background", 1)]
    rows = [
        {"name": name, "there": there, "found": found, "boxes": boxes}
        for name in ("float", "a", "b")
        for there, found, boxes in pairs
    ]
    write_csv(tmp_path / "confusion.csv", ["name", "there", "found", "boxes"], rows)

    figure = box_figure(tmp_path, ["float", "b", "none"])
    curve, other, square, _ = figure.axes
    assert (curve.get_title(), other.get_title()) == ("float", "b")
    assert [list(line.get_ydata()) for line in curve.lines] == [[1, 0.75, 0.5]] * 3
    assert sorted(text.get_text() for text in square.texts) == ["1", "2", "5"]
    assert [tick.get_text() for tick in square.get_yticklabels()] == ["cat", "dog", "background"]
    with Image.open(io.BytesIO(figure.png())) as picture:
        assert picture.width > picture.height


def test_pictures_where_no_box_has_to_be_found_have_a_figure_too(tmp_path):
    write_csv(tmp_path / "precision_recall.csv", ["name", "class", "recall", "precision"], [])
    rows = [{"name": "float", "there": "background", "found": "cat", "boxes": 7}]
    write_csv(tmp_path / "confusion.csv", ["name", "there", "found", "boxes"], rows)

    curve, square = box_figure(tmp_path, ["float", "a"]).axes

    assert [text.get_text() for text in curve.texts] == ["no box has to be found"]
    assert [text.get_text() for text in square.texts] == ["7"]
    assert box_figure(tmp_path, ["none"]).png()
