"""Device and link profiles that are written to files, and what is wrong with them."""

import pytest
import yaml

from autosplit.errors import ProfileError
from autosplit.hardware.device import load_device
from autosplit.hardware.link import load_link

SYSTOLIC = {
    "schema": "autosplit/device/1",
    "name": "array",
    "source": "made up for a test",
    "model": "systolic",
    "float_bits": 16,
    "bandwidth_bytes_per_s": 1.0e9,
    "clock_hz": 2.0e8,
    "rows": 12,
    "cols": 14,
    "dataflow": "os",
}
ROOFLINE = {
    "schema": "autosplit/device/1",
    "name": "board",
    "source": "made up for a test",
    "model": "roofline",
    "float_bits": 32,
    "bandwidth_bytes_per_s": 1.0e9,
    "peak_macs_per_s": {32: 1.0e9, 8: 4.0e9},
}
TABLE = {
    "schema": "autosplit/device/1",
    "name": "bench",
    "source": "made up for a test",
    "model": "table",
    "float_bits": 32,
    "table": "seconds.csv",
}
LINK = {
    "schema": "autosplit/link/1",
    "name": "wire",
    "source": "made up for a test",
    "uplink_bps": 3.0e6,
}


def write(folder, data, name="profile.yaml"):
    path = folder / name
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False))
    return path


def problems_of(load, path):
    """Each problem of a wrong file, without the file's name, which every line must begin with."""
    with pytest.raises(ProfileError) as caught:
        load(path)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


def wrong(folder, base, **changes):
    """Problems of a profile with some keys changed; ``...`` takes a key out."""
    data = {key: value for key, value in {**base, **changes}.items() if value is not ...}
    return problems_of(load_link if base is LINK else load_device, write(folder, data))
