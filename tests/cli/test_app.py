"""The command line: one library call, exit statuses, one line for an error; it starts at once."""

import re
import subprocess
import sys
import warnings

import pytest
import typer
import yaml
from tiny import DATA, NETWORK

from autosplit import __version__
from autosplit.cli.app import COMMANDS, app, main
from autosplit.errors import AutoSplitWarning, PlanError
from autosplit.runs.stages.frame import Outcome, Stage


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
            "run --metric nope",
            "search --memory lots",
            "search --widths 2,9",
            "search --methods best",
            "quantize --images 0",
            "stats --equalize maybe",
            "detect --source a --out o --iou 2",
            "detect --source a",
            "sweep a.yaml --backend dsk",
        ],
    )
    def test_a_wrong_command_line_is_2_and_one_line_on_stderr(self, calls, capsys, line):
        assert main(line.split()) == 2

        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("autosplit: error: ")
        assert calls == []

    @pytest.mark.parametrize(
        ("line", "text"),
        [
            ("run --metric nope", "--metric: must be output, fisher or mse, got 'nope'"),
            (
                "run --memory lots",
                "--memory: must be a size such as 4MB, 512KiB or 100000",
            ),
            ("run --clipping gaus", "--clipping: unknown name 'gaus', did you mean 'gauss'?"),
            (
                "run --memry 3",
                "--memry: must be an option of autosplit run, did you mean '--mem",
            ),
            ("fly", "fly: must be a command of autosplit, choose from: anchors, check, collect"),
        ],
    )
    def test_a_wrong_command_line_says_what_must_hold(self, calls, capsys, line, text):
        main(line.split())
        assert text in capsys.readouterr().err

    def test_a_choice_is_refused_before_torch_is_imported(self):
        code = (
            "import sys\nfrom autosplit.cli.app import main\n"
            "assert main(['run', '--metric', 'nope']) == 2\n"
            "assert not {'torch', 'numpy'} & set(sys.modules)\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    def test_no_command_shows_help_and_is_2(self, capsys):
        assert main([]) == 2
        assert "Usage: autosplit" in capsys.readouterr().out

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
        assert capsys.readouterr() == ("done\n", line)  # what is said twice is printed once

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
    ("run --model untraceable.py:net --data data.py:data", "untraceable.py:7"),
    ("run --model net.py:net --data nan.py:data --out new", "must be finite, got NaN"),
    ("run --model net.py:net --data imagefolder:photos --out new", "1.png: must be an image"),
    ("search --out new", "'autosplit search' needs 'autosplit stats' to be done first"),
    ("collect --out new", "'autosplit collect' needs 'autosplit search' to be done first"),
    ("run --model fashion-resnet --out run", "is a run folder of net.py:net, asked for fashion"),
    ("quantize --out edited", "uniform8.yaml: weights: 0: bits must be a whole number, 1"),
    ("quantize --out run --plans best", "no plan 'best'"),
    ("collect --out run --max-drop -200", "no measured plan gains at least 200 points"),
    ("emit unifrom8 --run run", "no plan 'unifrom8', did you mean 'uniform8'?"),
    ("emit --run new", "'autosplit emit' needs 'autosplit collect' to be done first"),
]


@pytest.mark.parametrize(("line", "expected"), BAD, ids=[line for line, _ in BAD])
def test_bad_input_is_one_line_on_stderr_and_1(tiny, capsys, line, expected):
    files = {"nan": NAN, "untraceable": UNTRACEABLE}
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

    names_what_is_unknown = "did you mean" in expected and not line.startswith("emit")
    assert main(line.split()) == (2 if names_what_is_unknown else 1)

    out, err = capsys.readouterr()
    assert out == ""
    talk = [
        text
        for text in err.splitlines()
        if not text.startswith(("stats: ", "search: ", "input: ", "task: "))
    ]
    (error,) = talk
    assert error.startswith("autosplit: error: ")
    assert expected in error


class TestOutput:
    def test_run_prints_results_on_stdout_and_talk_on_stderr(self, tiny, capsys):
        assert main(["run", "--out", "run"]) == 0

        out, err = capsys.readouterr()
        first, *middle = out.splitlines()
        assert first.startswith("Over 1mbps; float network: ")
        assert middle[-4:] == [
            "figure: run/pareto.png",
            "table:  run/summary.csv",
            "page:   run/report.html",
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

        assert main(["emit", "--run", "run"]) == 0
        assert capsys.readouterr() == ((tiny.run / picked["file"]).read_text(), "")

    def test_emit_prints_a_named_plan_in_distillers_form(self, tiny, capsys):
        assert main(["emit", "uniform4", "--format", "distiller", "--run", "run"]) == 0

        out, err = capsys.readouterr()
        found = yaml.safe_load(out)["quantizers"]["post_train_quantizer"]
        assert found["class"] == "PostTrainLinearQuantizer"
        assert list(found["overrides"]) == ["0", "2", "5"]
        assert err == ""

    def test_version(self, capsys):
        assert main(["--version"]) == 0
        assert capsys.readouterr() == (f"autosplit {__version__}\n", "")


class TestHelp:
    def test_there_are_the_commands_of_the_design(self):
        commands = typer.main.get_command(app).commands
        assert list(commands) == list(COMMANDS)
        assert {"run", "stats", "search", "latency", "quantize", "collect", "emit"} <= set(commands)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_and_option_has_help(self, capsys, command):
        assert main([command, "--help-all" if command == "run" else "--help"]) == 0

        out = capsys.readouterr().out
        made = typer.main.get_command(app).commands[command]
        assert out.startswith(f"Usage: autosplit {command}")
        assert made.help.partition("\n\n")[0].endswith(".")
        for parameter in made.params:
            assert parameter.help, parameter.name
            assert re.fullmatch(r"[A-Z].*[.)]", parameter.help), parameter.help
            if parameter.param_type_name == "option":
                assert f" {parameter.opts[0]} " in out

    def test_help_lists_the_commands(self, capsys):
        assert main(["--help"]) == 0

        out = capsys.readouterr().out
        for command in COMMANDS:
            assert f"│ {command} " in out

    def test_help_imports_no_library_but_those_of_the_command_line(self):
        code = (
            "import sys\nfrom autosplit.cli.app import main\nassert main(['--help']) == 0\n"
            "slow = 'torch numpy pandas scipy networkx yaml matplotlib joblib bokeh PIL'.split()\n"
            "assert not [m for m in slow if m in sys.modules]\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    @pytest.mark.parametrize(
        "line", [["--help"], ["run", "--help-all"], ["search", "--help"], ["profiles"]]
    )
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
