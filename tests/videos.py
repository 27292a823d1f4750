"""Videos that OpenCV writes."""

import pytest

SIZE = (64, 48)
CONTAINERS = [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "MJPG")]
"""Name of a file, and the code of what is in it."""


def write_video(path, code, frames):
    """Write frames of ``SIZE``, ten a second; skips the test where OpenCV is missing."""
    cv2 = pytest.importorskip("cv2")
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 10, SIZE)
    for frame in frames:
        writer.write(frame)
    writer.release()
