"""The command ``anchors``."""

from autosplit.cli.app import main


def test_anchors_of_the_bundled_scenes_are_printed_as_a_cfg_file_takes_them(capsys):
    line = "anchors --data scenes --clusters 3 --input-size 256 --preprocess alexeyab"
    assert main(line.split()) == 0

    card, seen, anchors, counts, overlap = capsys.readouterr().out.splitlines()
    assert card.startswith("data: 48 pictures, ")
    assert seen == "input: whole pictures stretched to 256x256 (--preprocess alexeyab), RGB in 0..1"
    pairs = [pair.split(",") for pair in anchors.removeprefix("anchors = ").split(", ")]
    assert len(pairs) == 3
    assert all(8 <= int(side) <= 256 for pair in pairs for side in pair)
    boxes = int(card.split("pictures, ")[1].split(" ")[0].replace(",", ""))
    assert sum(map(int, counts.split(": ")[1].split(", "))) == boxes
    assert 50 < float(overlap.split()[-2]) <= 100


def test_data_without_boxes_are_an_error(tmp_path, capsys):
    assert main(["anchors", "--data", f"coco:{tmp_path}"]) == 1

    assert "must hold annotations" in capsys.readouterr().err
