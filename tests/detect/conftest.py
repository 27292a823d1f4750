"""The files of a tiny detector, and the detector itself."""

import os

import pytest
from red_cells import write_network

from autosplit.models.load import load_model

# OpenCV reads these when it is first used, by the code or by a test that writes a video
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a network's files and a folder of pictures, made the current one."""
    monkeypatch.chdir(tmp_path)
    write_network(tmp_path)
    return tmp_path


@pytest.fixture
def model(place):
    return load_model("yolo:red.cfg", weights="red.weights")
