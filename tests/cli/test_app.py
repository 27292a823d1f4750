"""The command line: parses, makes one library call, prints; and starts at once."""

import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import typer
import yaml
from tiny import DATA, NETWORK

from autosplit import __version__
from autosplit.cli.app import app, main, parse_bytes, parse_widths
from autosplit.errors import AutoSplitWarning, PlanError
from autosplit.runs.stages import run as stages
from autosplit.runs.stages.frame import Outcome, Stage

COMMANDS = sorted(typer.main.get_command(app).commands)
SCRIPT = Path(sys.executable).with_name("autosplit")

NO_STATS = {
    "equalize": None,
    "rounding": None,
    "model": None,
    "weights": None,
    "checkpoint": None,
    "input_size": None,
    "data": None,
    "calibration_images": None,
    "batch_size": None,
    "seed": None,
    "jpeg_quality": None,
    "clipping": None,
    "metric": None,
}
NO_SEARCH = {
    "edge": None,
    "cloud": None,
    "links": None,
    "memory_bytes": None,
    "widths": None,
    "methods": None,
    "front": None,
    "max_weight_bits": None,
    "max_activation_bits": None,
    "max_bops": None,
    "max_latency_s": None,
    "max_distortion": None,
    "cuts": None,
    "pins": None,
}
NO_QUANTIZE = {
    "rounding": None,
    "bias": None,
    "joint_clips": None,
    "plans": None,
    "images": None,
    "jobs": None,
    "effort": None,
    "max_drop": None,
}
ALL_STATS = (
    "--model m --weights DEFAULT --checkpoint c.pt --input-size 64 --data d "
    "--calibration-images 3 --batch-size 4 --seed 5 --jpeg-quality 60 "
    "--clipping gauss --metric fisher --equalize --rounding learned"
)
STATS = {
    "model": "m",
    "weights": "DEFAULT",
    "checkpoint": "c.pt",
    "input_size": 64,
    "data": "d",
    "calibration_images": 3,
    "batch_size": 4,
    "seed": 5,
    "jpeg_quality": 60,
    "clipping": "gauss",
    "metric": "fisher",
    "equalize": True,
    "rounding": "learned",
}
ALL_SEARCH = (
    "--edge e --cloud c --link 1mbps,lte --memory 4KiB --widths 8,2 --methods autosplit,cloud16 "
    "--front 5 --max-weight-bits 4 --max-activation-bits 5.5 --max-bops 1e9 --max-latency 20 "
    "--max-distortion 0.3 --cuts useful "
    "--pin a:weight=8 --pin b*:activation=4"
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
    "max_distortion": 0.3,
    "cuts": "useful",
    "pins": ("a:weight=8", "b*:activation=4"),
}
ALL_QUANTIZE = (
    "--plans all --images 7 --jobs 2 --effort best --rounding learned --bias off --joint-clips on"
)
QUANTIZE = {"plans": "all", "images": 7, "jobs": 2, "effort": "best"}
QUANTIZE |= {"rounding": "learned", "bias": "off", "joint_clips": "on"}

CALLS = [
    ("stats", "stats", "results/efficientnet_lite0", NO_STATS, False),
    (f"stats {ALL_STATS} --out o --force", "stats", "o", STATS, True),
    ("stats --model x/f.py:net", "stats", "results/net", NO_STATS | {"model": "x/f.py:net"}, False),
    ("search --out o", "search", "o", NO_SEARCH, False),
    (f"search {ALL_SEARCH} --force", "search", "results/efficientnet_lite0", SEARCH, True),
    ("latency --out o", "latency", "o", {"edge": None, "cloud": None, "links": None}, False),
    (
        "latency --edge e --cloud c --link lte --out o --force",
        "latency",
        "o",
        {"edge": "e", "cloud": "c", "links": ("lte",)},
        True,
    ),
    ("quantize --out o", "quantize", "o", NO_QUANTIZE | {"finished": False}, False),
    ("quantize --finished --out o", "quantize", "o", NO_QUANTIZE | {"finished": True}, False),
    (
        f"quantize {ALL_QUANTIZE} --out o --force",
        "quantize",
        "o",
        QUANTIZE | {"max_drop": None, "finished": False},
        True,
    ),
    (
        "quantize --max-drop 2 --out o",
        "quantize",
        "o",
        NO_QUANTIZE | {"max_drop": 2.0, "finished": False},
        False,
    ),
    ("collect --out o", "collect", "o", {"max_drop": None, "link": None}, False),
    (
        "collect --max-drop 2.5 --link lte --out o --force",
        "collect",
        "o",
        {"max_drop": 2.5, "link": "lte"},
        True,
    ),
    (
        "run",
        "run",
        "results/efficientnet_lite0",
        NO_STATS | NO_SEARCH | NO_QUANTIZE | {"max_drop": None},
        False,
    ),
    (
        f"run {ALL_STATS} {ALL_SEARCH} {ALL_QUANTIZE} --max-drop 3 --force",
        "run",
        "results/m",
        STATS | SEARCH | QUANTIZE | {"max_drop": 3.0},
        True,
    ),
]


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Stages that only note how they are called."""
    monkeypatch.chdir(tmp_path)
    noted = []

    def noting(stage):
        def call(folder, given, *, force, progress):
            noted.append((stage, str(folder), dict(given), force))
            outcome = Outcome(stage, False, f"{stage} done")
            return iter([outcome]) if stage == "run" else outcome

        return call

    def stage_call(stage, folder, given, *, force, progress):
        return noting(stage.name)(folder, given, force=force, progress=progress)

    monkeypatch.setattr(Stage, "run", stage_call)
    monkeypatch.setattr(stages, "run", noting("run"))
    return noted


@pytest.mark.parametrize(
    ("line", "stage", "folder", "given", "force"), CALLS, ids=[call[0][:40] for call in CALLS]
)
def test_a_command_line_is_one_library_call(calls, capsys, line, stage, folder, given, force):
    assert main(line.split()) == 0

    assert calls == [(stage, folder, given, force)]
    assert capsys.readouterr().out or stage == "run"


def test_the_table_has_every_stage():
    assert {stage for _, stage, *_ in CALLS} == {*stages.STAGES, "run"}


class TestStatus:
    @pytest.mark.parametrize(
        "line",
        [
            "fly",
            "run --memry 3",
            "stats --seed three",
            "quantize --jobs 0",
            "stats --batch-size 0",
            "emit --format xml",
            "emit pick more",
        ],
    )
    def test_a_wrong_command_line_is_2_and_says_so_on_stderr(self, calls, capsys, line):
        assert main(line.split()) == 2

        out, err = capsys.readouterr()
        assert out == ""
        assert "Usage:" in err
        assert calls == []

    def test_no_command_shows_help_and_is_2(self, capsys):
        assert main([]) == 2
        assert "Usage: autosplit" in "".join(capsys.readouterr())

    def test_an_interrupted_stage_is_130_and_says_how_to_go_on(self, monkeypatch, capsys):
        def interrupted(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(Stage, "run", interrupted)

        assert main(["search", "--out", "o"]) == 130
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "the same command goes on from there" in err

    def test_an_error_of_several_lines_becomes_one(self, monkeypatch, capsys):
        def fails(*_, **__):
            raise PlanError("first\n  second\n\n")

        monkeypatch.setattr(Stage, "run", fails)

        assert main(["search", "--out", "o"]) == 1
        assert capsys.readouterr() == ("", "autosplit: error: first; second\n")

    def test_a_warning_is_one_line_on_stderr(self, monkeypatch, capsys):
        def warns(*_, **__):
            for _ in range(2):
                warnings.warn("net: first\n  second", AutoSplitWarning, stacklevel=2)
            return Outcome("search", False, "done")

        monkeypatch.setattr(Stage, "run", warns)

        assert main(["search", "--out", "o"]) == 0
        line = "autosplit: warning: net: first; second\n"
        assert capsys.readouterr() == ("done\n", line * 2)

    def test_warnings_of_others_are_shown_as_ever(self, monkeypatch):
        def warns(*_, **__):
            warnings.warn("of torch", FutureWarning, stacklevel=2)
            return Outcome("search", False, "done")

        monkeypatch.setattr(Stage, "run", warns)

        with pytest.warns(FutureWarning, match="of torch"):
            main(["search", "--out", "o"])

    def test_a_mistake_of_ours_is_not_hidden(self, monkeypatch):
        def fails(*_, **__):
            raise ZeroDivisionError

        monkeypatch.setattr(Stage, "run", fails)

        with pytest.raises(ZeroDivisionError):
            main(["search", "--out", "o"])


NAN = DATA.replace("    labels", "    images[0] = float('nan')\n    labels")
ODD = NETWORK.replace("nn.Flatten()", "Odd(), nn.Flatten()").replace(
    "def net",
    "class Odd(nn.Module):\n    def forward(self, x):\n        return x.cumsum(2)\n\n\ndef net",
)
UNTRACEABLE = NETWORK.replace("nn.Flatten()", "Odd(), nn.Flatten()").replace(
    "def net",
    "class Odd(nn.Module):\n    def forward(self, x):\n"
    "        return x if x.sum() > 0 else -x\n\n\ndef net",
)
BAD = [
    ("run --model fashion-restnet", "did you mean 'fashion-resnet'?"),
    ("run --model resnet50 --out new", "did you mean 'torchvision:resnet50'?"),
    ("run --model net.py:net --data dmeo", "did you mean 'demo'?"),
    ("search --out run --edge eyeris", "did you mean 'eyeriss'?"),
    ("search --out run --cloud tpu", "did you mean 'tpu_v1'?"),
    ("search --out run --link 3mbp", "did you mean '3mbps'?"),
    (
        "search --out run --edge wrong.yaml",
        "rows: is not used by model 'roofline'; wrong.yaml: unknown key 'clok_hz'",
    ),
    # 64 bytes in, 256 bits out, 36 bits of weights, 4 biases of 4 bytes
    ("search --out run --memory 7", "needs 117 bytes, the limit is 7"),
    ("search --out run --memory lots", "must be a size such as 4MB, 512KiB or 100000, got 'lots'"),
    ("search --out run --widths 2,x", "must be whole numbers separated by commas, got '2,x'"),
    ("search --out run --widths 2,9", "widths: must be ascending and from 1, 2"),
    ("search --out run --methods best", "methods: unknown method 'best'"),
    ("run --model untraceable.py:net --data data.py:data", "untraceable.py:7"),
    ("run --model net.py:net --data nan.py:data --out new", "must be finite, got NaN"),
    ("run --model net.py:net --data imagefolder:photos --out new", "1.png: must be an image"),
    ("run --model odd.py:net --data data.py:data --out new", "cumsum"),
    ("search --out new", "'autosplit search' needs 'autosplit stats' to be done first"),
    ("collect --out new", "'autosplit collect' needs 'autosplit search' to be done first"),
    ("run --model fashion-resnet --out run", "is a run folder of net.py:net, asked for fashion"),
    ("quantize --out edited", "uniform8.yaml: weights: 0: bits must be a whole number, 1"),
    ("quantize --out run --plans best", "no plan 'best'"),
    ("collect --out run --max-drop -200", "no measured plan loses at most -200 points"),
    ("emit unifrom8 --out run", "no plan 'unifrom8', did you mean 'uniform8'?"),
    ("emit --out new", "'autosplit emit' needs 'autosplit collect' to be done first"),
]


@pytest.mark.parametrize(("line", "expected"), BAD, ids=[line for line, _ in BAD])
def test_bad_input_is_one_line_on_stderr_and_1(tiny, capsys, line, expected):
    files = {"nan": NAN, "odd": ODD, "untraceable": UNTRACEABLE}
    for name, text in files.items():
        (tiny.place / f"{name}.py").write_text(text)
    wrong = (tiny.place / "toy.yaml").read_text() + "clok_hz: 1\nrows: 2\n"
    (tiny.place / "wrong.yaml").write_text(wrong)
    (tiny.place / "photos").mkdir()
    (tiny.place / "photos" / "1.png").write_text("no image")
    if "edited" in line:
        tiny.run.rename(tiny.place / "edited")
        path = tiny.place / "edited" / "plans" / "uniform8.yaml"
        path.write_text(re.sub(r"(weights:\n  '0':\n    bits:) 8", r"\1 17", path.read_text()))

    assert main(line.split()) == 1

    out, err = capsys.readouterr()
    assert out == ""
    talk = [text for text in err.splitlines() if not text.startswith(("stats: ", "search: "))]
    (error,) = talk
    assert error.startswith("autosplit: error: ")
    assert expected in error


class TestOutput:
    def test_run_prints_results_on_stdout_and_talk_on_stderr(self, tiny, capsys):
        assert main(["run", "--out", "run"]) == 0

        out, err = capsys.readouterr()
        paragraph, *places = out.splitlines()
        assert paragraph.startswith("Over 1mbps, ")
        assert places == [
            "figure: run/pareto.png",
            "table:  run/summary.csv",
            "pick:   run/pick.yaml",
        ]
        assert err.splitlines() == [
            f"{stage}: nothing new to do in run"
            for stage in ("stats", "search", "latency", "quantize")
        ]

    def test_a_stage_prints_what_it_did_on_stdout(self, tiny, capsys):
        assert main(["latency", "--out", "run"]) == 0
        assert capsys.readouterr() == ("latency: nothing new to do in run\n", "")

    def test_the_only_run_folder_is_found_without_out(self, tiny, capsys):
        (tiny.place / "results").mkdir()
        tiny.run.rename(tiny.place / "results" / "net")

        assert main(["search"]) == 0
        assert capsys.readouterr().out == "search: nothing new to do in results/net\n"

    def test_emit_prints_the_picked_plan_as_it_is(self, tiny, capsys):
        picked = yaml.safe_load((tiny.run / "pick.yaml").read_text())["picks"]["1mbps"]

        assert main(["emit", "--out", "run"]) == 0
        assert capsys.readouterr() == ((tiny.run / picked["file"]).read_text(), "")

    def test_emit_prints_a_named_plan_in_distillers_form(self, tiny, capsys):
        assert main(["emit", "uniform4", "--format", "distiller", "--out", "run"]) == 0

        out, err = capsys.readouterr()
        found = yaml.safe_load(out)["quantizers"]["post_train_quantizer"]
        assert found["class"] == "PostTrainLinearQuantizer"
        assert list(found["overrides"]) == ["0", "2", "5"]
        assert err == ""

    def test_profiles_lists_each_in_one_line(self, capsys):
        assert main(["profiles"]) == 0

        lines = capsys.readouterr().out.splitlines()
        names = [line.split()[0] for line in lines]
        assert {"devices", "links", "eyeriss", "tpu_v1", "3mbps", "lte", "wifi"} <= set(names)
        assert names.index("eyeriss") < names.index("links") < names.index("lte")
        assert all(len(line) <= 110 for line in lines)
        assert all(len(line.split()) > 4 for line in lines if line.startswith("  "))

    def test_version(self, capsys):
        assert main(["--version"]) == 0
        assert capsys.readouterr() == (f"autosplit {__version__}\n", "")


class TestHelp:
    def test_there_are_the_commands_of_the_design(self):
        assert {"run", "stats", "search", "latency", "quantize", "collect", "emit"} <= set(COMMANDS)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_and_option_has_help(self, capsys, command):
        assert main([command, "--help"]) == 0

        out = capsys.readouterr().out
        assert f"Usage: autosplit {command}" in out
        for parameter in typer.main.get_command(app).commands[command].params:
            if parameter.param_type_name == "option":
                assert parameter.help, parameter.name
                assert parameter.opts[0] in out

    def test_help_lists_the_commands(self, capsys):
        assert main(["--help"]) == 0

        out = capsys.readouterr().out
        for command in COMMANDS:
            assert re.search(rf"^  {command}\s+\w", out, re.MULTILINE), command

    def test_help_starts_in_half_a_second(self):
        """Best of three, for the machine may be busy."""

        def seconds():
            start = time.perf_counter()
            subprocess.run([SCRIPT, "--help"], check=True, capture_output=True)
            return time.perf_counter() - start

        assert min(seconds() for _ in range(3)) < 0.5

    @pytest.mark.parametrize("line", [["--help"], ["search", "--help"], ["profiles"]])
    def test_torch_is_not_imported_where_it_is_not_needed(self, line):
        code = (
            "import sys\nfrom autosplit.cli.app import main\n"
            f"assert main({line}) == 0\n"
            "assert not {'torch', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    def test_torch_is_not_imported_by_stages_that_read_files_alone(self, tiny):
        code = (
            "import sys\nfrom autosplit.cli.app import main\n"
            "for stage in ('search', 'latency', 'collect'):\n"
            "    assert main([stage, '--out', 'run', '--force']) == 0\n"
            "assert 'torch' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "size"),
        [
            ("100000", 100_000),
            ("1", 1),
            ("4MB", 4_000_000),
            ("4mb", 4_000_000),
            ("4M", 4_000_000),
            ("4 MiB", 4_194_304),
            ("512KiB", 524_288),
            ("512Ki", 524_288),
            ("1.5KB", 1_500),
            ("2GB", 2_000_000_000),
            ("2gib", 2_147_483_648),
            (" 7 B ", 7),
        ],
    )
    def test_sizes(self, text, size):
        assert parse_bytes(text) == size

    @pytest.mark.parametrize(
        "text", ["", "MB", "-4", "4TB", "4 MBit", "4iB", "0", "0.4", "1e6", "4MB4", "٤"]
    )
    def test_what_is_no_size_is_refused(self, text):
        with pytest.raises(PlanError, match=f"got {text!r}"):
            parse_bytes(text)

    @pytest.mark.parametrize(
        ("text", "widths"),
        [("2,4,8", (2, 4, 8)), ("8, 2 ,4", (2, 4, 8)), ("3", (3,)), ("4,4", (4,))],
    )
    def test_widths(self, text, widths):
        assert parse_widths(text) == widths

    @pytest.mark.parametrize("text", ["", "2,,4", "two", "2.5", "-2", "2²"])
    def test_what_are_no_widths_is_refused(self, text):
        with pytest.raises(PlanError, match="widths: must be whole numbers"):
            parse_widths(text)
