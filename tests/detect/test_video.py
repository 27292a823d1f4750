"""Frames of videos, and drawn frames as a video."""

import struct

import numpy as np
import pytest
from PIL import Image
from rtsp import Stream
from videos import CONTAINERS, write_video

from autosplit.detect.sources import DetectSource, detect_sources
from autosplit.detect.video import VideoDrawing, about_video, frame_count, read_frames
from autosplit.errors import DataError, StageError


def source(path):
    return DetectSource(str(path), path.name, is_video=True)


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_what_is_written_is_read_again(tmp_path, suffix):
    clip = source(tmp_path / f"clip{suffix}")
    drawing = VideoDrawing(tmp_path / f"clip{suffix}", 10)
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    for colour in colours:
        drawing.add(Image.new("RGB", (65, 48), colour))
    drawing.close()

    about = about_video(clip)
    frames = list(read_frames(clip))
    assert (round(about.rate, 2), about.frames) == (10, 3)
    assert [frame.number for frame in frames] == [0, 1, 2]
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.1, 0.2])
    for frame, colour in zip(frames, colours, strict=True):
        assert frame.picture.size == (64, 48)
        assert np.abs(np.asarray(frame.picture).mean((0, 1)) - colour).max() < 12


def replaced(boxes, path, content):
    """The boxes of an MP4 file, the content of one of them replaced."""
    found, place = b"", 0
    while place < len(boxes):
        size, kind = struct.unpack_from(">I4s", boxes, place)
        body = boxes[place + 8 : place + size]
        if kind == path[0]:
            body = replaced(body, path[1:], content) if path[1:] else content
        found += struct.pack(">I4s", len(body) + 8, kind) + body
        place += size
    return found


def test_frames_of_a_variable_rate_have_the_times_of_the_file(tmp_path):
    """Shown for 1, 1, 10, 2 and 1 times 0.1 s, from 0, 0.1, 0.2, 1.2 and 1.4 s on.

    The mean rate is 5 frames in 1.5 s, and would say 0, 0.3, 0.6, 0.9 and 1.2 s.
    """
    path = tmp_path / "clip.mp4"
    drawing = VideoDrawing(path, 10)
    for _ in range(5):
        drawing.add(Image.new("RGB", (64, 48)))
    drawing.close()
    content = path.read_bytes()
    (step,) = struct.unpack_from(">I", content, content.index(b"stts") + 16)
    durations = [field for times in (1, 1, 10, 2, 1) for field in (1, times * step)]
    content = replaced(
        content, [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"],
        struct.pack(">12I", 0, 5, *durations),
    )  # fmt: skip
    path.write_bytes(replaced(content, [b"moov", b"trak", b"edts"], b""))

    frames = list(read_frames(source(path)))

    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.1, 0.2, 1.2, 1.4])


@pytest.mark.parametrize(("name", "code"), CONTAINERS)
def test_a_video_that_is_cut_off_is_an_error_after_its_frames(tmp_path, name, code):
    """The boxes of an MP4 that say where its frames are have to come first."""
    path = tmp_path / name
    write_video(path, code, [np.full((48, 64, 3), 8 * shade, np.uint8) for shade in range(30)])
    if name == "a.mp4":
        path.write_bytes(index_first(path.read_bytes()))
    assert len(list(read_frames(source(path)))) == 30
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])

    found = []
    told = rf"must be a whole video of {len(whole):,} bytes, has [\d,]+; only \d+ frames can"
    with pytest.raises(DataError, match=told):
        found.extend(read_frames(source(path)))

    assert 0 < len(found) < 30


def index_first(content):
    """An MP4 file with its last box, the index, before the frames, which move by its size."""
    boxes = {}
    while content:
        size, kind = struct.unpack_from(">I4s", content)
        boxes[kind], content = content[:size], content[size:]
    index = boxes.pop(b"moov")
    place = index.index(b"stco")
    (count,) = struct.unpack_from(">I", index, place + 8)
    places = [at + len(index) for at in struct.unpack_from(f">{count}I", index, place + 12)]
    end = place + 12 + 4 * count
    index = index[: place + 12] + struct.pack(f">{count}I", *places) + index[end:]
    return boxes.pop(b"ftyp") + index + b"".join(boxes.values())


def test_frames_of_another_size_are_fitted_to_the_first(tmp_path):
    drawing = VideoDrawing(tmp_path / "clip.gif", 10)
    drawing.add(Image.new("RGB", (40, 30)))
    drawing.add(Image.new("RGB", (50, 20)))
    drawing.close()

    assert {frame.picture.size for frame in read_frames(source(tmp_path / "clip.gif"))} == {
        (40, 30)
    }


@pytest.mark.parametrize("name", ["broken.mp4", "broken.gif"])
def test_a_broken_video_is_an_error_and_counts_nothing(tmp_path, name, capfd):
    (tmp_path / name).write_bytes(b"no video")

    with pytest.raises(DataError, match=name):
        list(read_frames(source(tmp_path / name)))
    assert frame_count([source(tmp_path / name), DetectSource("a.png", "a.png")], None) == 1
    assert capfd.readouterr().err == ""


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("autosplit.deploy.extras.find_spec", lambda _: None)

    with pytest.raises(StageError, match=r"needs cv2, run: pip install 'autosplit\[video\]'"):
        about_video(source(tmp_path / "clip.mp4"))


def test_a_camera_counts_the_frames_that_are_asked_for():
    camera = DetectSource("0", "camera 0", is_video=True)

    assert frame_count([camera], 30) == 30


def test_a_stream_is_read_until_its_end():
    pytest.importorskip("cv2")
    colours = [(254, 0, 0), (0, 254, 1), (0, 0, 254)]
    pictures = [Image.new("RGB", (64, 48), colour) for colour in ("red", "lime", "blue")]
    with Stream(pictures, 20) as stream:
        (source,) = detect_sources(stream.address)
        about = about_video(source)
        frames = list(read_frames(source))

    assert source.is_live
    assert (about.rate, about.frames) == (20, None)
    assert [(frame.number, frame.time_s) for frame in frames] == [(0, 0), (1, 0.05), (2, 0.1)]
    for frame, colour in zip(frames, colours, strict=True):
        assert np.abs(np.asarray(frame.picture).mean((0, 1)) - colour).max() < 12
