"""The frame that all stages share: options, inputs, is it done, work, clear, write, stamp."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic

from autosplit.errors import warn
from autosplit.plainfile import delete
from autosplit.progress import Progress, note, silent
from autosplit.runs.hashes import hash_files
from autosplit.runs.kinds import NONE
from autosplit.runs.lock import locked
from autosplit.runs.named import check_names
from autosplit.runs.needs import require
from autosplit.runs.option import options_of
from autosplit.runs.options import FREE, Options, plain
from autosplit.runs.stamps import (
    Stamp,
    clear_stamp,
    edited_plans,
    is_done,
    read_stamp,
    resolve,
    write_stamp,
)
from autosplit.runs.variants import searched_variants


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage did.

    Attributes:
        stage: Name of the stage.
        done_before: Whether there was nothing new to do.
        text: What to tell the person.
    """

    stage: str
    done_before: bool
    text: str


@dataclass(frozen=True, slots=True)
class Job(Generic[Options]):
    """One stage to be done on one run folder.

    Attributes:
        folder: Run folder.
        options: Options of the stage, resolved.
        before: Stamp of the last time that the stage was done here, None if it never was.
        needed: Stage -> stamp, of the stages that must be done before this one.
        force: Whether to do again what was done before.
        progress: Shows how far the stage is.
    """

    folder: Path
    options: Options
    before: Stamp | None
    needed: Mapping[str, Stamp]
    force: bool
    progress: Progress


@dataclass(frozen=True, slots=True)
class Made:
    """What a stage found, before any file is written.

    Attributes:
        text: What to tell the person.
        write: Writes the files and gives their names, relative to the run folder.
        read: What the work read beside what was prepared -> SHA-256; kept in the stamp.
    """

    text: str
    write: Callable[[], Sequence[str]]
    read: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A stage that knows what it reads and has not begun to work.

    Attributes:
        inputs: Name of everything that the stage reads -> SHA-256.
        work: Does the work.
        seen: What the work of the last time read beside it -> SHA-256, now.
    """

    inputs: Mapping[str, str]
    work: Callable[[], Made]
    seen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """How a stage was called, before its options are resolved.

    Attributes:
        folder: Run folder.
        before: Stamp of the last time that the stage was done here, None if it never was.
        given: Options that are given.
        force: Whether to do again what was done before.
    """

    folder: Path
    before: Stamp | None
    given: Mapping[str, Any]
    force: bool


@dataclass(frozen=True, slots=True)
class _Ready(Generic[Options]):
    """A stage with its options resolved and its inputs hashed."""

    options: Options
    prepared: Prepared
    needed: Mapping[str, Stamp]


def delete_old(job: Job[Any], outputs: Sequence[str], under: str = "") -> None:
    """Delete what the stage made the last time and makes no more.

    Args:
        job: The call of the stage.
        outputs: Names of the files that the stage makes now.
        under: How the names of the files begin that may be deleted.
    """
    for old in () if job.before is None else job.before.outputs:
        if old.startswith(under) and old not in outputs:
            delete(job.folder / old)


def _stamps(folder: Path, stages: Sequence[str]) -> tuple[Stamp | None, ...]:
    return tuple(read_stamp(folder, stage) for stage in stages)


def _all_of_it(asked: Asked) -> Stamp | None:
    return asked.before


@dataclass(frozen=True, slots=True)
class Stage(Generic[Options]):
    """A stage: what is particular to it; all the rest is ``run``.

    Attributes:
        name: Name of the stage and of its command.
        options: Record of its options.
        needs: Stages that must be done before.
        prepare: Lists what is read, and gives the work.
        remembered: The stamp whose options hold where none are given.
        done_text: What to say of a run folder in which there is nothing new to do.
        of_variants: Whether it is done for the variants of the network too.
    """

    name: str
    options: type[Options]
    needs: tuple[str, ...]
    prepare: Callable[[Job[Options]], Prepared]
    remembered: Callable[[Asked], Stamp | None] = _all_of_it
    done_text: Callable[[Path], str] | None = None
    of_variants: bool = False

    def run(
        self,
        folder: Path,
        given: Mapping[str, Any],
        *,
        force: bool = False,
        progress: Progress = silent,
    ) -> Outcome:
        """Do the stage, unless it is done already.

        Args:
            folder: Run folder.
            given: Options by name; those left out keep the value of the last time.
            force: Do it again even if nothing has changed.
            progress: Shows how far the stage is.

        Raises:
            StageError: A stage that must be done before is not, or an option is unknown.
            AutoSplitError: What the stage itself refuses.
        """
        whole = self._run(folder, given, force, progress)
        if not self.of_variants:
            return whole
        if given.get("plans", "pareto") not in ("pareto", "all"):
            return whole
        # a drop counts from the whole network, so that no plan of a variant is stopped early
        asked = {**given, **({"max_drop": None} if "max_drop" in given else {})}
        outcomes = [whole]
        for variant in searched_variants(folder):
            found = self._run(variant.run, asked, force, progress)
            outcomes.append(replace(found, text=f"{variant.name}: {found.text}"))
        done_before = all(outcome.done_before for outcome in outcomes)
        return Outcome(self.name, done_before, "\n".join(one.text for one in outcomes))

    def _run(
        self, folder: Path, given: Mapping[str, Any], force: bool, progress: Progress
    ) -> Outcome:
        """Do the stage in one run folder, unless it is done already."""
        done, ready = self._look(folder, given, force, progress)
        if done:
            return done
        kept = self._kept(given, ready.options, folder, force=force)
        if kept:
            note(progress, f"{self.name}: kept from last time: {kept}")
        stamps = _stamps(folder, (self.name, *self.needs))
        with locked(folder):
            if _stamps(folder, (self.name, *self.needs)) != stamps:  # another process was here
                done, ready = self._look(folder, given, force, progress)
            return done or self._work(folder, ready)

    def _look(
        self, folder: Path, given: Mapping[str, Any], force: bool, progress: Progress
    ) -> tuple[Outcome | None, _Ready[Options]]:
        """What to say if the stage is done already; else None, and the work that is ready."""
        needed = {name: require(folder, name, self.name) for name in self.needs}
        options = self.resolved(folder, given, force=force)
        before = read_stamp(folder, self.name)
        prepared = self.prepare(Job(folder, options, before, needed, force, progress))
        now = {**prepared.inputs, **prepared.seen}
        ready = _Ready(options, prepared, needed)
        if force or not is_done(folder, self.name, options, now):
            return None, ready
        done = self.done_text
        text = f"{self.name}: nothing new to do in {folder}" if done is None else done(folder)
        return Outcome(self.name, True, text), ready

    def _work(self, folder: Path, ready: _Ready[Options]) -> Outcome:
        """Work, clear the stamp, write the files, write the stamp."""
        made = ready.prepared.work()
        clear_stamp(folder, self.name)
        outputs = hash_files(folder, tuple(made.write()))
        inputs = {**ready.prepared.inputs, **made.read}
        write_stamp(folder, self.name, Stamp(plain(ready.options), inputs, outputs))
        for name in edited_plans(folder, ready.needed.values()):
            warn(f"{self.name}: {name} was edited by hand, and is taken as it is now")
        return Outcome(self.name, False, made.text)

    def _kept(
        self, given: Mapping[str, Any], options: Options, folder: Path, *, force: bool
    ) -> str:
        """Options that hold because they were given the last time, as on the command line."""
        stamp = self.remembered(Asked(folder, read_stamp(folder, self.name), given, force))
        before = {} if stamp is None else stamp.options
        known = [one for one in options_of(self.options) if one.name in before]
        found = [(one, getattr(options, one.name)) for one in known if one.name not in given]
        return ", ".join(
            f"{one.flag} {NONE if value is None else one.kind.show(value)}"
            for one, value in found
            if value != one.default and one.name not in {"model", "data", *FREE}
        )

    def resolved(self, folder: Path, given: Mapping[str, Any], *, force: bool) -> Options:
        """Options that the stage would be done with: those given, else as last time, else defaults.

        Raises:
            OptionError: An option is unknown, or cannot have its value, or names what is unknown.
            StageError: The run folder is of another network.
        """
        check_names(given)
        asked = Asked(folder, read_stamp(folder, self.name), given, force)
        return resolve(given, self.remembered(asked), self.options())
