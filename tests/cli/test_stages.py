"""Each command of a stage is one library call with the options that are given, and no others."""

import pytest

from autosplit.cli.app import main
from autosplit.runs.options import OPTIONS

ALL_STATS = (
    "--model m --weights DEFAULT --checkpoint c.pt --input-size 64 --parent p --data d "
    "--calibration c --task regression --output age --mean 0.5,0.25,0.5 --std 2 --resize 70 "
    "--crop 64 --interpolation bicubic --channels bgr --strict on "
    "--preprocess alexeyab --decode scaled --names n.txt "
    "--calibration-images 3 --batch-size 4 --seed 5 --jpeg-quality 90,60 "
    "--clipping gauss --metric fisher --equalize on --rounding learned"
)
STATS = {
    "model": "m",
    "weights": "DEFAULT",
    "checkpoint": "c.pt",
    "input_size": 64,
    "parent": "p",
    "data": "d",
    "calibration": "c",
    "task": "regression",
    "output": "age",
    "mean": (0.5, 0.25, 0.5),
    "std": (2.0,),
    "resize": 70,
    "crop": 64,
    "interpolation": "bicubic",
    "channels": "bgr",
    "strict": True,
    "preprocess": "alexeyab",
    "decode": "scaled",
    "names": "n.txt",
    "calibration_images": 3,
    "batch_size": 4,
    "seed": 5,
    "jpeg_quality": (60, 90),
    "clipping": "gauss",
    "metric": "fisher",
    "equalize": True,
    "rounding": "learned",
}
ALL_SEARCH = (
    "--edge e --cloud c --link 1mbps,lte --memory 4KiB --widths 8,2 --methods autosplit,cloud16 "
    "--front 5 --max-weight-bits 4 --max-activation-bits 5.5 --max-bops 1e9 --max-latency 20 "
    "--max-energy 5mJ "
    "--max-distortion 0.3 --cuts useful --coding entropy "
    "--variants half,quarter --reserve 1024 --pin a:weight=8 --pin b*:activation=4"
)
SEARCH = {
    "edge": "e",
    "cloud": "c",
    "links": ("1mbps", "lte"),
    "memory_bytes": 4096,
    "widths": (2, 8),
    "methods": ("autosplit", "cloud16"),
    "front": 5,
    "max_weight_bits": 4.0,
    "max_activation_bits": 5.5,
    "max_bops": 1e9,
    "max_latency_s": 0.02,
    "max_energy_j": 0.005,
    "max_distortion": 0.3,
    "cuts": "useful",
    "coding": "entropy",
    "variants": ("half", "quarter"),
    "reserve_bytes": 1024,
    "pins": ("a:weight=8", "b*:activation=4"),
}
ALL_QUANTIZE = (
    "--plans all --images 7 --jobs 2 --effort best --rounding learned --bias off --joint-clips on "
    "--escalation margin --escalation-risk 3 --escalation-images 5 --each-method on"
)
QUANTIZE = {"plans": "all", "images": 7, "jobs": 2, "effort": "best"}
QUANTIZE |= {"rounding": "learned", "bias": "off", "joint_clips": "on"}
QUANTIZE |= {
    "each_method": True,
    "escalation": "margin",
    "escalation_risk": 3.0,
    "escalation_images": 5,
}
NO_LIMITS = (
    "--memory none --front none --max-weight-bits none --max-activation-bits NONE --max-bops none "
    "--max-latency none --max-energy none --max-distortion none --pin none"
)
LIMITS = (
    "max_weight_bits max_activation_bits max_bops max_latency_s max_energy_j max_distortion"
).split()
HERE = "results/efficientnet_lite0"

CALLS = [
    ("stats", "stats", HERE, {}, False),
    (f"stats {ALL_STATS} --out o --force", "stats", "o", STATS, True),
    ("stats --model x/f.py:net", "stats", "results/net", {"model": "x/f.py:net"}, False),
    (
        "stats --weights none --input-size none --calibration-images none",
        "stats",
        HERE,
        {"weights": None, "input_size": None, "calibration_images": None},
        False,
    ),
    ("search --out o", "search", "o", {}, False),
    (f"search {ALL_SEARCH} --force", "search", HERE, SEARCH, True),
    (
        f"search {NO_LIMITS}",
        "search",
        HERE,
        {"memory_bytes": None, "front": None, "pins": ()} | dict.fromkeys(LIMITS),
        False,
    ),
    (
        "search --memory 0 --max-latency 0 --max-distortion 0",
        "search",
        HERE,
        {"memory_bytes": 0, "max_latency_s": 0.0, "max_distortion": 0.0},
        False,
    ),
    ("latency --out o", "latency", "o", {}, False),
    (
        "latency --edge e --cloud c --link lte --out o --force",
        "latency",
        "o",
        {"edge": "e", "cloud": "c", "links": ("lte",)},
        True,
    ),
    ("latency --edge none", "latency", HERE, {"edge": None}, False),
    ("quantize --out o", "quantize", "o", {"finished": False}, False),
    ("quantize --finished --out o", "quantize", "o", {"finished": True}, False),
    (
        f"quantize {ALL_QUANTIZE} --out o --force",
        "quantize",
        "o",
        QUANTIZE | {"finished": False},
        True,
    ),
    (
        "quantize --max-drop 2 --confidence 0.9",
        "quantize",
        HERE,
        {"max_drop": 2.0, "confidence": 0.9, "finished": False},
        False,
    ),
    ("quantize --effort none", "quantize", HERE, {"effort": "none", "finished": False}, False),
    (
        "quantize --images none --max-drop none",
        "quantize",
        HERE,
        {"images": None, "max_drop": None, "finished": False},
        False,
    ),
    ("collect --out o", "collect", "o", {}, False),
    (
        "collect --max-drop 2.5 --confidence 0.9 --link lte --page off --out o --force",
        "collect",
        "o",
        {"max_drop": 2.5, "confidence": 0.9, "link": "lte", "page": False},
        True,
    ),
    ("run", "run", HERE, {}, False),
    (
        f"run {ALL_STATS} {ALL_SEARCH} {ALL_QUANTIZE} --max-drop 3 --force",
        "run",
        "results/m",
        STATS | SEARCH | QUANTIZE | {"max_drop": 3.0},
        True,
    ),
]


@pytest.mark.parametrize(
    ("line", "stage", "folder", "given", "force"), CALLS, ids=[call[0][:40] for call in CALLS]
)
def test_a_command_line_is_one_library_call(calls, capsys, line, stage, folder, given, force):
    assert main(line.split()) == 0

    assert calls == [(stage, folder, given, force)]
    assert capsys.readouterr().out.startswith("all done" if stage == "run" else f"{stage} done")


def test_the_table_has_every_stage_and_every_option():
    assert {stage for _, stage, *_ in CALLS} == {*OPTIONS, "run"}
    for stage, record in OPTIONS.items():
        given = {name for _, one, _, options, _ in CALLS if one == stage for name in options}
        assert given == set(record.__dataclass_fields__), stage


@pytest.mark.parametrize(
    ("more", "pins"),
    [
        ("", ("a:weight=8", "b:activation=2")),
        ("--pin c:weight=4", ("a:weight=8", "b:activation=2", "c:weight=4")),
    ],
)
def test_pins_of_a_file_come_before_those_of_the_command_line(calls, tmp_path, more, pins):
    (tmp_path / "r.yaml").write_text("pins: {a: {weight: 8}, b: {activation: 2}}\n")

    main(["search", "--pins-file", "r.yaml", *more.split()])

    assert calls[0][2] == {"pins": pins}


def test_older_spellings_are_still_read(tiny, capsys):
    for line in ("collect --out run --link 20kbps", "collect --run run --show 20kbps"):
        assert main([*line.split(), "--force"]) == 0
        assert capsys.readouterr().out.startswith("Over 20kbps;")
