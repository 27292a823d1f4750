"""The video that README shows: its frames slide over the bundled scenes."""

import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments"))
detect_clip = pytest.importorskip("detect_clip")


def test_the_frames_slide_from_the_first_scene_to_the_last():
    frames = detect_clip.clip()

    assert {frame.size for frame in frames} == {(256, 256)}
    assert len(frames) == 5  # 3 scenes, 2 steps from one to the next
    left, right = frames[0].crop((128, 0, 256, 256)), frames[1].crop((0, 0, 128, 256))
    assert left.tobytes() == right.tobytes()


def test_a_figure_is_a_gif_of_all_frames(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    detect_clip.save_gif([Image.new("RGB", (8, 6), c) for c in colours], tmp_path / "a.gif")

    with Image.open(tmp_path / "a.gif") as found:
        assert (found.n_frames, found.size) == (3, (8, 6))
        assert found.info["duration"] == detect_clip.SHOWN_MS


def test_the_figure_of_the_readme_is_small():
    figure = Path(detect_clip.__file__).parents[1] / "docs" / "images" / "detection.gif"

    assert figure.stat().st_size < 300_000
    with Image.open(figure) as found:
        assert found.n_frames == len(detect_clip.clip())
