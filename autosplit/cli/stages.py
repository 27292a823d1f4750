"""The commands of the stages, and ``run``, which does all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from autosplit.cli.talk import bar, say
from autosplit.runs.options import StatsOptions


def stage_command(stage: str) -> Callable[..., None]:
    """What the command of a stage does."""
    own = {
        "run": run_command,
        "stats": stats_command,
        "search": search_command,
        "collect": collect_command,
    }
    return own.get(stage) or _other(stage)


def run_command(
    out: str | None = None, force: bool = False, trust: bool = False, **given: Any
) -> None:
    """Run all five stages and print the best plan for each link.

    Example: autosplit run --model fashion-resnet --data fashion-mnist --memory 115KB --link lte
    """
    given = _with_pins(given)
    from autosplit.runs.stages.run import run as run_stages

    folder = _named_after_model(out, given)
    _check_code("run", folder, given, trust)
    text = ""
    for outcome in run_stages(folder, given, force=force, progress=bar):
        text = outcome.text
        if outcome.stage != "collect":
            say(text)
    _print_collected(folder, text)


def stats_command(
    out: str | None = None, force: bool = False, trust: bool = False, **given: Any
) -> None:
    """Capture the network and measure each of its tensors."""
    folder = _named_after_model(out, given)
    _check_code("stats", folder, given, trust)
    print(_do("stats", folder, given, force))


def search_command(
    out: str | None = None, force: bool = False, prune: bool = False, **given: Any
) -> None:
    """Search cuts and widths, and write the plans."""
    folder, given = _found(out), _with_pins(given)
    if prune:
        from autosplit.compress.run_joint import prune_jointly

        found = prune_jointly(folder, given, bar)
        say(found.text())
        given = found.asked
    print(_do("search", folder, given, force))


def collect_command(out: str | None = None, force: bool = False, **given: Any) -> None:
    """Write the table and the figure, and pick a plan for each link."""
    folder = _found(out)
    _print_collected(folder, _do("collect", folder, given, force))


_ABOUT = {
    "latency": "Predict the seconds of every plan, in total and layer by layer.",
    "quantize": "Run plans and measure their accuracy.",
}


def _other(stage: str) -> Callable[..., None]:
    """Any other stage works on the run folder that is there."""

    def call(out: str | None = None, force: bool = False, **given: Any) -> None:
        print(_do(stage, _found(out), _with_pins(given), force))

    def call_code(
        out: str | None = None, force: bool = False, trust: bool = False, **given: Any
    ) -> None:
        folder = _found(out)
        _check_code(stage, folder, given, trust)
        print(_do(stage, folder, given, force))

    found: Callable[..., None] = call_code if stage == "quantize" else call
    found.__doc__ = _ABOUT[stage]
    return found


def _do(stage: str, folder: Path, given: dict[str, Any], force: bool) -> str:
    from autosplit.runs.stages.run import STAGES

    return STAGES[stage].run(folder, given, force=force, progress=bar).text


def _check_code(stage: str, folder: Path, given: dict[str, Any], trust: bool) -> None:
    """Refuse code that only the run folder names; where it is trusted, say which code runs."""
    from autosplit.runs.trust import trusted_code

    files = trusted_code(folder, given, trust=trust)
    if files and trust:
        say(f"{stage}: runs the Python code of {' and '.join(map(str, files))}")


def _print_collected(folder: Path, text: str) -> None:
    print(text)
    print(f"figure: {folder / 'pareto.png'}")
    print(f"table:  {folder / 'summary.csv'}")
    if (page := folder / "report.html").is_file():
        print(f"page:   {page}")
    print(f"pick:   {folder / 'pick.yaml'}")


def _with_pins(given: dict[str, Any]) -> dict[str, Any]:
    """Options with the pins of a file before those of the command line."""
    if "pins_file" not in given:
        return given
    from autosplit.plan.pins import read_pins

    file = given.pop("pins_file")
    pins = () if file is None else read_pins(Path(file))
    return {**given, "pins": (*pins, *given.get("pins", ()))}


def _named_after_model(out: str | None, given: dict[str, Any]) -> Path:
    """The run folder of a stage that loads the network: as given, else after the network."""
    from autosplit.runs.folder import default_folder

    return Path(out) if out else default_folder(given.get("model", StatsOptions().model))


def _found(out: str | None) -> Path:
    """The run folder of any other stage: as given, else the one that is there."""
    from autosplit.runs.folder import find_folder

    return Path(out) if out else find_folder()
