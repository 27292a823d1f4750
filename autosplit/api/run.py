"""A run folder as an object: what ``autosplit.run`` and ``autosplit.open_run`` give."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from autosplit.api.front import Front
from autosplit.api.scores import Scores
from autosplit.errors import OptionError, StageError
from autosplit.evaluate.scorefile import read_scores
from autosplit.files import read_json
from autosplit.graph.graph import Graph
from autosplit.plan.int8_weights import stats_for
from autosplit.plan.plan import Plan
from autosplit.progress import Progress, silent
from autosplit.report.pick import Pick
from autosplit.runs.folder import default_folder, read_graph
from autosplit.runs.hardware import edge_device, limit_bytes
from autosplit.runs.option import read_given
from autosplit.runs.options import CollectOptions, StatsOptions, options_of_run
from autosplit.runs.stages.run import run as run_stages
from autosplit.runs.stamps import Stamp, changed_outputs, read_stamp, resolve
from autosplit.runs.summary import Summary, pick_all, summarize
from autosplit.stats.stats import Stats
from autosplit.stats.statsfile import read_stats


@dataclass(frozen=True)
class Run:
    """A run folder, read when it is asked for.

    Attributes:
        folder: The run folder.
    """

    folder: Path

    @cached_property
    def graph(self) -> Graph:
        """The network's layers."""
        self._stamp("stats")
        return read_graph(self.folder)

    @cached_property
    def stats(self) -> Stats:
        """What was measured of the network."""
        measured = resolve({}, self._stamp("stats"), StatsOptions())
        return replace(read_stats(self.folder), clipping=measured.clipping)

    @cached_property
    def plans(self) -> Front:
        """The plans, with the seconds of the stage ``latency``."""
        summary = self._summary
        found: dict[str, Plan] = {}
        for one in summary.candidates:
            known = found.get(one.plan.name, one.plan).predictions
            found[one.plan.name] = replace(
                one.plan, predictions={**known, one.link: one.prediction}
            )
        about = self.graph, tuple(found.values()), summary.links, summary.limit_bytes
        searched = self._stamp("search")
        coding = searched.options.get("coding", "packed")
        stats = stats_for(edge_device(searched, self.folder), self.graph, self.stats)
        return Front(*about, summary.hardware, stats, stats.sent(coding), summary.timed)

    @cached_property
    def scores(self) -> Scores:
        """What was measured of the plans."""
        self._stamp("quantize")
        task, rows = read_scores(self.folder / "scores.csv")
        return Scores(task, tuple(_numbers(row) for row in rows.values()))

    @cached_property
    def picks(self) -> dict[str, Pick]:
        """Link -> its pick, of the links that have one."""
        options = resolve({}, self._stamp("collect"), CollectOptions())
        most = float("inf") if options.max_drop is None else options.max_drop
        return pick_all(self.graph, self._summary, most, options.confidence)

    @property
    def figure(self) -> Path:
        """The Pareto figure, a PNG file."""
        self._stamp("collect")
        return self.folder / "pareto.png"

    @property
    def text(self) -> str:
        """What ``autosplit collect`` prints."""
        self._stamp("collect")
        return str(read_json(self.folder / "stages" / "pick.json", "text")["text"])

    @cached_property
    def _summary(self) -> Summary:
        searched = self._stamp("search")
        for stage in ("latency", "quantize"):
            self._stamp(stage)
        collected = read_stamp(self.folder, "collect")
        if collected is None:
            return summarize(self.folder, self.graph, limit_bytes(searched, self.folder))
        # as it was then: the device may be a file that is not found from here
        known = collected.inputs["memory_bytes"]
        return summarize(self.folder, self.graph, None if known == "None" else int(known))

    def _stamp(self, stage: str) -> Stamp:
        """What a stage left.

        Raises:
            StageError: The stage is not done, or what it wrote has changed since.
        """
        stamp = read_stamp(self.folder, stage)
        if stamp is None:
            raise StageError(
                f"{self.folder}: the stage {stage} must be done, run: autosplit {stage} --run "
                f"{self.folder}"
            )
        changed = changed_outputs(self.folder, stamp)
        if changed:
            raise StageError(
                f"{self.folder}: {changed[0]} must be as 'autosplit {stage}' wrote it, has changed "
                f"since, run: autosplit {stage} --run {self.folder}"
            )
        return stamp

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def _repr_html_(self) -> str:
        picks = "".join(pick._repr_html_() for pick in self.picks.values())
        figure = b64encode(self.figure.read_bytes()).decode()
        return f'{picks}<img src="data:image/png;base64,{figure}">'


def run(
    *,
    out: str | Path | None = None,
    force: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> Run:
    """Do all five stages in a run folder, each only if there is something new to do.

    Args:
        out: Run folder; by default ``results/NAME`` after the model.
        force: Do every stage again.
        progress: Shows how far a stage is.
        **options: Options of ``autosplit run`` by their names there, such as
            ``model="fashion-resnet"``, ``data="fashion-mnist"``, ``links="3mbps,lte"``,
            ``memory="4MiB"``, ``max_drop=1``; those that are left out keep the value of the last
            time.  None is what ``none`` is on the command line.

    Returns:
        The run folder as an object.

    Raises:
        OptionError: An option is unknown or cannot have its value.
        StageError: The folder is that of another network.
        AutoSplitError: What a stage refuses.
    """
    for name, other in (("model", "capture(model, example)"), ("data", "evaluate")):
        if not isinstance(options.get(name, ""), str):
            raise OptionError(
                f"{name}: must be a name or a file, as the command line takes it, got "
                f"{type(options[name]).__name__}; objects go through autosplit.{other}"
            )
    given = read_given(options, options_of_run())
    folder = default_folder(given.get("model", StatsOptions().model)) if out is None else Path(out)
    for _ in run_stages(folder, given, force=force, progress=progress):
        pass
    return Run(folder)


def open_run(folder: str | Path) -> Run:
    """Read a run folder that ``autosplit run``, or its stages, left.

    Raises:
        StageError: There is no run folder.
    """
    path = Path(folder)
    if read_stamp(path, "stats") is None:
        raise StageError(
            f"{path}: must be a run folder, it has no stages/stats.json; run: autosplit run --run "
            f"{path}"
        )
    return Run(path)


def _numbers(row: dict[str, str]) -> dict[str, Any]:
    """A row of a file with numbers for texts, and None for what is empty."""
    return {key: text if key == "name" else _number(text) for key, text in row.items()}


def _number(text: str) -> float | int | None:
    if not text:
        return None
    return int(text) if text.isdecimal() else float(text)
