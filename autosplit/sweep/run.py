"""A sweep: networks x devices x links x methods x memory limits -> one table and its figure.

Each network is measured once, each search is a job of its own.  A job's rows are kept in a file
as soon as they are there, so that a sweep that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from autosplit.errors import counted
from autosplit.files import read_csv, write_csv
from autosplit.plan.int8_weights import stats_for
from autosplit.progress import Advance, Progress, note, silent
from autosplit.runs.folder import read_graph
from autosplit.runs.options import StatsOptions
from autosplit.runs.stages.stats import STATS
from autosplit.runs.stamps import read_stamp
from autosplit.runs.trust import trusted_sweep
from autosplit.stats.statsfile import read_stats
from autosplit.sweep.backends import ENDED, Where, do_jobs
from autosplit.sweep.file import AccuracyRule, Network, SweepError, SweepFile, read_sweep_file
from autosplit.sweep.job import AXES, MEASURED_HEADER, ROW_HEADER, SWEEP_HEADER, SearchJob


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did.

    Attributes:
        text: What to tell the person.
        table: Path of the table.
        figure: Path of the figure, None if the sweep file asks for none.
    """

    text: str
    table: Path
    figure: Path | None


def run_sweep(
    file: Path,
    out: Path,
    where: Where | None = None,
    *,
    force: bool = False,
    trust: bool = True,
    progress: Progress = silent,
) -> Swept:
    """Do what a sweep file says, but for what was done before.

    Args:
        file: The sweep file.
        out: Folder to write: NAME.csv, NAME.png, and the folder NAME with the run folders
            (``models``) and the rows of each search (``jobs``); NAME is that of the sweep file.
        where: Where the searches are done.
        force: Measure and search again what was done before too.
        trust: Whether Python code that the file names runs although it was never given here.
        progress: Shows how far it is.

    Raises:
        FileError: The sweep file is wrong.
        StageError: The sweep file names code that is not trusted.
        SweepError: The scheduler is not there or went away, or a job failed; what is done is
            kept.
    """
    where = where or Where()
    sweep = read_sweep_file(file)
    code = trusted_sweep(file, [network.options for network in sweep.networks], trust=trust)
    if code and trust:
        note(progress, f"sweep: runs the Python code of {' and '.join(map(str, code))}")
    place = out / file.stem
    measure_networks(sweep, place, where.jobs, force=force, progress=progress)
    if sweep.rule is not None:
        return _run_measured(sweep, sweep.rule, place, force=force, progress=progress)
    jobs = list_jobs(sweep, place)
    paths = {job.key: place / "jobs" / f"{job.key}.csv" for job in jobs}
    if force:
        for path in paths.values():
            path.unlink(missing_ok=True)
    missing = [job for job in jobs if not paths[job.key].exists()]
    left_out = _search(missing, paths, where, progress)
    found = [read_csv(paths[job.key], ROW_HEADER) for job in jobs if paths[job.key].exists()]
    rows = [row for part in found for row in part]
    kept = len(jobs) - len(missing)
    text = (
        f"sweep: {counted(len(sweep.networks), 'network')}, "
        f"{counted(len(jobs), 'search', 'searches')}, {kept} of them done "
        f"before, {counted(len(rows), 'row')}"
    )
    return _written(sweep, place, rows, [text, *(f"left out: {line}" for line in left_out)])


def _run_measured(
    sweep: SweepFile, rule: AccuracyRule, place: Path, *, force: bool, progress: Progress
) -> Swept:
    """Search, finish and measure the plans of each network; the rows keep an accuracy."""
    from autosplit.sweep.measured import measured_rows  # noqa: PLC0415 - torch is slow to import

    rows: list[dict[str, str]] = []
    for network in sweep.networks:
        note(progress, f"sweep: {network.name}")
        folder = place / "models" / network.name
        found = measured_rows(sweep, rule, network, folder, force=force, progress=progress)
        rows += [{key: str(value) for key, value in row.items()} for row in found]
        swept = _written(sweep, place, rows, [])
    text = f"sweep: {counted(len(sweep.networks), 'network')}, {counted(len(rows), 'row')}"
    return replace(swept, text=text)


def _written(
    sweep: SweepFile, place: Path, rows: Sequence[Mapping[str, str]], lines: Sequence[str]
) -> Swept:
    """Write the table and the figure beside the folder of a sweep."""
    header = table_header(sweep)
    rows = [{key: row[key] for key in header} for row in rows]
    table = place.with_name(f"{place.name}.csv")
    write_csv(table, header, rows)
    figure = None
    if sweep.figure and rows:
        from autosplit.sweep.figure import draw_sweep  # noqa: PLC0415 - matplotlib is slow to import

        figure = place.with_name(f"{place.name}.png")
        draw_sweep(figure, sweep, rows)
    return Swept("\n".join(lines), table, figure)


def table_header(sweep: SweepFile) -> list[str]:
    """Columns of a sweep's table: before the fixed ones, those that tell its rows apart."""
    rates = {link.uplink_bps for link in sweep.links.values()}
    if sweep.rule is not None:
        named = len(rates) < len(sweep.links)
        return [column for column in MEASURED_HEADER if named or column != "link"]
    varied = {
        "edge": len(sweep.edges) > 1,
        "cloud": len(sweep.clouds) > 1,
        "memory_bytes": any(len(network.memory_bytes) > 1 for network in sweep.networks),
        "link": len(rates) < len(sweep.links),
        "input_size": len({n.options.get("input_size", 0) for n in sweep.networks}) > 1,
    }
    return [*(axis for axis in AXES if varied[axis]), *SWEEP_HEADER]


def measure_networks(
    sweep: SweepFile, place: Path, jobs: int, *, force: bool = False, progress: Progress = silent
) -> None:
    """Capture and measure each network into a run folder of its own, ``place/models/NAME``.

    With several jobs, a script that calls this must do so under ``if __name__ == "__main__"``, for
    their processes import it.

    Raises:
        SweepError: A process was ended.
    """
    if jobs == 1 or len(sweep.networks) == 1:
        for network in sweep.networks:
            _measure(network, place, force, progress)
        return
    # not joblib's: it would take what torch allocates for a leak, and replace the process
    pool = ProcessPoolExecutor(min(jobs, len(sweep.networks)), mp_context=get_context("spawn"))
    with progress("sweep: networks", len(sweep.networks)) as advance, pool:
        found = [pool.submit(_measure, network, place, force) for network in sweep.networks]
        try:
            for future in as_completed(found):
                future.result()
                advance(1)
        except BrokenProcessPool as error:
            raise SweepError(ENDED) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _measure(network: Network, place: Path, force: bool, progress: Progress = silent) -> None:
    """Measure one network with one thread, so that the number of jobs cannot change a sum."""

    @contextmanager
    def one_thread(what: str, total: int) -> Iterator[Advance]:
        import torch  # noqa: PLC0415 - here it is already imported

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with progress(what, total) as advance:
                yield advance
        finally:
            torch.set_num_threads(threads)

    folder = place / "models" / network.name
    given = asdict(StatsOptions()) | dict(network.options)
    stamp = read_stamp(folder, "stats")
    other = stamp is not None and stamp.options["model"] != given["model"]
    STATS.run(folder, given, force=force or other, progress=one_thread)


def list_jobs(sweep: SweepFile, place: Path) -> list[SearchJob]:
    """Every search of a sweep, in the order of its table."""
    jobs = []
    for network in sweep.networks:
        folder = place / "models" / network.name
        graph, stats = read_graph(folder), read_stats(folder)
        jobs += [
            SearchJob(
                network.name,
                graph,
                stats_for(edge, graph, stats).distortions,
                edge,
                cloud,
                sweep.links,
                limit,
                sweep.widths,
                sweep.methods,
                sweep.max_distortion,
                stats.input_codings,
                stats.sent(sweep.coding),
            )
            for edge in sweep.edges
            for cloud in sweep.clouds
            for limit in network.memory_bytes
        ]
    return jobs


def _search(
    jobs: Sequence[SearchJob], paths: dict[str, Path], where: Where, progress: Progress
) -> list[str]:
    """Do jobs and keep the rows of each; say which limits nothing fits.

    Raises:
        SweepError: Some failed.
    """
    left_out, failed = {}, {}
    if not jobs:
        return []
    with progress("sweep: searches", len(jobs)) as advance:
        for number, result in do_jobs(jobs, where):
            if result.infeasible:
                left_out[number] = result.error
            elif result.error:
                failed[number] = result.error
            else:
                write_csv(paths[jobs[number].key], ROW_HEADER, result.rows)
            advance(1)
    if failed:
        raise SweepError("; ".join(failed[number] for number in sorted(failed)))
    return [left_out[number] for number in sorted(left_out)]
